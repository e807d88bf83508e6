"""Folders for temporary files that no death leaves behind: each is locked while in use, and swept once it is not."""

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.adapters.sandbox import disk
from flows.adapters.sandbox.identity import is_ours

ENDINGS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
OF_RUNS = "autocoder-sandbox-"
"""Prefix of the folders of confined runs."""
LOCKED = "locked-"
"""In the name of every folder that is locked while in use: those of an older worker beside us are not."""


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder of that prefix that is closed to others, removed afterwards whatever was put there."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # none comes between its making and our minding it
    try:
        folder, lock = _locked(prefix)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            yield Path(folder)
        finally:
            _remove(folder, lock)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def sweep(*prefixes: str) -> None:
    """Remove our folders of these prefixes that nobody uses: whoever made them was killed. No link is followed."""
    names = tuple(f"{prefix}{LOCKED}" for prefix in prefixes)
    found: list[str] = []
    with suppress(PermissionError), os.scandir(tempfile.gettempdir()) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(names)]
    for folder in found:
        with suppress(OSError):  # another's, none, in use, or somebody else sweeps it
            _remove_unused(folder)


def _remove(folder: str, lock: int) -> None:
    try:
        disk.remove(folder)
    finally:
        os.close(lock)


def _locked(prefix: str) -> tuple[str, int]:
    """A new folder, and a descriptor that holds its lock: the kernel lets go of it when the process dies."""
    while True:
        folder = tempfile.mkdtemp(prefix=f"{prefix}{LOCKED}")
        with suppress(FileNotFoundError):  # swept between the two
            lock = _open(folder)
            with suppress(OSError):  # where folders cannot be locked, nobody sweeps
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _is(folder, lock):
                return folder, lock
            os.close(lock)


def _remove_unused(folder: str) -> None:
    """Raises OSError for what is not to be removed."""
    lock = _open(folder)
    try:
        if is_ours(os.fstat(lock).st_uid):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(folder, lock):  # as long as we hold it, none of us removes it, and nobody else may
                disk.remove(folder)
    finally:
        os.close(lock)


def _open(folder: str) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _is(folder: str, lock: int) -> bool:
    """Whether that is still the folder of this name."""
    try:
        return os.path.samestat(os.lstat(folder), os.fstat(lock))
    except FileNotFoundError:
        return False
