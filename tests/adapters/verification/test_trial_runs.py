"""What chance, and the want of a network, do to tests before and after a change."""

from typing import Any

import pytest

from flows.adapters.sandbox.denials import NETWORK, UNIX_SOCKETS
from flows.adapters.sandbox.judging import Outcome, TestRun
from flows.adapters.trial_runs import as_run, steady, without_need
from stages.runs import Run

TEST = "test_a.py::test_a"
FILES = {"test_a.py": "from a import add\ndef test_a(): assert add(1, 2) == 3\n"}


def denied(limit: str = NETWORK, through: tuple[str, ...] = ("a.py",)) -> TestRun:
    return TestRun(Outcome.UNVERIFIED, "asked", {TEST: "failed"}, denied={TEST: limit}, through={TEST: through})


FAILED = TestRun(Outcome.FAILED, "failed", {TEST: "failed"})


def test_a_test_that_passes_in_one_of_two_runs_before_did_not_fail() -> None:
    one = Run(outcome="failed", tests={"a": "failed", "b": "failed", "c": "passed"})
    other = Run(outcome="failed", tests={"a": "failed", "b": "passed", "c": "failed", "d": "passed"})
    assert steady(one, other).tests == {"a": "failed", "b": "passed", "c": "passed"}


def test_a_network_that_only_the_draft_asks_for_is_no_excuse() -> None:
    assert without_need(FAILED, denied(), FILES, {"a.py"}) == (TEST,)
    run = as_run(denied(), at_fault=(TEST,))
    assert (run.outcome, run.tests) == ("failed", {TEST: "failed"})


@pytest.mark.parametrize(
    ("before", "after", "files"),
    [
        (denied(), denied(), FILES),
        (FAILED, denied(through=()), FILES),
        (FAILED, denied(through=("untouched.py",)), FILES),
        (FAILED, denied(), {"test_a.py": "from a import get\ndef test_a(): assert get('https://a.b') == 3\n"}),
        (FAILED, denied(UNIX_SOCKETS), FILES),
    ],
    ids=["before, too", "the tests ask", "other code asks", "the tests speak of it", "another limit"],
)
def test_what_is_not_given_excuses_where_it_may_be_needed(before: Any, after: Any, files: dict[str, str]) -> None:
    assert without_need(before, after, files, {"a.py"}) == ()
    run = as_run(after)
    assert (run.outcome, run.tests) == ("unverified", {TEST: "denied"})
