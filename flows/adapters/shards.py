"""How rows are spread over files: small immutable shards, merged like a log-structured tree. Pure.

A shard is named by the first and the last iteration in it, so name order is row order and a gap shows in the names.
Each commit adds one shard; neighbours that have grown to the next power of FAN are merged in the same commit. That
leaves at most FAN - 1 shards of each size before the cap, and rewrites a row once per size.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FAN = 8
ROWS_CAP = FAN**4
"""4,096 rows of a few kilobytes: what one commit can rewrite."""
STATE_CAP = FAN**5
"""The lines of `_state` are short, so its shards may hold more."""

NAME = re.compile(r"(\d{12})-(\d{12})\.\w+")


class Span(NamedTuple):
    """Consecutive iterations, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many rows."""
        return self.last - self.first + 1

    def name(self, pattern: str) -> str:
        """The shard's path; `pattern` has one `{}`, as in "data/{}.parquet"."""
        return pattern.format(f"{self.first:012d}-{self.last:012d}")


class Plan(NamedTuple):
    """What one commit does to the shards."""

    write: tuple[Span, ...]
    replaced: tuple[Span, ...]
    """The last shards, whose rows go into those written, in order and before the new rows."""

    def after(self, shards: Sequence[Span]) -> tuple[Span, ...]:
        """The shards that there are when it is done."""
        return (*shards[: len(shards) - len(self.replaced)], *self.write)

    def deletes(self, pattern: str) -> list[str]:
        """Paths that are gone when it is done."""
        return [shard.name(pattern) for shard in self.replaced if shard not in self.write]


def span(path: str) -> Span | None:
    """The iterations that a shard's name promises; None for a name that is not ours."""
    found = NAME.fullmatch(path.rpartition("/")[2])
    return Span(int(found[1]), int(found[2])) if found and int(found[1]) <= int(found[2]) else None


def plan(shards: Sequence[Span], new: Span, cap: int, fan: int = FAN) -> Plan:
    """Where the rows `new`, which follow the last of `shards`, are to be written.

    Neighbours go along as far back as one outweighs what a shard of its size may be followed by. Full shards (of
    `cap` rows) are never touched again, and nothing is merged across a gap.
    """
    start, first = len(shards), new.first
    for at in range(len(shards) - 1, -1, -1):
        shard = shards[at]
        if shard.size >= cap or shard.last + 1 != first:
            break
        first = shard.first
        if new.last - first + 1 >= min(_next_power(shard.size, fan), cap):
            start = at
    replaced = tuple(shards[start:])
    whole = Span(replaced[0].first, new.last) if replaced else new
    return Plan(tuple(_cut(whole, cap)), replaced)


def _next_power(size: int, fan: int) -> int:
    power = fan
    while power <= size:
        power *= fan
    return power


def _cut(whole: Span, cap: int) -> Iterable[Span]:
    for first in range(whole.first, whole.last + 1, cap):
        yield Span(first, min(first + cap - 1, whole.last))
