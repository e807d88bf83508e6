"""Child processes that are started together and stopped together."""

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import psutil

from stages.errors import Permanent

RESTARTS, OF_LATE_S = 5, 600.0
"""A process that ends more often within so many seconds is not started again."""
GRACE_S = 10.0
"""Seconds between the request to stop and the kill."""

_ON_THE_WORD = ("/bin/sh", "-c", 'read -r word && exec "$@" </dev/null', "sh")
"""The same process, once it is told to begin; it ends where who would have told it has ended."""


@dataclass
class Child:
    """A process with a log of its own, in a session of its own: Ctrl-C reaches only the one who started it."""

    name: str
    argv: list[str]
    log: Path
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)
    identity: psutil.Process = field(init=False)
    """Process id and time of start, so that it is never taken for a later process of the same id."""
    restarts: list[float] = field(default_factory=list)
    """Moments of the monotonic clock."""

    def start(self, told: Callable[[], object] = lambda: None) -> None:
        """Start it; `told` is called first, when it can be identified: where we die before, it never begins."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_ON_THE_WORD, *self.argv], env=dict(self.env), stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        with suppress(BrokenPipeError), cast("IO[bytes]", self.process.stdin) as word:  # broken if it was killed
            self.identity = psutil.Process(self.process.pid)
            told()
            word.write(b"go\n")
            word.flush()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def start_again(self, told: Callable[[], object] = lambda: None) -> None:
        """Start it once more. Raises Permanent with the end of its log when that was done too often of late."""
        now = time.monotonic()
        self.restarts = [*(then for then in self.restarts if now - then < OF_LATE_S), now]
        if len(self.restarts) > RESTARTS:
            self.check()
        self.start(told)

    def check(self) -> None:
        """Raises Permanent with the end of its log when it has ended."""
        if self.ended:
            raise Permanent(f"{self.name} ended (exit code {self.process.returncode}). {self.last_words()}")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once it is ready. Raises Permanent with the end of its log when it ends first or takes too long."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise Permanent(f"{self.name} was not ready after {seconds:.0f} s. {self.last_words()}")
            time.sleep(0.1)

    def last_words(self) -> str:
        """The end of its log, and where the rest is."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        return f"The end of {self.log}:\n  " + "\n  ".join(lines)


def stop(children: Iterable[Child]) -> None:
    """Stop the children in this order, each with everything that it started."""
    for child in children:
        end(child.identity)


def end(parent: psutil.Process) -> None:
    """Stop this process with everything that it started; kill what does not heed."""
    try:
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for member in family:
        _tell(member.terminate)
    _, left = psutil.wait_procs(family, timeout=GRACE_S)
    for member in left:
        _tell(member.kill)
    psutil.wait_procs(left, timeout=GRACE_S)


def _tell(signal: Callable[[], None]) -> None:
    try:
        signal()
    except psutil.NoSuchProcess:
        return
