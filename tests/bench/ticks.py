"""Runs that find nothing to do, and the way to the first model call, against a flow that does nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from tests.bench.rig import Ran, Rig
from tests.bench.table import Figure
from tests.bench.throughput import IMPLEMENT

NOTHING = "tests.bench.nothing.nothing"
HEAVY = ("openai", "datasets", "pyarrow")
"""Not imported where nothing is to be done."""
BIG = (10_000, 10)
"""Files in each upstream dataset, findings in each analysis: 100,000 rows."""
SMALL = (10, 1)


def idle(rig: Rig, times: int, *, big: bool) -> Iterator[Figure]:
    """An idle tick ÷ a flow that does nothing, and ÷ the same at the large size; interleaved, medians."""
    sizes = {"small": SMALL, **({"big": BIG} if big else {})}
    for owner, (files, findings) in sizes.items():
        rig.seed(owner, files, findings, "--decided")
        first = tick(rig, owner)
        took = first.ended - first.started
        yield Figure(f"first tick of a new machine, {files * findings:,} rows: s", took, None, f"{first.cpu:.1f} s CPU")
        tick(rig, owner)
    kinds: dict[str, Callable[[], Ran]] = {"nothing": lambda: _nothing(rig)}
    kinds |= {owner: lambda owner=owner: tick(rig, owner) for owner in sizes}  # type: ignore[misc]
    runs: dict[str, list[Ran]] = {kind: [] for kind in kinds}
    for _ in range(times):
        for kind, run in kinds.items():
            runs[kind].append(run())
    yield from _requests(rig, sizes)
    yield _imports(rig)
    yield ratio("idle tick ÷ empty flow: CPU", runs["small"], runs["nothing"])
    if big:
        yield ratio("idle tick, 100,000 rows and 10,000 files ÷ 10: CPU", runs["big"], runs["small"])
        yield ratio("idle tick, 100,000 rows and 10,000 files ÷ 10: time", runs["big"], runs["small"], elapsed)


def first_call(rig: Rig, times: int) -> Iterator[Figure]:
    """Process start to the first model call ÷ process start to an empty flow's first line."""
    rig.seed("first", times, 1)
    ours, theirs = [], []
    for _ in range(times):
        note = rig.folder / "first-line"
        ran = _nothing(rig)
        theirs.append(float(note.read_text()) - ran.started)
        before = len(rig.calls.read())
        ran = rig.run(IMPLEMENT, "first", limit=1)
        ours.append(min(call["began"] for call in rig.calls.read()[before:]) - ran.started)
    raw = f"{median(ours):.2f} s ÷ {median(theirs):.2f} s, medians of {times}"
    yield Figure("start to first model call ÷ empty flow's first line", median(ours) / median(theirs), 2, raw)


def tick(rig: Rig, owner: str, *options: str) -> Ran:
    """A run that finds nothing to do. Raises RuntimeError for any other."""
    ran = rig.run(IMPLEMENT, owner, options=options)
    if ran.state != "Idle":
        raise RuntimeError(f"a tick of {owner} was to be idle and ended as {ran.state}")
    return ran


def _nothing(rig: Rig) -> Ran:
    return rig.run(NOTHING, "nobody", note=str(rig.folder / "first-line"))


def _requests(rig: Rig, owners: "dict[str, tuple[int, int]]") -> Iterator[Figure]:
    for owner, (files, _) in owners.items():
        before = len(rig.requests.read())
        tick(rig, owner)
        asked = rig.requests.read()[before:]
        what = ", ".join(sorted({request["method"] for request in asked}))
        yield Figure(f"idle tick at {files:,} files: requests to the Hub", len(asked), 3, what)


def _imports(rig: Rig) -> Figure:
    ran = tick(rig, "small", "-X", "importtime")
    log = Path(rig.folder / "logs" / f"run-{ran.id}.log").read_text()
    imported = set(re.findall(r"^import time:.*\| +(\w+)$", log, re.MULTILINE))
    if "prefect" not in imported:
        raise RuntimeError("the interpreter told of no imports")
    found = [name for name in HEAVY if name in imported]
    return Figure("idle tick: imports of " + ", ".join(HEAVY), len(found), 0, ", ".join(found) or "none of them")


def _cpu(ran: Ran) -> float:
    return ran.cpu


def elapsed(ran: Ran) -> float:
    """Seconds from start to end."""
    return ran.ended - ran.started


def ratio(name: str, ours: list[Ran], theirs: list[Ran], of: Callable[[Ran], float] = _cpu) -> Figure:
    """Medians of one over the other."""
    over, under = median(map(of, ours)), median(map(of, theirs))
    return Figure(name, over / under, 1.2, f"{over:.2f} s ÷ {under:.2f} s, medians of {len(ours)}")
