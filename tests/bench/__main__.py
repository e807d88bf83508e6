"""`make bench`: how fast the worker is, as ratios in one run, against the bounds that it is held to.

Real server, real client, real engine; the model is a fake one that answers in 200 ms. Exit 0 whatever the figures are,
1 when something could not be measured.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain
from typing import Any

from stages.errors import WorkerError
from tests.bench.growth import YEAR, growth
from tests.bench.history import history
from tests.bench.pool import pool
from tests.bench.rig import rig
from tests.bench.table import HEADER, Figure
from tests.bench.throughput import many_items, one_item
from tests.bench.ticks import first_call, idle
from tests.bench.verification import verification

Part = Callable[[Any], Iterator[Figure]]
"""Of a Rig, where it needs one."""

QUICK: dict[str, Part] = {
    "one": lambda rig: one_item(rig, 3),
    "64": lambda rig: many_items(rig, 64),
    "idle": lambda rig: idle(rig, 3, big=False),
    "growth": lambda rig: growth(rig, 5_000, 1, 16),
    "pool": lambda rig: pool(rig, 8, 4),
    "history": lambda rig: history(rig, 6, 4, 4),
    "verification": lambda _: verification(3, 0.02, 3, canaries=True),
}
WHOLE: dict[str, Part] = {
    "one": lambda rig: one_item(rig, 7),
    "64": lambda rig: many_items(rig, 64, 3),
    "256": lambda rig: many_items(rig, 256),
    "idle": lambda rig: idle(rig, 7, big=True),
    "first": lambda rig: first_call(rig, 7),
    "growth": lambda rig: growth(rig, YEAR, 3, 64),
    "pool": lambda rig: pool(rig, 64, 8),
    "history": lambda rig: history(rig, 30, 14, 12),
    "verification": lambda _: chain(verification(15, 0.02, 3, canaries=True), verification(5, 5, 1.2, canaries=False)),
}


ALONE = {"verification"}
"""Parts that need nothing of what the others run on."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a part of it, in under a minute")
    parser.add_argument("--only", nargs="+", choices=WHOLE, default=list(WHOLE), help="these parts")
    asked = parser.parse_args()
    parts = QUICK if asked.quick else WHOLE
    began = time.monotonic()
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n\n{HEADER}")
    try:
        with rig() if {*asked.only} - ALONE else nullcontext() as ready:
            for name, part in parts.items():
                if name in asked.only:
                    for figure in part(ready):
                        say(figure.line())
    except (WorkerError, RuntimeError) as error:
        say(f"Could not be measured: {error}")
        return 1
    say(f"\n{time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
