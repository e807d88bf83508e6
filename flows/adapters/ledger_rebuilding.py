"""A ledger worked out anew: from the rows, and from what is left of the state and of its copy. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from flows.adapters.ledger import Ledger, Line
from flows.adapters.shards import Span
from stages.columns import Progress


@dataclass(frozen=True)
class Remains:
    """What is left of a results dataset at one head."""

    shards: tuple[Span, ...]
    """Of the rows, in order."""
    rows: Mapping[int, Mapping[str, Any]]
    """Iteration → id, verdict's grade, progress."""
    told: Mapping[int, str]
    """Iteration → row id, as the state or its copy on this machine still say; of a loss that was accepted: ""."""
    worker: Ledger | None
    """The counters at the head."""
    copied: Ledger | None
    """Those of the copy on this machine, where it is one of these rows."""
    begin: int
    """The first iteration, where no counters tell it."""

    @property
    def known(self) -> Ledger | None:
        """The best counters there are."""
        return self.worker or self.copied

    @cached_property
    def first(self) -> int:
        """The iteration that the state is to begin with."""
        return min([self.known.first if self.known else self.begin, *(shard.first for shard in self.shards)])

    @cached_property
    def next(self) -> int:
        """The iteration of the row to come: no number that was given out is given out again."""
        return max([self.known.next if self.known else self.begin, *(n + 1 for n in self.rows), *self._told_ends()])

    @cached_property
    def oldest(self) -> int:
        """The oldest iteration that retention left. Without the dataset's counters it removed what is not there."""
        if self.worker:
            return self.worker.oldest or self.first
        return self.shards[0].first if self.shards else self.first

    def untold(self) -> list[Span]:
        """Iterations of which neither a row nor a state says what was decided."""
        gone = (n for n in range(self.first, self.next) if n not in self.rows and n not in self.told)
        return list(together(gone))

    def ledger(self, epoch: str, litter: tuple[str, ...], *, accept: bool) -> Ledger:
        """The ledger. `accept`: rows that are lost count as lost; else the state is believed that they were there."""
        last = max(self.rows, default=self.first - 1)
        is_told = self.known is not None and (not self.rows or (not accept and self.known.next > last + 1))
        newest = self.rows[last]["cumulative_progress"] if self.rows else {}
        return Ledger(
            epoch=epoch,
            first=self.first,
            oldest=self.oldest if self.first < self.oldest else 0,
            next=self.next,
            verdicts=Counter(row["verdict"]["grade"] for row in self.rows.values()),
            progress=self.known.progress if self.known and is_told else Progress(**newest),
            spent=self.known.spent if self.known else {},
            rows=self.shards,
            litter=litter,
        )

    def lines(self, *, accept: bool) -> list[Line]:
        """The line of every iteration. What retention removed stays decided, whatever is accepted."""
        return [Line(n, self._id(n, accept), None) for n in range(self.first, self.next)]

    def _id(self, n: int, accept: bool) -> str:
        if n in self.rows:
            return str(self.rows[n]["id"])
        return "" if accept and n >= self.oldest else self.told.get(n, "")

    def _told_ends(self) -> Iterable[int]:
        return (max(self.told) + 1,) if self.told else ()


def together(numbers: Iterable[int]) -> Iterator[Span]:
    """Rising numbers as runs without a gap."""
    runs: dict[int, list[int]] = {}
    for place, n in zip(count(), numbers, strict=False):
        runs.setdefault(n - place, []).append(n)
    return (Span(run[0], run[-1]) for run in runs.values())


def same(told: Mapping[int, str], rows: Mapping[int, Mapping[str, Any]]) -> bool:
    """Whether these lines are of these rows: some iterations are in both, and each has one id."""
    both = told.keys() & rows.keys()
    return bool(both) and all(told[n] == rows[n]["id"] for n in both)
