"""What one commit to the results dataset changes: rows, merges, state, card and latest.json together."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.adapters.ledger import DATA, STATE, WORKER, Ledger, Line, Seen, Spent, add_lines, merge_spent
from flows.adapters.ledger_copy import LedgerCopy, blob_id
from flows.adapters.parquet import UnreadableShard, pack, read, table
from flows.adapters.shards import ROWS_CAP, STATE_CAP, Plan, Span, plan
from stages.card import card
from stages.rows import number

Row = dict[str, Any]
Read = Callable[[str], bytes]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """What is to be added."""

    rows: tuple[Row, ...]
    """Without iteration and cumulative progress."""
    seen: tuple[Seen, ...]
    spent: Spent

    def without(self, ids: Container[str]) -> "Batch":
        """Only the rows that are not there yet."""
        return replace(self, rows=tuple(row for row in self.rows if row["id"] not in ids))


@dataclass(frozen=True)
class Commit:
    """A commit to be, and what is known once it has gone through."""

    operations: dict[str, bytes | None]
    message: str
    ledger: Ledger
    shards: dict[str, str]
    """Path → blob id of the state's shards."""
    lines: list[Line]
    span: Span


def compose(dataset: str, batch: Batch, ledger: Ledger, copy: LedgerCopy, read_shard: Read, merge: bool) -> Commit:
    """The commit that adds the batch to this ledger. `read_shard` gives the bytes of a path at the ledger's head.

    Raises what `read_shard` raises. A neighbour that cannot be read is left as it is, with a warning.
    """
    known = copy.items({row["work_item"]["id"] for row in batch.rows}, ledger)
    rows = number(batch.rows, ledger.next, ledger.progress, known)
    new = Span(ledger.next, ledger.next + len(rows) - 1)
    lines = add_lines(new.first, [row["id"] for row in rows], batch.seen)
    data_plan, data = _data(rows, new, ledger.rows if merge else (), read_shard)
    state_plan, state = _state(lines, new, ledger, copy, merge)
    grown = Ledger(
        epoch=ledger.epoch,
        first=ledger.first,
        oldest=ledger.oldest,
        next=new.last + 1,
        verdicts=Counter(ledger.verdicts) + Counter(row["verdict"]["grade"] for row in rows),
        progress=rows[-1]["cumulative_progress"],
        spent=merge_spent(ledger.spent, batch.spent),
        rows=data_plan.after(ledger.rows),
        state=state_plan.after(ledger.state),
    )
    operations: dict[str, bytes | None] = dict.fromkeys(
        [*ledger.litter, *data_plan.deletes(DATA), *state_plan.deletes(STATE)]
    )
    operations |= {**data, **state, "latest.json": latest(rows[-1]), **_counted(dataset, grown)}
    return Commit(operations, _message(new, rows), grown, _shards(copy, operations, state), lines, new)


def revised(
    dataset: str, ledger: Ledger, copy: LedgerCopy, changes: Mapping[str, bytes | None], message: str
) -> Commit:
    """The commit that adds no row: these changes, the counters of this ledger, and its state where that is new."""
    none = Span(ledger.next, ledger.next - 1)
    state_plan, state = Plan((), ()), dict[str, bytes]()
    if not ledger.state and ledger.first < ledger.next:
        state_plan, state = _state((), none, ledger, copy, merge=False)
    written = ledger.model_copy(update={"state": state_plan.after(ledger.state), "litter": ()})
    operations: dict[str, bytes | None] = dict.fromkeys(ledger.litter)
    operations |= {**changes, **state, **_counted(dataset, written)}
    return Commit(operations, message, written, _shards(copy, operations, state), [], none)


def _counted(dataset: str, ledger: Ledger) -> dict[str, bytes]:
    return {WORKER: ledger.worker_json(), "README.md": card(dataset, ledger.verdicts, ledger.progress).encode()}


def _shards(copy: LedgerCopy, operations: Container[str], state: Mapping[str, bytes]) -> dict[str, str]:
    """Path → blob id of the state's shards once these operations are done."""
    held = {path: blob for path, blob in copy.shards().items() if path not in operations}
    return held | {path: blob_id(content) for path, content in state.items()}


def _data(
    rows: Sequence[Row], new: Span, neighbours: Sequence[Span], read_shard: Read
) -> tuple[Plan, dict[str, bytes]]:
    planned = plan(neighbours, new, ROWS_CAP)
    try:
        return planned, _packed(planned, rows, read_shard)
    except UnreadableShard as fault:
        names = ", ".join(shard.name(DATA) for shard in planned.replaced)
        log.warning("Not merged, because one of them cannot be read (%s): %s", fault, names)
        alone = plan((), new, ROWS_CAP)
        return alone, _packed(alone, rows, read_shard)


def _packed(planned: Plan, rows: Sequence[Row], read_shard: Read) -> dict[str, bytes]:
    def tables() -> Iterator[Any]:
        for shard in planned.replaced:
            yield from read(read_shard(shard.name(DATA)))
        yield table(rows)

    contents = pack(tables(), [shard.size for shard in planned.write])
    return {shard.name(DATA): content for shard, content in zip(planned.write, contents, strict=True)}


def _state(
    lines: Iterable[Line], new: Span, ledger: Ledger, copy: LedgerCopy, merge: bool
) -> tuple[Plan, dict[str, bytes]]:
    first = new.first if ledger.state else ledger.first  # a state that was worked out anew is written whole
    planned = plan(ledger.state if merge else (), Span(first, new.last), STATE_CAP)
    whole = [*copy.lines(planned.write[0].first, ledger.next - 1), *lines]
    return planned, {
        shard.name(STATE): "".join(line.text() for line in whole if shard.first <= line.n <= shard.last).encode()
        for shard in planned.write
    }


def latest(row: Mapping[str, Any]) -> bytes:
    """latest.json of this row."""
    return json.dumps(row, indent=2, ensure_ascii=False).encode()


def _message(new: Span, rows: Sequence[Row]) -> str:
    grades = Counter(row["verdict"]["grade"] for row in rows)
    told = ", ".join(f"{count} {grade}" for grade, count in sorted(grades.items()))
    return (f"Iteration {new.first}: " if new.size == 1 else f"Iterations {new.first} to {new.last}: ") + told
