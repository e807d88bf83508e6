"""What the worker keeps on disk to be quicker, within bounds: what was not used for longest goes first."""

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from flows.adapters.lately import lately
from stages.errors import Misconfigured

CACHES = ("mirrors/*.git", "environments/*", "suites/*.json", "checked/*.json")
"""Below the home: mirrors of repositories, environments, what suites said, sound shards."""
RESULTS = ("[!h]*", "handed-out/*/*")
"""Below the folder of stored results: thoughts by item, which have hexadecimal names; items that were handed out."""
LEFT = ("*/*.gone-*", "*/*.tmp", "at/*/outbox/*.tmp")
"""What killed processes left: half removed, half written."""
EVERY_S = 3600.0
"""Between two looks: each adds up all sizes."""
SPARED_S = 3 * 3600.0
"""What was used so recently may be in use."""
GB, MB = 1e9, 1e6


@dataclass(frozen=True)
class Entry:
    """One thing that can be made anew."""

    path: Path
    used: float
    """Seconds since the epoch."""
    size: int
    """Bytes."""


class Caches:
    """The caches of a home, of at most so many gigabytes and unused for at most so many days.

    results: the folder of stored results, which several homes may share; None where they are on no disk of ours.
    """

    def __init__(
        self,
        home: Path,
        gigabytes: float,
        days: float,
        clock: Callable[[], float] = time.time,
        *,
        results: Path | None = None,
    ) -> None:
        self._home = home
        self._results = results
        self._bytes = gigabytes * GB
        self._seconds = days * 86_400
        self._clock = clock

    def check_room(self, megabytes: float) -> None:
        """Raises Misconfigured where the disk has less room: nothing is begun, and paid for, that could not be kept."""
        free = shutil.disk_usage(self._home).free
        if free < megabytes * MB:
            raise Misconfigured(
                f"Only {free / MB:.0f} MB are free on the disk of {self._home}, less than AUTOCODER_FREE_MEGABYTES "
                f"({megabytes:g}): make room. Nothing is lost, and nothing new is begun."
            )

    def used(self, thoughts: str) -> None:
        """The stored thoughts of this key were used now."""
        if self._results:
            with suppress(FileNotFoundError):
                os.utime(self._results / thoughts)

    def tidy(self, needed: Callable[[set[str]], Collection[str]] = lambda _: ()) -> int:
        """How many entries were removed; looks once an hour.

        needed: gives, of the keys of attempts of which something is stored, those without an outcome: what was thought
        of them, or handed over, stays, whatever its age and size.
        """
        now, stamp = self._clock(), self._home / "tidied"
        if stamp.exists() and lately(stamp.stat().st_mtime, now, EVERY_S):
            return 0
        gone = 0
        for pattern in LEFT:
            for path in self._home.glob(pattern):
                with suppress(OSError):
                    if now - path.stat().st_mtime > SPARED_S:
                        _remove(path)
        entries = sorted(self._entries(), key=lambda entry: entry.used)
        left = sum(entry.size for entry in entries)
        stays = needed({key for entry in entries if (key := self._key(entry))})
        for entry in (entry for entry in entries if self._key(entry) not in stays):
            age = now - entry.used
            if age < SPARED_S or (age < self._seconds and left <= self._bytes):
                break
            _remove(entry.path)
            left, gone = left - entry.size, gone + 1
        stamp.touch()
        return gone

    def _key(self, entry: Entry) -> str:
        """Of the attempt that this is stored of; empty for other caches."""
        return entry.path.name.partition(".")[0] if self._results and self._results in entry.path.parents else ""

    def _entries(self) -> Iterator[Entry]:
        places = [(self._home, pattern) for pattern in CACHES]
        places += [(self._results, pattern) for pattern in RESULTS if self._results]
        for folder, pattern in places:
            for path in folder.glob(pattern):
                with suppress(FileNotFoundError):  # another run may be tidying
                    yield Entry(path, path.stat().st_mtime, _size(path))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)


def _remove(path: Path) -> None:
    """Gone at once for all who look, then removed."""
    gone = path.with_name(f"{path.name}.gone-{uuid4().hex}")
    with suppress(OSError):
        path.rename(gone)
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
