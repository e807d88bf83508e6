"""What a year does to the results dataset: 262,800 rows, one every two minutes, against its first day.

The year's full shards are written directly; its last commits are made by the worker's own code, over HTTP.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deployments.deploy import PROJECT
from flows.adapters.hub import Hub
from flows.adapters.inspection import inspect
from flows.adapters.ledger import DATA, STATE, WORKER, Ledger, Line
from flows.adapters.local_hub import LocalHub
from flows.adapters.parquet import pack, table
from flows.adapters.results import Results
from flows.adapters.shards import ROWS_CAP, STATE_CAP, Span, plan
from stages.card import card
from stages.columns import Progress
from stages.rows import number, row
from tests.bench.rig import Ran, Rig
from tests.bench.table import Figure
from tests.bench.ticks import elapsed, ratio, tick
from tests.outcomes import full, small

YEAR = 262_800
NOISE = 1_000
"""Bytes of each row that cannot be made smaller; the rest of a row is the same in all."""
NAME = "autocoder-implementation-results"


def growth(rig: Rig, rows: int, times: int, commits: int) -> Iterator[Figure]:
    """Files, a tick, a commit, a look from a new machine and `load_dataset`, after so many rows.

    Of `commits` (64 have a merge of 64 rows among them) and `times` other measurements the median is told.
    """
    folder = LocalHub(rig.folder / "hub")
    for owner, count in (("young", 0), ("old", rows), ("full", ROWS_CAP - 1)):
        seed(folder, owner, count)
    hub = Hub(rig.env["AUTOCODER_LOCAL_HUB"])
    ages = {age: Results(hub, f"{age}/{NAME}", home=rig.folder / "growth" / age) for age in ("young", "old", "full")}
    took = {age: _timed(results.state) for age, results in ages.items()}
    yield Figure(f"first look of a new machine, {rows:,} rows: s", took["old"], None, "")
    yield from _commits(ages, commits)
    yield from _ticks(rig, times)
    files = len(folder.files(f"old/{NAME}"))
    yield Figure(f"files after {rows:,} rows", files, 150, "state, card and latest.json included")
    yield from _loaded(rig, folder, rows, times)
    began = time.perf_counter()
    found = inspect(hub, f"old/{NAME}")
    raw = f"{found.size / 1e6:.0f} MB" if not found.faults else f"NOT SOUND: {found.faults[0]}"
    yield Figure(f"the daily check, {rows:,} rows: s", time.perf_counter() - began, None, raw)


def _commits(ages: dict[str, Results], count: int) -> Iterator[Figure]:
    """The cost of a commit of one row, in turns."""
    took: dict[str, list[float]] = {age: [] for age in ages}
    whole = _timed(lambda: ages["full"].append([small(10_000_000)]))
    for n in range(count):
        for age in ("young", "old"):
            took[age].append(_timed(lambda age=age, n=n: ages[age].append([small(10_000_000 + n)])))  # type: ignore[misc]
    over, under = median(took["old"]), median(took["young"])
    raw = f"{over * 1e3:.0f} ms ÷ {under * 1e3:.0f} ms, medians of {count}"
    yield Figure("a commit, a year ÷ the first day", over / under, 1.2, raw)
    dearest = f"of {count} at a year at most {max(took['old']):.2f} s, on the first day {max(took['young']):.2f} s"
    yield Figure(f"a commit that merges {ROWS_CAP:,} rows: s", whole, None, dearest)


def _ticks(rig: Rig, times: int) -> Iterator[Figure]:
    """A run that finds nothing to do, in turns; the first one of each learns what there is."""
    ran: dict[str, list[Ran]] = {"young": [], "old": []}
    for age in ran:
        tick(rig, age)
    for _ in range(times):
        for age, runs in ran.items():
            runs.append(tick(rig, age))
    yield ratio("a tick, a year ÷ the first day: CPU", ran["old"], ran["young"])
    yield ratio("a tick, a year ÷ the first day: time", ran["old"], ran["young"], elapsed)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _loaded(rig: Rig, folder: LocalHub, rows: int, times: int) -> Iterator[Figure]:
    """`load_dataset` of the shards ÷ of one file that has the same rows, each in a process and a cache of its own."""
    data = folder.path(f"old/{NAME}") / "data"
    one = rig.folder / "one.parquet"
    with pq.ParquetWriter(one, pq.read_schema(next(iter(data.iterdir())))) as writer:
        for shard in sorted(data.iterdir()):
            writer.write_table(pq.read_table(shard))
    places = {"shards": str(data / "*.parquet"), "one": str(one)}
    took: dict[str, list[float]] = {kind: [] for kind in places}
    for n in range(times):
        for kind, place in places.items():
            took[kind].append(_load(place, rig.folder / "cache" / f"{kind}-{n}"))
    over, under = median(took["shards"]), median(took["one"])
    raw = f"{over:.1f} s ÷ {under:.1f} s, medians of {times}"
    yield Figure(f"load_dataset of {rows:,} rows ÷ of one file", over / under, 1.5, raw)


def _load(place: str, cache: Path) -> float:
    program = f"""
import time
from datasets import disable_progress_bars, load_dataset
disable_progress_bars()
began = time.perf_counter()
load_dataset("parquet", data_files={place!r}, split="train", cache_dir={str(cache)!r})[-1]
print(time.perf_counter() - began)
"""
    env = {**os.environ, "HF_HOME": str(cache / "home")}
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{place} could not be loaded:\n{done.stderr[-2000:]}")
    return float(done.stdout)


# --- the seed ----------------------------------------------------------------------------------------


def seed(hub: LocalHub, owner: str, rows: int) -> None:
    """A results dataset of so many rows as single commits would have left it, and upstream datasets without records."""
    for name in ("analysis", "test-planning"):
        hub.put(f"{owner}/autocoder-{name}-results", {"README.md": b"# Nothing yet"})
    files: dict[str, bytes | None] = {}
    shards, state = (_grown(rows, cap) for cap in (ROWS_CAP, STATE_CAP))
    template = _template()
    for shard in shards:
        files[shard.name(DATA)] = _shard(template, shard)
    for shard in state:
        lines = (Line(n, _id(n), None).text() for n in range(shard.first, shard.last + 1))
        files[shard.name(STATE)] = "".join(lines).encode()
    progress = Progress(**_progress(rows)) if rows else Progress()
    verdicts = {"self-tested": rows} if rows else {}
    ledger = Ledger(epoch="bench", first=1, next=rows + 1, verdicts=verdicts, progress=progress)
    files |= {WORKER: ledger.worker_json(), "README.md": card(f"{owner}/{NAME}", verdicts, progress).encode()}
    hub.put(f"{owner}/{NAME}", files)


def _grown(rows: int, cap: int) -> tuple[Span, ...]:
    shards: list[Span] = []
    for n in range(1, rows + 1):
        planned = plan(shards, Span(n, n), cap)
        del shards[len(shards) - len(planned.replaced) :]
        shards.extend(planned.write)
    return tuple(shards)


def _id(n: int) -> str:
    return f"{n:016x}-1"


def _progress(n: int) -> dict[str, int]:
    return {"implementations_generated": n, "tests_written": 2 * n, "issues_discovered": n}


def _template() -> Any:
    """ROWS_CAP rows alike."""
    (one,) = number([row(full())], 1, Progress(), set())
    return table([one] * ROWS_CAP)


def _shard(template: Any, shard: Span) -> bytes:
    """The template's rows with the iterations, ids and counts of this shard."""
    numbers = range(shard.first, shard.last + 1)
    part = template.slice(0, shard.size)
    columns = {
        "iteration": list(numbers),
        "id": [_id(n) for n in numbers],
        "cumulative_progress": [_progress(n) for n in numbers],
        "patch": [random.randbytes(NOISE).hex() for _ in numbers],
    }
    for name, values in columns.items():
        at = part.schema.get_field_index(name)
        part = part.set_column(at, part.field(at), pa.array(values, part.field(at).type))
    (content,) = pack([part], [shard.size])
    return content
