"""Where numbers and counts of a results dataset start: behind what a predecessor left at its root, one file a row."""

import json
from collections.abc import Iterable

from flows.adapters.hub import Hub
from stages.columns import Progress
from stages.errors import Permanent

NAMES = ("iteration_{}.json", "implementation_iteration_{}.json")
REQUESTS = 3
GUESSES = 100
"""Numbers asked for at a time, under both names: as many paths as the Hub was seen to answer at once."""
LIMIT = 1_000_000
RECORD_BYTES = 10_000_000
COUNT = 10**12
"""A higher count is none."""


def highest_predecessor(hub: Hub, dataset: str, revision: str) -> int:
    """The highest iteration among the predecessor's files, 0 without any.

    Asks for guessed names, so the cost is three requests at most, however many files there are: first 1 to 40 and
    then ever wider steps, then within the gap behind the highest one found, narrower each time. Exact up to 10,000
    files numbered without a gap; a gap wider than a step may hide what lies behind it, and beyond 10,000 the number
    returned may be a little too high, which leaves numbers unused and never uses one twice.
    """
    below, above, guesses = 0, LIMIT, list(_first_guesses())
    for _ in range(REQUESTS):
        below = max([below, *_existing(hub, dataset, revision, guesses)])
        above = min([above, *(number for number in guesses if number > below)])
        guesses = _between(below, above)
        if not below or not guesses:
            return below
    return guesses[-1]


def predecessors_progress(hub: Hub, dataset: str, revision: str, iteration: int) -> Progress:
    """The counts in the predecessor's file of that iteration; zeros where it tells none that make sense.

    One request and one download. Raises Transient.
    """
    for entry in hub.entries(dataset, revision, [name.format(iteration) for name in NAMES]) if iteration else []:
        try:
            told = json.loads(hub.read(dataset, revision, entry.path, RECORD_BYTES))["cumulative_progress"]
            progress = Progress.model_validate({name: told.get(name, 0) for name in Progress.model_fields}, strict=True)
        except (Permanent, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # nothing that we wrote: a count is not worth an error
        if all(0 <= count <= COUNT for _, count in progress):
            return progress
    return Progress()


def _first_guesses() -> Iterable[int]:
    number = 1
    while number < LIMIT:
        yield number
        number += max(1, number // 5) if number >= 40 else 1


def _between(below: int, above: int) -> list[int]:
    step = max(1, (above - below - 1) // GUESSES + ((above - below - 1) % GUESSES > 0))
    return list(range(below + step, above, step))


def _existing(hub: Hub, dataset: str, revision: str, numbers: list[int]) -> set[int]:
    number_of = {name.format(number): number for number in numbers for name in NAMES}
    return {number_of[entry.path] for entry in hub.entries(dataset, revision, list(number_of))}
