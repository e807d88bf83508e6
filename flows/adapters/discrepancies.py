"""Whether rows, shards and state of a results dataset fit together: sentences that say what does not. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from flows.adapters.ledger import DATA
from flows.adapters.shards import Span

SHOWN = 5
"""Examples in a sentence that could have thousands."""
PUT_BACK = "put it back from the dataset's history"
REBUILD = "`python -m flows.maintain --rebuild-state` works it out anew from the rows"


def missing(shards: Sequence[Span], begin: int, end: int) -> Iterator[Span]:
    """Iterations from `begin` to before `end` that no shard holds."""
    reached = begin - 1
    for shard in shards:
        if shard.first > reached + 1:
            yield Span(reached + 1, shard.first - 1)
        reached = max(reached, shard.last)
    if end > reached + 1:
        yield Span(reached + 1, end - 1)


def gap(span: Span) -> str:
    """The sentence about iterations that are missing."""
    return (
        f"{_iterations(span)} missing: put the shard back from the dataset's history, or accept the loss by "
        "`python -m flows.maintain --rebuild-state`."
    )


def untold(span: Span) -> str:
    """The sentence about iterations that are missing, of which no state tells what they decided."""
    return (
        f"{_iterations(span)} missing, and so is the state that tells what was decided there: put `_state/` (and the "
        "rows, unless the settings removed them) back from the dataset's history, or accept the loss by "
        "`python -m flows.maintain --rebuild-state`: then those items are worked on, and paid for, again."
    )


def lost(span: Span) -> str:
    """The note about a loss that was accepted."""
    return f"{_iterations(span)} lost, which was accepted: what was decided there may be worked on again."


def overlaps(shards: Sequence[Span]) -> Iterator[str]:
    """Iterations that two shards hold."""
    for one, other in pairwise(shards):
        if other.first <= one.last:
            both = Span(other.first, min(one.last, other.last))
            yield (
                f"{_iterations(both)} there twice, in {one.name(DATA)} and in {other.name(DATA)}: delete the one "
                "whose rows the other holds, too."
            )


def misplaced(shard: Span, iterations: Sequence[int]) -> Iterator[str]:
    """A shard that holds other rows than its name says."""
    if list(iterations) != list(range(shard.first, shard.last + 1)):
        held = f"{len(iterations)} rows, from {iterations[0]} to {iterations[-1]}" if iterations else "no rows"
        yield f"{shard.name(DATA)} holds {held}, which are not the iterations that its name promises: {PUT_BACK}."


def doubles(ids: Mapping[int, str]) -> Iterator[str]:
    """Ids that several rows have."""
    places = defaultdict(list)
    for iteration, id_ in ids.items():
        places[id_].append(iteration)
    twice = [f"{id_} (iterations {', '.join(map(str, at))})" for id_, at in places.items() if len(at) > 1]
    if twice:
        yield (
            f"{len(twice)} row ids are there several times: {_some(twice)}. Put the dataset back to a commit of its "
            "history without them."
        )


def disagreements(ids: Mapping[int, str], told: Mapping[int, str]) -> Iterator[str]:
    """Rows that have another id than the state says, or of which it knows nothing."""
    wrong = [f"{n} ({id_}, not {told.get(n) or 'known'})" for n, id_ in ids.items() if told.get(n) != id_]
    if wrong:
        yield f"{len(wrong)} rows disagree with the state, at iterations {_some(wrong)}: {REBUILD}."


def _iterations(span: Span) -> str:
    return f"Iteration {span.first} is" if span.size == 1 else f"Iterations {span.first} to {span.last} are"


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
