"""The descendants of a process, as /proc shows them: what they use, and their end.

Runs in the supervisor: standard library only.
"""
# ruff: noqa: PTH116, PTH123, PTH208 (every 15 ms)

import os
import signal
import time
from contextlib import suppress
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE_S = 20.0
"""A process in uninterruptible sleep may take this long to die."""


class Process(NamedTuple):
    """One line of /proc/PID/stat, as far as it matters."""

    pid: int
    parent: int
    dead: bool
    """A zombie: it uses nothing and waits to be reaped."""
    cpu_s: float
    """Its own and that of children it has reaped."""
    threads: int
    memory: int
    """Resident bytes; pages shared between forks count for each of them."""
    folder: str
    """In /proc, of a thread that is alive."""


def read(pid: int) -> Process | None:
    """A process, None if there is none."""
    folder = f"/proc/{pid}"
    if (fields := _fields(folder)) is None:
        return None
    cpu_s, threads = sum(map(int, fields[11:15])) / TICK, int(fields[17])
    if fields[0] in b"ZX" and threads > 1:  # its first thread ended, others go on
        folder, fields = _other_thread(folder) or (folder, fields)
    return Process(pid, int(fields[1]), fields[0] in b"ZX", cpu_s, threads, int(fields[21]) * PAGE, folder)


def _fields(folder: str) -> list[bytes] | None:
    """Those of a stat file from the state on."""
    try:
        with open(f"{folder}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _other_thread(folder: str) -> tuple[str, list[bytes]] | None:
    with suppress(OSError):
        for name in os.listdir(f"{folder}/task"):
            thread = f"{folder}/task/{name}"
            if (fields := _fields(thread)) and fields[0] not in b"ZX":
                return thread, fields
    return None


class Family:
    """All descendants of this process. It must be a subreaper, so that none leaves the family by losing its parent."""

    def __init__(self) -> None:
        self.root = os.getpid()
        self._strangers: set[int] = set()

    def members(self, *, thorough: bool = False) -> list[Process]:
        """Those alive now. Who is known as a stranger is not looked at again unless `thorough`: a tenth of the cost."""
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        self._strangers &= set() if thorough else there
        known = {pid: process for pid in there - self._strangers if (process := read(pid))}
        kin = {pid: self._kin(pid, known) for pid in known}
        self._strangers |= {pid for pid, is_kin in kin.items() if is_kin is False}
        return [known[pid] for pid, is_kin in kin.items() if is_kin and pid != self.root and not known[pid].dead]

    def _kin(self, pid: int, known: dict[int, Process]) -> bool | None:
        """None: its parent ended while we looked, so nothing can be said before the next look."""
        while pid in known:
            if pid == self.root:
                return True
            pid = known[pid].parent
        return False if pid == 0 or pid in self._strangers else None

    def end(self) -> dict[int, int]:
        """Kill all and reap all: pid → wait status of those that were ours to reap, which in the end is everyone.

        Raises TimeoutError when one does not die.
        """
        statuses: dict[int, int] = {}
        deadline = time.monotonic() + PATIENCE_S
        while True:
            alive = self._stopped()
            for pid in alive:
                _signal(pid, signal.SIGKILL)
            if not _reap(statuses) and not alive:
                return statuses
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(alive)} processes did not die within {PATIENCE_S:.0f} s")
            time.sleep(0.001)

    def _stopped(self) -> set[int]:
        """All that are alive, stopped: none can start another before it is killed."""
        stopped: set[int] = set()
        while new := {process.pid for process in self.members(thorough=True)} - stopped:
            for pid in new:
                _signal(pid, signal.SIGSTOP)
            stopped |= new
        return stopped


def _reap(statuses: dict[int, int]) -> bool:
    """Note the end of all dead children; whether there are others."""
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            statuses[ended[0]] = ended[1]
    except ChildProcessError:
        return False
    return True


def threads_of(uid: int) -> int:
    """Processes and threads of a uid on this machine: RLIMIT_NPROC counts them all."""
    total = 0
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid and (process := read(int(name))):
                total += process.threads
    return total


def proportional_memory(process: Process) -> int:
    """Resident bytes with shared pages divided among those that share them, without shared memory; slower."""
    with suppress(OSError), open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
        lines = [line.split() for line in file]
        found = {line[0]: int(line[1]) * 1024 for line in lines if line[0] in (b"Pss:", b"Pss_Shmem:")}
        return found.get(b"Pss:", process.memory) - found.get(b"Pss_Shmem:", 0)
    return process.memory


def out_of_memory_kills() -> int:
    """How many processes the machine has killed for want of memory, in any of its control groups, since it started."""
    with suppress(OSError), open("/proc/vmstat", "rb") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    return 0


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
