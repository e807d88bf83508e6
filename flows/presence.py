"""That a run is being worked on in this home: a lock that its process holds, and that dies with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from filelock import FileLock, Timeout


@contextmanager
def present(home: Path, run: UUID) -> Iterator[None]:
    """Hold the run's lock meanwhile."""
    file = _file(home, run)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    lock.acquire(timeout=10)  # somebody may be looking whether it is free
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def is_alive(home: Path, run: UUID) -> bool | None:
    """Whether a process of this home works on the run; None if none has begun to, or it ended in order."""
    file = _file(home, run)
    if not file.exists():
        return None
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def tidy(home: Path) -> None:
    """Remove what dead processes left."""
    for file in (home / "runs").glob("*.lock"):
        if is_alive(home, UUID(file.stem)) is False:
            file.unlink(missing_ok=True)


def _file(home: Path, run: UUID) -> Path:
    return home / "runs" / f"{run}.lock"
