"""One run of `python -m flows.implement --once`, to be killed or left alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.deploy import PROJECT
from tests.chaos.nursery import Forked


@dataclass
class Run:
    """One `python -m flows.implement --once`."""

    name: str
    process: "subprocess.Popen[bytes] | Forked"
    log: Path
    started: float
    """By the monotonic clock."""

    @property
    def words(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace")

    def kill(self, family: bool) -> None:
        """SIGKILL, to it alone or to its children, too."""
        with suppress(ProcessLookupError):
            (os.killpg if family else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()


def once(limit: int, key: str, log: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """A run begun from nothing."""
    argv = [sys.executable, "-m", "flows.implement", "--once", "--limit", str(limit)]
    given = {**env, "OPENAI_API_KEY": key}
    with log.open("wb") as file:
        return subprocess.Popen(
            argv, cwd=PROJECT, env=given, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
