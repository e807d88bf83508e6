"""What chance does to tests that ran before a change."""

from flows.adapters.trial_runs import steady
from stages.runs import Run


def test_a_test_that_passes_in_one_of_two_runs_before_did_not_fail() -> None:
    one = Run(outcome="failed", tests={"a": "failed", "b": "failed", "c": "passed"})
    other = Run(outcome="failed", tests={"a": "failed", "b": "passed", "c": "failed", "d": "passed"})
    assert steady(one, other).tests == {"a": "failed", "b": "passed", "c": "passed"}
