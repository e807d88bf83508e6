"""Tests changed so that they must fail: whoever reports them as passed lies, or is told nothing by them.

Pure but for the dice. The change is as small as it can be, so that a test still asks the code the same question, and
written so that nobody who reads the test can tell whether it was changed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice

from flows.adapters.sandbox.expected import Expected
from flows.adapters.sandbox.helpers import Helpers
from flows.adapters.sandbox.mutations import Mutation, Strength
from flows.adapters.sandbox.places import Edit, Owner, edited
from flows.adapters.sandbox.reach import certain, perhaps, stop, stop_at_end
from flows.adapters.sandbox.values import DICE

MANY = 100
"""Assertions of one function that are looked at."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The tests of one function, and what makes them fail."""

    owner: Owner
    """The tests' function itself."""
    tests: tuple[Expected, ...]
    """Several where classes share a function by inheritance."""
    edits: tuple[Edit, ...]
    strength: Strength
    touches: frozenset[Owner] = frozenset()
    """Functions that may run in this test."""
    in_fixture: bool = False
    hidden: bool = False
    """It calls what looks like an assertion and cannot be changed: to fail plainly says nothing of it."""
    stops: tuple[Edit, ...] = ()
    """Where it is not certain that any of its assertions is reached: failures that show whether one is."""
    end: tuple[Edit, ...] = ()
    """A failure for when none is."""
    more: tuple[Mutation, ...] = ()
    """Changes to its other assertions that are certainly reached, one for each, the best first."""

    @property
    def changes(self) -> list[tuple[Edit, ...]]:
        """All that may be done to it, one at a time."""
        return [self.edits, *(change.edits for change in self.more)]

    def lies(self, outcomes: Mapping[str, str]) -> set[str]:
        """Reported tests that passed, of its own."""
        return {reported for reported, state in outcomes.items() if state == "passed" and self.covers(reported)}

    @property
    def stopped(self) -> "Canary":
        """Failing where one of its assertions is reached, and only there."""
        return replace(self, edits=self.stops)

    @property
    def ended(self) -> "Canary":
        """Failing also where none of its assertions is reached: that shows no more than that it runs."""
        return replace(self, edits=(*self.edits, *self.end), strength=Strength.PLAIN, stops=())

    def covers(self, reported: str) -> bool:
        """Whether a reported id is one of its tests or their variants."""
        return any(test.covers(reported) for test in self.tests)

    def among(self, outcomes: Mapping[str, str]) -> "Canary":
        """With those of its tests that were run as they are, and each of whose variants passed."""
        states = [
            (test, {state for reported, state in outcomes.items() if test.covers(reported)}) for test in self.tests
        ]
        return replace(self, tests=tuple(test for test, found in states if found == {"passed"}))


def canaries_of(files: Mapping[str, str], tests: Collection[Expected]) -> list[Canary]:
    """One for each function of these tests. Raises RecursionError, MemoryError for what is too deep to be read."""
    helpers = Helpers.of(files)
    with_functions = sorted((test for test in tests if test.function), key=lambda test: id(test.function))
    families = [tuple(family) for _, family in groupby(with_functions, key=lambda test: id(test.function))]
    return [_canary(family, helpers) for family in families]


def _canary(tests: tuple[Expected, ...], helpers: Helpers) -> Canary:
    """One of the best changes to what is certainly reached, at random, and one to each other assertion; else all under
    conditions and in loops at once; else one of its fixtures'; else a plain failure.
    """
    place = helpers.place(tests[0])
    touches = helpers.reached(place)
    if best := _best(certain(place.function.body, place, helpers.resolve)):
        return Canary(place.owner, tests, best[0].edits, best[0].strength, touches, more=(*best[1:],))
    if found := list(perhaps(place.function.body, place, helpers.resolve)):
        edits, stops = tuple(chain(*(one.edits for one, _ in found))), tuple(chain(*(stops for _, stops in found)))
        strength = max(one.strength for one, _ in found)
        return Canary(place.owner, tests, edits, strength, touches, stops=stops, end=(stop_at_end(place),))
    fixtures = helpers.fixtures(place)
    if best := _best(one for fixture in fixtures for one in certain(fixture.function.body, fixture, helpers.resolve)):
        return Canary(place.owner, tests, best[0].edits, best[0].strength, touches, in_fixture=True)
    hidden = helpers.hides_assertions(place.function)
    return Canary(place.owner, tests, (stop(place.function.body[0], place),), Strength.PLAIN, touches, hidden=hidden)


def _best(assertions: Iterable[list[Mutation]]) -> list[Mutation]:
    """One of the best changes to each, the best first, else in no order; what comes up twice in a helper is one."""
    found: dict[tuple[object, ...], Mutation] = {}
    for changes in islice(assertions, MANY):
        best = min(one.strength for one in changes)
        one = DICE.choice([one for one in changes if one.strength is best])
        place = tuple((edit.path, edit.start, edit.end) for change in changes for edit in change.edits)
        found.setdefault(place, one)
    return sorted(DICE.sample([*found.values()], len(found)), key=lambda one: one.strength)


def split(found: Collection[Canary]) -> tuple[list[Canary], list[Canary]]:
    """Two random halves: each test is changed in one of two runs, and nobody can tell in which."""
    together = groups([(canary, [canary.edits]) for canary in found])
    DICE.shuffle(together)
    cut = (len(together) + DICE.randrange(2)) // 2
    return [*chain(*together[:cut])], [*chain(*together[cut:])]


def groups(found: Collection[tuple[Canary, list[tuple[Edit, ...]]]]) -> list[list[Canary]]:
    """Tests that run a function that is changed for one of them, a helper or a fixture, stay together.

    found: each with what may be done to it.
    """
    changes = [(canary, edit) for canary, changes in found for edits in changes for edit in edits]
    shared = {edit.owner for canary, edit in changes if edit.owner != canary.owner}
    joined: list[tuple[set[Owner], list[Canary]]] = []
    for canary, _ in found:
        keys, members = set(canary.touches & shared), [canary]
        for group in [group for group in joined if group[0] & keys]:
            joined.remove(group)
            keys |= group[0]
            members += group[1]
        joined.append((keys, members))
    return [members for _, members in joined]


def changed(files: Mapping[str, str], half: Collection[Canary]) -> dict[str, str]:
    """The files, path → text, with the tests of these canaries changed so that they must fail."""
    edits = [edit for canary in half for edit in canary.edits]
    paths = {edit.path for edit in edits}
    return {
        path: edited(text, [edit for edit in edits if edit.path == path]) if path in paths else text
        for path, text in files.items()
    }
