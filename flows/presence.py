"""That a run is being worked on in this home: a lock that its process holds, and that dies with it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

YOUNG_S = 5.0
"""So long after its file was made a run may not hold the lock yet."""


@contextmanager
def present(home: Path, run: UUID) -> Iterator[None]:
    """Hold the run's lock meanwhile."""
    file = _file(home, run)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # waits for whoever is looking whether it is free
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def is_alive(home: Path, run: UUID) -> bool | None:
    """Whether a process of this home works on the run; None if none has begun to, or it ended in order."""
    file = _file(home, run)
    try:
        with file.open("r") as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_EX | fcntl.LOCK_NB)
            young = time.time() - file.stat().st_mtime < YOUNG_S  # not there any more where it has just ended
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return young


def tidy(home: Path) -> None:
    """Remove what dead processes left."""
    for file in (home / "runs").glob("*.lock"):
        with suppress(ValueError):  # a file of somebody else
            if is_alive(home, UUID(file.stem)) is False:
                file.unlink(missing_ok=True)


def _file(home: Path, run: UUID) -> Path:
    return home / "runs" / f"{run}.lock"
