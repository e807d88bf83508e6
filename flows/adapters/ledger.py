"""What a results dataset holds at one head: how far it counts, which shards there are, which rows were decided."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from flows.adapters.shards import Span
from stages.columns import SCHEMA, Progress
from stages.errors import Permanent
from stages.models import Frozen

WORKER = "_state/worker.json"
DATA = "data/{}.parquet"
STATE = "_state/{}.jsonl"

SPENDING_DAYS = 7
"""Days of spending that are kept: bounds look at one."""

Seen = Mapping[str, Any]
Spent = Mapping[str, Mapping[str, int]]
"""Day (ISO) → journal → tokens, absolute: a journal's entry only ever grows, so telling it twice does no harm."""


class Line(NamedTuple):
    """One line of `_state`: a row that was decided, or something that was seen by the commit that begins at `n`."""

    n: int
    """The iteration."""
    id: str | None
    """Of the row; None for what was seen."""
    seen: str | None
    """JSON."""

    def text(self) -> str:
        """The line, ended."""
        body = f'"id":{json.dumps(self.id)}' if self.id is not None else f'"seen":{self.seen}'
        return f'{{"n":{self.n},{body}}}\n'


class Ledger(Frozen):
    """One head of the results dataset. Saved as `_state/worker.json` without what the file names tell."""

    schema_version: int = SCHEMA
    epoch: str
    """Other than before when the numbering or the state was begun anew."""
    first: int
    """The iteration that the state begins with."""
    oldest: int = 0
    """The oldest iteration whose row retention has left in the dataset; 0: none was ever removed."""
    next: int
    """The iteration of the row to come."""
    verdicts: dict[str, int] = Field(default_factory=dict)
    progress: Progress = Progress()
    spent: dict[str, dict[str, int]] = Field(default_factory=dict)
    rows: tuple[Span, ...] = ()
    state: tuple[Span, ...] = ()
    litter: tuple[str, ...] = ()
    """Damaged shards of the state, to be deleted by the next commit."""

    def worker_json(self) -> bytes:
        """The small file."""
        return self.model_dump_json(indent=2, exclude={"rows", "state", "litter"}).encode()

    def agrees(self) -> bool:
        """Whether counter and shards fit together. Rows may be gone, wherever they were: the state tells of them."""
        following = [self.first, *(shard.last + 1 for shard in self.state)]
        begins = [*(shard.first for shard in self.state), self.next]
        return following == begins and (not self.rows or self.rows[-1].last < self.next)


def read_worker(content: bytes | None, dataset: str) -> Ledger | None:
    """The counters; None where the file is missing or damaged. Raises Permanent for one of a newer worker."""
    try:
        said = json.loads(content or b"")
        version = int(said["schema_version"])
    except (ValueError, KeyError, TypeError):
        return None
    if version > SCHEMA:
        raise Permanent(
            f"{dataset} was written by a newer worker (schema {version}, this one has {SCHEMA}): "
            "update this worker, or let it write to another dataset."
        )
    try:
        return Ledger.model_validate(said)
    except ValidationError:
        return None


def read_lines(content: bytes, span: Span) -> list[Line] | None:
    """The lines of a shard of the state; None where they are not one decided row for each iteration of its name."""
    try:
        found = [json.loads(line) for line in content.decode().split("\n") if line]
        lines = [Line(e["n"], e.get("id"), json.dumps(e["seen"]) if "seen" in e else None) for e in found]
    except (ValueError, KeyError, TypeError):
        return None
    decided = [line.n for line in lines if line.id is not None]
    return lines if decided == list(range(span.first, span.last + 1)) else None


def add_lines(first: int, ids: Sequence[str], seen: Iterable[Seen]) -> list[Line]:
    """The lines of one commit, in order of their iterations."""
    entries = (Line(first, None, json.dumps(entry)) for entry in seen)
    return [*(Line(n, id_, None) for n, id_ in enumerate(ids, first)), *entries]


def merge_spent(*told: Spent) -> dict[str, dict[str, int]]:
    """The highest that was told of each day and journal, for the last days."""
    days = sorted({day for spent in told for day in spent})[-SPENDING_DAYS:]
    return {
        day: dict(sorted((journal, tokens) for spent in told for journal, tokens in spent.get(day, {}).items()))
        for day in days
    }  # sorted: of two entries for a journal the higher one comes last and stays
