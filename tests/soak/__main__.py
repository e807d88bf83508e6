"""`make soak`: a day of ticks in accelerated time, and whether memory, open files, disk and requests stay flat.

The flow runs 720 times, tick after tick in one process, against a real Prefect server, a local Hub and a fake model;
a worker runs the deployments on their schedule beside them. What lives on is looked at after each tick.
Two siblings write a finding every fifth tick, restart every 150 and write over their files from 1 on, repeating what
they said. A tick takes a second or two instead of 120; what the settings count in minutes (the full listing of an
upstream dataset) is shortened by the same factor. Exit 1 when something grew beyond its bound from the first quarter
of the day to the last.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from stages.errors import WorkerError
from tests.bench.rig import rig
from tests.soak.day import Tick, day

DAY = 720
TOLD = 60
"""Ticks per line."""
HEADER = (
    "tick    MB memory  open files   MB Hub  worker  server  open files  MB thoughts  MB index  MB rest"
    "  requests a tick (idle)  s a tick"
)


@dataclass(frozen=True)
class Bound:
    """How much the last quarter may be above the first: `times` as much, and `more`."""

    what: str
    times: float
    more: float
    why: str


BOUNDS = {
    "memory": Bound("memory, MB", 1.15, 5, "a leak of 0.1 MB a tick is found"),
    "files": Bound("open files", 1, 3, "connections that the client keeps vary by a few"),
    "hub": Bound("memory of the Hub, MB", 1.15, 5, "the same"),
    "worker": Bound("memory of the worker, MB", 1.15, 5, "the same"),
    "server": Bound("memory of Prefect's server, MB", 1.5, 20, "it keeps what it knows of every run, and is not ours"),
    "serving_files": Bound("open files of these three", 1, 6, "as above"),
    "requests": Bound("requests a tick", 1.2, 0.5, "the siblings write at one pace all day"),
    "rest": Bound("disk, the rest, MB", 1.5, 1, "outbox, claims, journals: of what is in hand"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--ticks", type=int, default=DAY)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    began, ticks = time.monotonic(), []
    try:
        with rig() as ready:
            say(f"{asked.ticks} ticks, seed {asked.seed}\n\n{HEADER}")
            for tick in day(ready, asked.ticks, asked.seed):
                ticks.append(tick)
                if len(ticks) % TOLD == 0:
                    say(_line(len(ticks), ticks[-TOLD:]))
    except (WorkerError, RuntimeError) as error:
        say(f"Could not be done: {error}")
        return 1
    grown = 0
    say("\nfirst quarter → last quarter")
    for line, flat in _judged(ticks):
        say(line)
        grown += not flat
    say(f"\n{time.monotonic() - began:.0f} s. " + (f"{grown} of {len(BOUNDS)} are not flat." if grown else "All flat."))
    return 1 if grown else 0


def _line(number: int, ticks: Sequence[Tick]) -> str:
    last, idle = ticks[-1], [tick.requests for tick in ticks if tick.state == "Idle"] or [0]
    return (
        f"{number:4}  {last.memory:11.1f}  {last.files:10}  {last.hub:7.1f}  {last.worker:6.1f}  {last.server:6.1f}"
        f"  {last.serving_files:10}  {last.thoughts:11.2f}  {last.index:8.2f}  {last.rest:7.2f}"
        f"  {mean(tick.requests for tick in ticks):15.1f} ({median(idle):4.1f})  {mean(t.seconds for t in ticks):8.2f}"
    )


def _judged(ticks: Sequence[Tick]) -> Iterator[tuple[str, bool]]:
    """A line for each measure, and whether it is flat."""
    quarter = max(1, len(ticks) // 4)
    first, last = ticks[:quarter][quarter // 5 :], ticks[-quarter:]  # the first ticks import and connect
    for name, bound in BOUNDS.items():
        before, after = (mean(getattr(tick, name) for tick in part) for part in (first, last))
        most = before * bound.times + bound.more
        flat = after <= most
        word = "flat" if flat else "GROWS"
        yield f"{word:5}  {bound.what:30} {before:8.2f} → {after:8.2f}, at most {most:8.2f}: {bound.why}", flat
    rows = sum(tick.state != "Idle" for tick in ticks) or 1
    for what, size, why in (
        ("index", ticks[-1].index, "it knows every row"),
        ("thoughts", ticks[-1].thoughts, "they go by AUTOCODER_CACHE_GIGABYTES and AUTOCODER_CACHE_DAYS"),
    ):
        yield f"       disk, {what}: {1000 * size / rows:.1f} kB a published tick; {why}", True


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
