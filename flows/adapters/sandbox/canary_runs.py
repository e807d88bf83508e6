"""What runs show in which some tests were changed so that they must fail (canaries.py). Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flows.adapters.sandbox.canaries import Canary
from flows.adapters.sandbox.expected import Expected
from flows.adapters.sandbox.judging import SHOWN, Outcome, TestRun, names
from flows.adapters.sandbox.mutations import Strength


def strays(then: TestRun, half: Collection[Canary]) -> bool:
    """Whether a canary run ended otherwise than those will that let these tests alone pass for right."""
    changed = {test for test in then.tests if any(canary.covers(test) for canary in half)}
    bad = {test for test, outcome in then.tests.items() if outcome in ("failed", "error", "missing")}
    lies = {test for test in changed if then.tests[test] == "passed"}
    return bool(lies or bad - changed) or then.outcome is Outcome.TIMEOUT


def fooled(run: TestRun, then: TestRun, half: Collection[Canary]) -> str:
    """What is wrong with a canary run, in which these tests were changed so that they must fail; empty: nothing.

    run: the pass of all tests as they are. Those that it did not run say nothing changed either.
    """
    if then.oddities:
        return f"The report of a run does not fit the tests: {'; '.join(then.oddities[:SHOWN])}."
    able = [canary.among(run.tests) for canary in half]
    idle = [test for canary in half for test in canary.tests if not any(test in one.tests for one in able)]
    was, now = (_apart(tests, able, idle) for tests in (run.tests, then.tests))
    if lies := [test for changed, _ in now.changed for test, outcome in changed.items() if outcome == "passed"]:
        return (
            f"{names(lies)} passed even when changed so that it must fail: "
            "its assertions are not reached, or what they compare counts several values as equal, "
            "or the code meddles with the tests."
        )
    if set(now.kept) - set(was.kept):
        return "The tests have other variants each time."
    failing = all(set(changed.values()) <= allowed for changed, allowed in now.changed)
    if failing and now.kept == was.kept and now.numbers == was.numbers:
        return ""
    if unsteady := [test for test in was.kept if now.kept.get(test) == "failed"]:
        return f"{names(unsteady)} failed once and passed when run again: it depends on chance or on other tests."
    return f"Another run ended otherwise. {then.reason}"


def weighed(canaries: Collection[Canary], runs: int, unused: int) -> tuple[str, str]:
    """What so many canary runs that fit have shown, and why that is not enough; empty if it is.

    unused: assertions that were changed in none of them.
    """
    plain = [canary for canary in canaries if canary.strength is Strength.PLAIN]
    unseen = names([test.id for canary in plain for test in canary.tests])
    number = sum(len(canary.tests) for canary in canaries)
    said = f"{number} tests, each changed in some of {runs} runs, failed in those alone"
    said += f"; {unused} of their assertions were never changed: that would take more runs, or time" if unused else ""
    if not plain:
        return said, ""
    said += f"; no assertion is seen, or none was reached, in {unseen}: that it passes shows that it runs"
    if len(plain) < len(canaries) or not any(canary.hidden for canary in plain):
        return said, ""
    return said, f"No assertion of the tests could be changed, and so nothing shows that they check anything: {unseen}."


@dataclass(frozen=True, slots=True)
class _Apart:
    """The tests of a run: those that a canary run changes, and those that it keeps."""

    changed: list[tuple[dict[str, str], set[str]]]
    """For each canary its tests, and what may become of them. Their variants are named otherwise if it is these that
    changed."""
    kept: dict[str, str]

    @property
    def numbers(self) -> list[int]:
        return [len(changed) for changed, _ in self.changed]


def _apart(tests: Mapping[str, str], half: Collection[Canary], idle: Collection[Expected]) -> _Apart:
    ours = [
        ({test: outcome for test, outcome in tests.items() if canary.covers(test)},
         {"failed", "error"} if canary.in_fixture else {"failed"})
        for canary in half
    ]  # fmt: skip
    seen = {test for changed, _ in ours for test in changed}
    seen |= {reported for reported in tests if any(test.covers(reported) for test in idle)}
    return _Apart(ours, {test: outcome for test, outcome in tests.items() if test not in seen})
