"""What `make up` and `make worker` have in common: one at a time in a home, until Ctrl-C, and nothing left behind."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

from deployments.deploy import PROJECT
from deployments.leftovers import Started, leftovers
from deployments.processes import end
from flows.settings import Settings
from stages.errors import Permanent, WorkerError

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite end from elsewhere, and the terminal's end."""


def main(work: Callable[[], int]) -> int:
    """The exit code of a command that works until Ctrl-C."""
    os.chdir(PROJECT)  # relative settings and the deployment's working directory are the checkout's
    for number in ENDINGS:  # SIGINT also where a shell started us with it ignored; SIGHUP not under nohup
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupted)
    try:
        return work()
    except KeyboardInterrupt:
        return 0
    except WorkerError as error:
        return tell(error)


def until_stopped(home: Path, name: str, work: Callable[[Started], None]) -> int:
    """Do this work, then stop what it started. Returns the exit code; raises Permanent when `make NAME` runs here."""
    started = Started(home / f"{name}.json")
    with only_one(home, name):
        clear(started.record, name)
        try:
            work(started)
        except WorkerError as error:
            return tell(error)  # at once: stopping the others may take a while
        finally:
            for number in ENDINGS:  # a second Ctrl-C would leave behind what is not stopped yet
                signal.signal(number, signal.SIG_IGN)
            with suppress(OSError):  # the terminal may be gone
                say("Stopping what was started …")
            started.stop()
    return 0


@contextmanager
def only_one(home: Path, name: str) -> Iterator[None]:
    """Hold this home for one `make NAME`. Raises Permanent when another has it."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / f"{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Permanent(
            f"`make {name}` already runs here: {home} is in use. Stop it first (Ctrl-C in its window)."
        ) from None
    try:
        yield
    finally:
        lock.release()


def clear(record: Path, name: str) -> None:
    """Stop what a `make NAME` that was killed could not stop."""
    if left := leftovers(record):
        say(f"stopping  what a killed `make {name}` left: {', '.join(left).replace('The ', 'the ')}")
        for process in left.values():
            end(process)


def environment_of(settings: Settings) -> dict[str, str]:
    """What every process gets: ours, this interpreter first on the path, the home as an absolute path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "AUTOCODER_HOME": str(settings.home)}


def say(line: str) -> None:
    print(line, flush=True)


def tell(error: WorkerError) -> int:
    print(error, file=sys.stderr, flush=True)
    return 1


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
