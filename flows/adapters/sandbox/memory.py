"""Memory that no process's resident set shows: shared pages that were let go, page tables, what lies in sockets.

Runs in the supervisor: standard library only.
"""
# ruff: noqa: PTH115, PTH116, PTH123, PTH208 (every 15 ms)

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from flows.adapters.sandbox.processes import Process

LOOK_EVERY_S = 0.25
LOOKS_PER_LIMIT = 16
"""Looked for at once when this part of the limit may have been added."""
BUFFER = 2 * 212_992
"""What a socket may hold, and its other end that was closed; the kernel's default, which the filter keeps from growing.
"""

MAPPINGS = 200_000
"""Of all processes together: more are no honest ones, take kernel memory that nobody tells, and long to look at."""
TOO_MANY = 1 << 62
"""Bytes that break any limit."""


class Unseen:
    """Such memory of a family, looked for when there can be some."""

    def __init__(self, limit: float) -> None:
        self._step = limit / LOOKS_PER_LIMIT
        self._before = self._shared_then = _shared_on_machine()
        self._descriptors = 0
        self._look_at = 0.0
        self._mapped: Counter[bytes] = Counter()
        self._found = 0

    def bytes(self, members: Sequence[Process]) -> int:
        """All of it, as far as is known now."""
        shared, descriptors = _shared_on_machine(), sum(map(_descriptors, members))
        added = shared - self._shared_then > self._step or (descriptors - self._descriptors) * BUFFER > self._step
        if added or time.monotonic() > self._look_at:
            self._shared_then, self._descriptors = shared, descriptors
            self._found = self._shared(members, shared) + _in_tables(members) + _in_sockets(members)
            self._look_at = time.monotonic() + LOOK_EVERY_S
        return self._found

    def _shared(self, members: Sequence[Process], on_machine: int) -> int:
        """Of mappings without a file. Exact for root; else what may be in them, and is new on this machine."""
        exact: dict[bytes, int] = {}
        extents: Counter[bytes] = Counter()
        room = MAPPINGS
        for process in members:
            lines = _lines(process, room)
            room -= len(lines)
            if room <= 0:
                return TOO_MANY
            for extent, inode in _shared_without_file(lines):
                first, last = (int(end, 16) for end in extent.split(b"-"))
                extents[inode] += last - first
                with suppress(OSError):
                    exact[inode] = os.stat(f"{process.folder}/map_files/{first:x}-{last:x}").st_blocks * 512
        # a part that was unmapped stays as long as another part is mapped
        self._mapped = Counter({inode: max(size, self._mapped[inode]) for inode, size in extents.items()})
        unknown = sum(size for inode, size in self._mapped.items() if inode not in exact)
        return sum(exact.values()) + min(unknown, max(0, on_machine - self._before))


def _lines(process: Process, most: int) -> list[bytes]:
    """Its mappings as the kernel tells them, at most so many."""
    with suppress(OSError), open(f"{process.folder}/maps", "rb") as file:
        return list(islice(file, most))
    return []


def _shared_without_file(lines: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Extent and inode of each such mapping."""
    found = [line.split(maxsplit=5) for line in lines if b"/dev/zero" in line]
    return [(line[0], line[4]) for line in found if line[1].endswith(b"s")]


def _in_tables(members: Sequence[Process]) -> int:
    total = 0
    for process in members:
        with suppress(OSError), open(f"{process.folder}/status", "rb") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith(b"VmPTE:")) * 1024
    return total


def _in_sockets(members: Sequence[Process]) -> int:
    """The most that can be: nobody tells what is."""
    sockets: set[str] = set()
    for process in members:
        with suppress(OSError):
            for name in os.listdir(f"{process.folder}/fd"):
                with suppress(OSError):
                    sockets.add(os.readlink(f"{process.folder}/fd/{name}"))
    return BUFFER * sum(name.startswith("socket:") for name in sockets)


def _descriptors(process: Process) -> int:
    """How many it has, 0 before Linux 6.2."""
    with suppress(OSError):
        return os.stat(f"{process.folder}/fd").st_size
    return 0


def _shared_on_machine() -> int:
    with suppress(OSError), open("/proc/meminfo", "rb") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Shmem:")), 0)
    return 0
