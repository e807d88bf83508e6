"""What a run uses, held against its limits. Runs in the supervisor: standard library only."""

import os
import resource
import time

from flows.adapters.sandbox import disk
from flows.adapters.sandbox.memory import Unseen
from flows.adapters.sandbox.processes import Family, Process, proportional_memory

MB = 1 << 20
WALKS_PER_LIMIT = 16
"""A folder is walked again once its file system lost this part of the limit."""
WALK_EVERY_S = 0.5
"""And at the latest after this time: not every file system tells what is free."""
WALK_SHARE = 0.1
"""Of the time, at most this much goes into walking folders."""


FULL = MB
"""Fewer bytes left on a file system: nobody can work there."""


class FullDisk(Exception):
    """The machine's disk, not the run's part of it: no fault of what was run."""


class Meter:
    """Looks at a family of processes and its folders; says which limit is broken."""

    def __init__(self, limits: dict[str, float], folders: list[str], shared_memory: bool) -> None:
        self._limits = limits
        self._folders = folders
        self._shared_memory = shared_memory
        self._started = time.monotonic()
        self._reaped = _reaped_cpu()
        self._unseen = Unseen(limits["memory_mb"] * MB)
        self._place = folders[0]
        self._least = self._room()
        if self._least < limits["disk_mb"] * MB:
            raise FullDisk(
                f"{self._place}: {self._least // MB} MB left, a run may use {limits['disk_mb']:g}: free some"
            )
        self._baseline = sum(map(disk.used, folders))
        self._free = self._free_space()
        self._walked = self._may_walk = self._started
        self.cpu_s = 0.0
        self.memory = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def broken(self, family: Family) -> str:
        """The limit that is broken now, empty for none."""
        if self.seconds > self._limits["wall_s"]:
            return "wall time"
        members = family.members()
        self.cpu_s = max(self.cpu_s, _reaped_cpu() - self._reaped + sum(p.cpu_s for p in members))
        if self.cpu_s > self._limits["cpu_s"]:
            return "CPU time"
        if sum(p.threads for p in members) > self._limits["pids"]:
            return "processes"
        if self._memory(members) > self._limits["memory_mb"] * MB:
            return "memory"
        return "disk" if self._disk(members) > self._limits["disk_mb"] * MB else ""

    def look_for_full_disk(self) -> None:
        """Raises FullDisk if others took the space that was there for the run."""
        if min(self._least, self._room()) < FULL:
            raise FullDisk(f"{self._place}: no space left on the machine's disk: free some")

    def _room(self) -> int:
        """Bytes that a user may still take; 0 where no file can be made."""
        status = os.statvfs(self._place)
        return status.f_bavail * status.f_frsize * bool(status.f_favail or not status.f_files)

    def _memory(self, members: list[Process]) -> int:
        apart = self._unseen.bytes(members) + (_used_shared_memory() if self._shared_memory else 0)
        memory = apart + sum(p.memory for p in members)
        if memory > self._limits["memory_mb"] * MB:  # forks share pages: count them once before we accuse
            memory = apart + sum(map(proportional_memory, members))
        self.memory = max(self.memory, memory)
        return memory

    def _disk(self, members: list[Process]) -> float:
        """Bytes added to the folders; 0 when no walk is due."""
        now, free = time.monotonic(), self._free_space()
        self._least = min(self._least, self._room())
        lost = self._free - free
        self._free = max(self._free, free)
        soon = lost > self._limits["disk_mb"] * MB / WALKS_PER_LIMIT or now > self._walked + WALK_EVERY_S
        if not soon or now < self._may_walk:
            return 0
        try:
            enough = self._baseline + self._limits["disk_mb"] * MB
            used = sum(disk.used(folder, enough) for folder in self._folders) - self._baseline
            used += sum(disk.deleted(folder, (p.folder for p in members)) for folder in self._folders)
        except disk.Unfathomable:
            return float("inf")
        self._free, self._walked = free, time.monotonic()
        self._may_walk = self._walked + (self._walked - now) / WALK_SHARE
        return used

    def _free_space(self) -> int:
        """Bytes left where the folders are, each file there counted as an entry more."""
        status = os.statvfs(self._place)
        return status.f_bfree * status.f_frsize + status.f_ffree * disk.ENTRY


def _reaped_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _used_shared_memory() -> int:
    status = os.statvfs("/dev/shm")  # noqa: S108 (private to the run)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
