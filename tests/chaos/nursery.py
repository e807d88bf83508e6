"""`python -m tests.chaos.nursery`: `--once` runs, each a process of its own, born where all imports are done already.

A line of JSON on stdin is a run to begin; its process id is the answer. Half of what a run costs is imports, and dying
there shows little; those that are to die soon after their start are started from nothing (`once.once`).
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.deploy import PROJECT

ADOPT = 36
"""PR_SET_CHILD_SUBREAPER: orphans below this process become its children."""


@dataclass
class Forked:
    """A process that the nursery made, as `subprocess.Popen` would show it."""

    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises TimeoutExpired."""
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.02)
        return code


@dataclass
class Nursery:
    """The process that runs are born of."""

    env: Mapping[str, str]
    process: "subprocess.Popen[str]" = field(init=False)

    def __post_init__(self) -> None:
        ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
        argv = [sys.executable, "-m", "tests.chaos.nursery"]
        self.process = subprocess.Popen(
            argv, cwd=PROJECT, env=dict(self.env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, limit: int, key: str, log: Path) -> Forked:
        """A run under way."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"limit": limit, "key": key, "log": str(log)}) + "\n")
        self.process.stdin.flush()
        return Forked(int(self.process.stdout.readline()))


def main() -> None:
    import flows.adapters.model
    import flows.adapters.results
    import flows.adapters.verification  # noqa: F401
    import stages.templates  # noqa: F401
    from flows.once import main as run

    while line := sys.stdin.readline():
        if _born():
            _settle(json.loads(line))
            run()
            break


def _born() -> bool:
    """Whether this is the new process; the old one tells its id."""
    seen, told = os.pipe()
    if between := os.fork():
        os.waitpid(between, 0)  # from now on the new one is the child of whoever adopts
        os.close(told)
        os.write(1, os.read(seen, 20) + b"\n")
        os.close(seen)
        return False
    if new := os.fork():
        os.write(told, b"%d" % new)
        os._exit(0)
    os.close(seen)
    os.close(told)
    return True


def _settle(asked: dict[str, Any]) -> None:
    """Its own session, log, key and arguments."""
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, place)
    os.environ["OPENAI_API_KEY"] = asked["key"]
    sys.argv[1:] = ["--once", "--limit", str(asked["limit"])]


if __name__ == "__main__":
    main()
