"""One run of `python -m flows.implement --once`, to be killed or left alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments.deploy import PROJECT


@dataclass
class Run:
    """One `python -m flows.implement --once`."""

    name: str
    process: subprocess.Popen[bytes]
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


def once(name: str, limit: int, log: Path, env: Mapping[str, str]) -> Run:
    """Start a run; the model knows it by its name, which is its key."""
    argv = [sys.executable, "-m", "flows.implement", "--once", "--limit", str(limit)]
    given = {**env, "OPENAI_API_KEY": name}
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, cwd=PROJECT, env=given, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    return Run(name, process, log, time.monotonic())
