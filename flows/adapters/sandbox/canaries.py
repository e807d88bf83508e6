"""Tests changed so that they must fail: whoever reports them as passed lies, or is told nothing by them.

Pure but for the dice. The change is as small as it can be, so that a test still asks the code the same question, and
written so that nobody who reads the test can tell whether it was changed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

from flows.adapters.sandbox.expected import Expected
from flows.adapters.sandbox.helpers import Helpers
from flows.adapters.sandbox.mutations import Mutation, Strength
from flows.adapters.sandbox.places import Edit, Owner, Place, edited
from flows.adapters.sandbox.reach import certain, perhaps
from flows.adapters.sandbox.values import DICE


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
    """One of the best changes among those that are certainly reached, at random; else all under conditions and in loops
    at once; else those of its fixtures; else a plain failure.
    """
    place = helpers.place(tests[0])
    touches = helpers.reached(place)
    if found := list(certain(place.function.body, place, helpers.resolve)):
        best = _best(found)
        return Canary(place.owner, tests, best.edits, best.strength, touches)
    if found := list(perhaps(place.function.body, place, helpers.resolve)):
        return Canary(
            place.owner, tests, (*chain(*(one.edits for one in found)),), max(one.strength for one in found), touches
        )
    fixtures = helpers.fixtures(place)
    if found := [one for fixture in fixtures for one in certain(fixture.function.body, fixture, helpers.resolve)]:
        best = _best(found)
        return Canary(place.owner, tests, best.edits, best.strength, touches, in_fixture=True)
    hidden = helpers.hides_assertions(place.function)
    return Canary(place.owner, tests, (_plain_failure(place),), Strength.PLAIN, touches, hidden=hidden)


def _best(found: Sequence[Mutation]) -> Mutation:
    best = min(one.strength for one in found)
    return DICE.choice([one for one in found if one.strength is best])


def _plain_failure(place: Place) -> Edit:
    """Before the first statement, or on its line if it shares that with the `def`."""
    first = place.function.body[0]
    decorators = getattr(first, "decorator_list", [])
    line = min([first.lineno, *(d.lineno for d in decorators)])
    column = first.col_offset
    joint = "; " if line == place.function.lineno else "\n" + " " * column
    return place.edit((line, column), (line, column), f"raise AssertionError{joint}")


def split(found: Collection[Canary]) -> tuple[list[Canary], list[Canary]]:
    """Two random halves: each test is changed in one of two runs, and nobody can tell in which.

    Tests that run a function that is changed for one of them, a helper or a fixture, stay together.
    """
    shared = {edit.owner for canary in found for edit in canary.edits if edit.owner != canary.owner}
    groups: list[tuple[set[Owner], list[Canary]]] = []
    for canary in found:
        keys, members = set(canary.touches & shared), [canary]
        for group in [group for group in groups if group[0] & keys]:
            groups.remove(group)
            keys |= group[0]
            members += group[1]
        groups.append((keys, members))
    DICE.shuffle(groups)
    cut = (len(groups) + DICE.randrange(2)) // 2
    return [*chain(*(members for _, members in groups[:cut]))], [*chain(*(members for _, members in groups[cut:]))]


def changed(files: Mapping[str, str], half: Collection[Canary]) -> dict[str, str]:
    """The files, path → text, with the tests of these canaries changed so that they must fail."""
    edits = [edit for canary in half for edit in canary.edits]
    paths = {edit.path for edit in edits}
    return {
        path: edited(text, [edit for edit in edits if edit.path == path]) if path in paths else text
        for path, text in files.items()
    }
