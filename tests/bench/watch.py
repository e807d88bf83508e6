"""CPU and memory of processes while they run, from outside."""

import time
from bisect import bisect_left
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import psutil

EVERY_S = 0.1
MACHINE = "the whole machine"


class Watch:
    """Samples processes with their children, by name, while the `with` block lasts."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._samples: dict[str, list[tuple[float, float]]] = {name: [] for name in (*pids, MACHINE)}
        """Moment and CPU seconds until then."""
        self.peak = dict.fromkeys(pids, 0.0)
        """Highest resident memory of the process itself, MB."""
        self._over = Event()
        self._thread = Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def cpu(self, name: str, since: float, until: float) -> float:
        """CPU seconds between two moments (seconds since the epoch), as near as the samples are."""
        samples = self._samples[name]
        begin, end = (min(bisect_left(samples, (at, 0.0)), len(samples) - 1) for at in (since, until))
        return samples[end][1] - samples[begin][1]

    def others(self, since: float, until: float) -> float:
        """Cores that everything which is not watched kept busy meanwhile, this bench included."""
        ours = sum(self.cpu(name, since, until) for name in self._pids)
        return max(0.0, self.cpu(MACHINE, since, until) - ours) / (until - since)

    def _follow(self) -> None:
        while not self._over.wait(EVERY_S):
            machine = psutil.cpu_times()
            self._samples[MACHINE].append((time.time(), machine.user + machine.nice + machine.system))
            for name, pid in self._pids.items():
                try:
                    self._samples[name].append((time.time(), cpu_of(pid)))
                    self.peak[name] = max(self.peak[name], peak_of(pid))
                except (psutil.Error, OSError, StopIteration):
                    continue  # it ended


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and its children, those that ended included."""
    root = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:4]) for process in [root, *root.children(recursive=True)])


def peak_of(pid: int) -> float:
    """Highest resident memory so far, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
