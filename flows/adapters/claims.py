"""Who works on what, within one home: a file lock that dies with its process."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from stages.errors import Transient

PATIENCE_S = 60.0
"""Taking up items is a matter of milliseconds."""


class Claims:
    """Locks on work items, held until released or until the process dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, FileLock] = {}

    @property
    def held(self) -> set[str]:
        """The ids that are ours."""
        return set(self._held)

    def take(self, ids: Iterable[str], limit: int) -> set[str]:
        """Up to `limit` of the ids, in order, that no other run works on; they are ours now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        taken: set[str] = set()
        for id_ in ids:
            if len(taken) == limit:
                break
            lock = FileLock(self.folder / f"{id_}.lock", timeout=0, thread_local=False)
            try:
                lock.acquire()
            except Timeout:
                continue
            self._held[id_] = lock
            taken.add(id_)
        return taken

    def free(self, ids: Iterable[str], limit: int) -> set[str]:
        """Up to `limit` of the ids, in order, that no other run works on; they stay free."""
        elsewhere = self.elsewhere()
        return set(islice((id_ for id_ in ids if id_ not in elsewhere), limit))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other run takes anything meanwhile. Raises Transient where one does so for too long."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / "taking", timeout=PATIENCE_S, thread_local=False):
                yield
        except Timeout as held:
            raise Transient(f"Another run has been taking up items for {PATIENCE_S:g} s ({held}).") from held

    def elsewhere(self) -> set[str]:
        """The ids that other runs work on now."""
        names = {path.stem for path in self.folder.glob("*.lock")} - self.held
        return {id_ for id_ in names if not self._free(id_)}

    def _free(self, id_: str) -> bool:
        """Whether nobody holds it; what a dead process left of it is cleared away."""
        with Claims(self.folder) as probe:
            return bool(probe.take([id_], limit=1))

    def release(self) -> None:
        """Give all of them back."""
        for id_, lock in self._held.items():
            (self.folder / f"{id_}.lock").unlink(missing_ok=True)
            lock.release()
        self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
