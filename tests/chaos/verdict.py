"""The ledger of the model and the dataset's rows, held against each other."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.chaos.world import World

NAMED = 5
"""Of one kind of violation, so many are told one by one."""
CLOCK_S = 0.01
"""A row's time is rounded to milliseconds."""


def rows(main: Path) -> list[dict[str, Any]]:
    """Id, iteration and work item of every row, in the order of the shards' names."""
    shards = sorted((main / "data").glob("*.parquet"))
    columns = ["id", "iteration", "timestamp", "work_item", "verdict"]
    return [row for shard in shards for row in pq.ParquetFile(shard).read(columns).to_pylist()]


def violations(world: World) -> Iterator[str]:
    """A sentence for each thing that must not be."""
    return held_against(world.siblings.expected, rows(world.main), world.calls.read())


def held_against(expected: dict[str, str], found: list[dict[str, Any]], calls: list[dict[str, Any]]) -> Iterator[str]:
    """The same, of: id of an item → its title; rows; what the model wrote down."""
    yield from _lost(expected, found)
    yield from _double(found)
    yield from _gaps([row["iteration"] for row in found])
    yield from _repeated(calls)
    yield from _late(calls, found)


def _lost(expected: dict[str, str], found: list[dict[str, Any]]) -> Iterator[str]:
    there = {row["work_item"]["id"] for row in found}
    lost = {id_: title for id_, title in expected.items() if id_ not in there}
    for id_, title in [*lost.items()][:NAMED]:
        yield f"Lost: work item {id_} ({title}) has no row."
    if lost:
        yield f"Items lost: {len(lost)} of {len(expected)}."
    if strange := there - expected.keys():
        yield f"{len(strange)} rows are of work items that nobody found, such as {min(strange)}."


def _double(found: list[dict[str, Any]]) -> Iterator[str]:
    double = {id_: count for id_, count in Counter(row["id"] for row in found).items() if count > 1}
    for id_, count in [*double.items()][:NAMED]:
        yield f"Double: {id_} has {count} rows."
    again = Counter(row["work_item"]["id"] for row in found)
    if more := [id_ for id_, count in again.items() if count > 1]:
        yield f"Decided twice: {len(more)} work items, such as {more[0]}, though nobody asked for another attempt."


def _gaps(iterations: list[int]) -> Iterator[str]:
    if iterations != [*range(1, len(iterations) + 1)]:
        at = next(n for n, i in enumerate(iterations, 1) if i != n)
        yield f"Gap: `iteration` is {iterations[at - 1]} where {at} is due, in {len(iterations)} rows."


def _repeated(calls: list[dict[str, Any]]) -> Iterator[str]:
    repeated = [call for call in calls if call.get("stored")]
    for call in repeated[:NAMED]:
        first = next((c for c in calls if c["event"] == "answered" and _same(c, call)), None)
        prompt = "the same prompt was answered" if first else "another prompt was answered"
        yield f"Paid twice: {call['item']} {call['step']} was asked by {call['run']} though stored; {prompt} before."
    if repeated:
        yield f"Calls repeated whose result had been stored: {len(repeated)}."


def _late(calls: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    """Calls for what was decided by then; also where the store has forgotten it since."""
    decided = {row["work_item"]["id"]: datetime.fromisoformat(row["timestamp"]).timestamp() for row in found}
    late = [c for c in calls if c["event"] == "asked" and c["at"] > decided.get(c["item"], float("inf")) + CLOCK_S]
    for call in late[:NAMED]:
        yield f"Paid twice: {call['item']} {call['step']} was asked by {call['run']} after the item was decided."


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    keys = ("item", "step", "turn", "prompt")
    return all(one[key] == other[key] for key in keys) and one["at"] < other["at"]


def figures(world: World) -> Iterator[str]:
    """What happened, in numbers."""
    found, calls, requests = rows(world.main), world.calls.read(), world.requests.read()
    grades = Counter(row["verdict"]["grade"] for row in found)
    yield f"{len(world.siblings.expected)} work items, {len(found)} rows: " + _listed(grades)
    asked = [call for call in calls if call["event"] == "asked"]
    answered = Counter((c["item"], c["step"], c["turn"], c["prompt"]) for c in calls if c["event"] == "answered")
    again = sum(answered.values()) - len(answered)
    yield f"{len(asked)} calls, {again} answered again: their answer had died with a run before it was stored"
    yield "faults of the model: " + _listed(Counter(call["fault"] for call in asked if call["fault"]))
    faults = Counter(f"{r['endpoint']} {r['fault']}" for r in requests if r["event"] == "asked" and r["fault"])
    yield f"{sum(faults.values())} faults of the Hub: " + _listed(faults)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
