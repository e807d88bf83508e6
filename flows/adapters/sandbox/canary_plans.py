"""Which tests are changed, and where, in canary runs after the first two. Pure but for the dice."""

from collections.abc import Collection
from dataclasses import replace
from math import comb

from flows.adapters.sandbox.canaries import Canary, groups
from flows.adapters.sandbox.values import DICE

MOST = 8
"""Canary runs in all."""
ODDS = 40
"""Whoever guesses in which of the first two runs each test is changed is to be right once in so many times, or else
there are more runs."""
AGAIN = 2
"""So many, for this alone: each costs a small suite half of what bare pytest does."""


def further(found: Collection[Canary]) -> list[list[Canary]]:
    """The tests to be changed in each further run, as few as do: each assertion once, and guessing rarely right.

    found: as they were changed in the first two runs. How often each is changed may be known, and which run it is, but
    not in which runs.
    """
    together = groups([(canary, canary.changes) for canary in found])
    wanted = [max(len(canary.more) for canary in group) for group in together]
    pair = groups([(canary, [canary.edits]) for canary in found])
    known = comb(len(pair), len(pair) // 2) * (1 + len(pair) % 2)
    least = AGAIN if known < ODDS else 0
    runs = min(max([least, *(want + 1 for want in wanted if want)]), MOST - 2)
    plan: list[list[Canary]] = [[] for _ in range(runs)]
    for group, want in zip(together, wanted, strict=True):
        chosen = DICE.sample(range(runs), _times(want, runs))
        for canary in group:
            again = [canary.more[n % len(canary.more)] if canary.more else None for n in range(len(chosen))]
            for run, change in zip(chosen, again, strict=True):
                one = replace(canary, edits=change.edits, strength=change.strength) if change else canary
                plan[run].append(one)
    return plan


def _times(want: int, runs: int) -> int:
    """In how many of the runs a test is changed: never in all, so that it is not known in which."""
    return min(max(want, runs // 2), max(runs - 1, 0))


def left_out(found: Collection[Canary], used: Collection[Canary]) -> int:
    """Assertions of these tests that were changed in none of the runs."""
    return sum(len({*canary.changes} - {one.edits for one in used if one.owner == canary.owner}) for canary in found)
