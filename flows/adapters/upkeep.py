"""What housekeeping changes in the results dataset, each in one compare-and-swap commit that adds no row."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.adapters.commits import Commit, Read, latest, revised
from flows.adapters.ledger import DATA, Ledger, Spent, merge_spent
from flows.adapters.ledger_copy import LedgerCopy
from flows.adapters.parquet import UnreadableShard, read, read_columns
from flows.adapters.results import Results
from flows.adapters.shards import Span
from stages.errors import Permanent


@dataclass(frozen=True)
class Keep:
    """What stays; a row goes when either bound says so."""

    rows: int | None = None
    """So many at least."""
    since: datetime | None = None
    """Those decided from then on; with its time zone."""


def retain(results: Results, keep: Keep) -> Span | None:
    """The iterations whose rows this call removed; None where all stay.

    Whole shards go, the oldest first, and the newest one never: up to a shard more than asked for stays, and nothing
    is rewritten. Iterations, counters and the state stay as they are: what was removed is not worked on again.
    Raises Transient; Permanent, also where a shard that is due cannot be read.
    """
    at_first: list[Span] = []

    def revision(ledger: Ledger, copy: LedgerCopy, read_shard: Read) -> Commit | None:
        at_first[:] = at_first or ledger.rows  # a later try may find done what an earlier one asked for
        due = dict(_due(ledger.rows, keep, read_shard))
        if not due:
            return None
        left = ledger.rows[len(due) :]
        gone = Counter(row["verdict"]["grade"] for rows in due.values() for row in rows)
        fewer = {"rows": left, "oldest": left[0].first, "verdicts": dict(Counter(ledger.verdicts) - gone)}
        removed = Span(next(iter(due)).first, left[0].first - 1)
        message = f"Iterations {removed.first} to {removed.last} removed, as the settings say"
        deletes = dict.fromkeys(shard.name(DATA) for shard in due)
        return revised(results.dataset, ledger.model_copy(update=fewer), copy, deletes, message)

    left = results.revise(revision).rows
    return Span(at_first[0].first, left[0].first - 1) if left and at_first[0] < left[0] else None


def rebuild(results: Results) -> None:
    """The worker's state, the card and latest.json, worked out anew from the rows.

    Raises Transient; Permanent with the shard's name where rows cannot be read.
    """

    def revision(ledger: Ledger, copy: LedgerCopy, read_shard: Read) -> Commit:
        newest = _newest(ledger, read_shard)
        changes = {"latest.json": latest(newest)} if newest else {}
        return revised(results.dataset, ledger, copy, changes, "State worked out anew from the rows")

    results.revise(revision, anew=True)


def account(results: Results, spent: Spent) -> Ledger:
    """The ledger, which tells what was spent, where it told less or was not there. Raises Transient, Permanent."""

    def revision(ledger: Ledger, copy: LedgerCopy, read_shard: Read) -> Commit | None:
        grown = ledger.model_copy(update={"spent": merge_spent(ledger.spent, spent)})
        message = "What was spent, and came to no row so far"
        return revised(results.dataset, grown, copy, {}, message) if grown.spent != ledger.spent else None

    return results.revise(revision, make=True)


def _due(shards: tuple[Span, ...], keep: Keep, read_shard: Read) -> Iterator[tuple[Span, list[dict[str, Any]]]]:
    """The shards to remove, with the grade and timestamp of each row."""
    rest = sum(shard.size for shard in shards)
    for shard in shards[:-1]:
        rest -= shard.size
        too_many = keep.rows is not None and rest >= keep.rows
        if not too_many and keep.since is None:
            return
        rows = _rows(shard, read_shard)
        too_old = keep.since is not None and max(map(_decided, rows)) < keep.since
        if not (too_many or too_old):
            return
        yield shard, rows


def _rows(shard: Span, read_shard: Read) -> list[dict[str, Any]]:
    path = shard.name(DATA)
    try:
        return read_columns(read_shard(path), ["timestamp", "verdict.grade"])
    except UnreadableShard as fault:
        raise Permanent(f"{path} is due to be removed and cannot be read: {fault}") from fault


def _decided(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["timestamp"])


def _newest(ledger: Ledger, read_shard: Read) -> dict[str, Any] | None:
    if not ledger.rows:
        return None
    *_, last = read(read_shard(ledger.rows[-1].name(DATA)))
    row: dict[str, Any] = last.slice(last.num_rows - 1).to_pylist()[0]
    return row
