"""Every grade, and what decides it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evidence import Evidence, Trial
from stages.judging import judge, nothing_executed
from stages.models import Grade, TestResult
from stages.runs import Run
from stages.suite import Suite

PASSED = Run(outcome="passed", tests={"t.py::a": "passed", "t.py::b": "passed"}, canaries="held", output="2 passed")
FAILED = Run(outcome="failed", tests={"t.py::a": "failed", "t.py::b": "passed"}, output="1 failed")
FORGED = Run(outcome="unverified", tests=PASSED.tests, canaries="do not hold", reason="a test that must fail passed")
OUT_OF_TIME = Run(outcome="timeout", reason="60 s", output="…")
BLOCKED = Run(outcome="unverified", reason="a test wants a network")
UNCOLLECTED = Run(outcome="error", tests={}, reason="ImportError before the change")
RUNS = [PASSED, FAILED, FORGED, OUT_OF_TIME, BLOCKED, UNCOLLECTED]


def acceptance(before: Run, after: Run, **more: Any) -> Trial:
    return Trial(what="Acceptance tests", before=before, after=after, **more)


def own(before: Run, after: Run) -> Trial:
    return Trial(what="Own tests", before=before, after=after)


def suite(before: list[str], after: list[str]) -> Suite:
    """One test's states in the runs before and after."""
    return Suite(before=runs(before), after=runs(after))


def runs(states: list[str]) -> tuple[Run, ...]:
    return tuple(
        Run(outcome="passed" if state == "passed" else "failed", tests={"s.py::x": state}, output=f"suite: {state}")
        for state in states
    )


BROKEN = suite(["passed", "passed"], ["failed", "failed"])
HELD = acceptance(FAILED, PASSED)


# --- proven ----------------------------------------------------------------------------------------


def test_acceptance_tests_that_pass_and_could_fail_prove() -> None:
    verdict = judge(Evidence(acceptance=(HELD,), mechanism="landlock", seconds=1.23456))
    assert (verdict.grade, verdict.by) == (Grade.PROVEN, "acceptance tests")
    assert verdict.reason == "Acceptance tests: 2 passed, of which 1 failed before the change."
    assert verdict.tests == (
        TestResult(id="t.py::a", before="failed", after="passed"),
        TestResult(id="t.py::b", before="passed", after="passed"),
    )
    assert (verdict.mechanism, verdict.seconds, verdict.canaries) == ("landlock", 1.235, "Acceptance tests: held")
    assert verdict.output == "2 passed"


def test_own_tests_that_fail_are_told_and_outweighed_by_acceptance_tests() -> None:
    verdict = judge(Evidence(acceptance=(HELD,), own=own(FAILED, FAILED)))
    assert verdict.grade is Grade.PROVEN
    assert "Own tests: failed (t.py::a)." in verdict.reason
    assert {t.id for t in verdict.tests} == {"t.py::a", "t.py::b"}


def test_one_kind_of_acceptance_tests_is_enough_to_prove_where_the_other_says_nothing() -> None:
    verdict = judge(Evidence(acceptance=(acceptance(BLOCKED, BLOCKED), HELD)))
    assert (verdict.grade, verdict.by) == (Grade.PROVEN, "acceptance tests")
    assert "a test wants a network" in verdict.reason


UNREAD = acceptance(UNCOLLECTED, Run(outcome="error", reason="no tests in t.py"), unread=True)


def test_own_tests_do_not_stand_for_acceptance_tests_that_are_not_seen() -> None:
    verdict = judge(Evidence(acceptance=(UNREAD,), own=own(FAILED, PASSED)))
    assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
    assert "no tests in t.py" in verdict.reason
    assert judge(Evidence(acceptance=(UNREAD,), own=own(FAILED, FAILED))).grade is Grade.FAILED
    assert judge(Evidence(acceptance=(UNREAD, HELD), own=own(FAILED, PASSED))).grade is Grade.PROVEN


def test_running_out_of_time_before_counts_as_failing() -> None:
    assert judge(Evidence(acceptance=(acceptance(OUT_OF_TIME, PASSED),))).grade is Grade.PROVEN


def test_an_exit_code_proves_less() -> None:
    verdict = judge(Evidence(acceptance=(acceptance(FAILED, PASSED, by_exit_code=True),)))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "acceptance tests")


# --- failed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [FAILED, OUT_OF_TIME])
def test_acceptance_tests_decide_before_anything_else(after: Run) -> None:
    evidence = Evidence(acceptance=(HELD, acceptance(FAILED, after)), own=own(FAILED, PASSED), suite=BROKEN)
    verdict = judge(evidence)
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert verdict.broke == ("s.py::x",), "told all the same"
    assert verdict.output == after.output


def test_the_reason_names_the_tests_that_fail() -> None:
    many = {f"t.py::t{n}": "failed" for n in range(7)}
    verdict = judge(Evidence(acceptance=(acceptance(FAILED, Run(outcome="failed", tests=many)),)))
    assert verdict.reason == ("Acceptance tests: failed (t.py::t0, t.py::t1, t.py::t2, t.py::t3, t.py::t4 and 2 more).")


def test_a_pass_that_is_not_believed_is_made_up_for_by_nothing() -> None:
    for others in ((), (HELD,)):
        verdict = judge(Evidence(acceptance=(*others, acceptance(FAILED, FORGED)), own=own(FAILED, PASSED)))
        assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
        assert "Acceptance tests: the pass is not believed (a test that must fail passed)." in verdict.reason
        assert "do not hold" in verdict.canaries
    assert judge(Evidence(own=own(FAILED, FORGED))).grade is Grade.UNVERIFIED


def test_a_variant_that_is_gone_after_the_change_is_missed() -> None:
    before = Run(outcome="failed", tests={"t.py::a[1]": "passed", "t.py::a[2]": "failed"})
    after = Run(outcome="passed", tests={"t.py::a[1]": "passed", "t.py::a[3]": "passed"})
    verdict = judge(Evidence(acceptance=(acceptance(before, after),), own=own(FAILED, PASSED)))
    assert verdict.grade is Grade.UNVERIFIED
    assert "t.py::a[2] ran before only" in verdict.reason


SKIPPED = Run(outcome="passed", tests={"t.py::a": "skipped", "t.py::b": "passed"})
DENIED = Run(outcome="unverified", reason="a asked for a network", tests={"t.py::a": "passed", "t.py::b": "denied"})
KILLED = Run(outcome="error", reason="killed from outside", tests={"t.py::a": "missing", "t.py::b": "missing"})


@pytest.mark.parametrize("after", [SKIPPED, DENIED, KILLED, Run(outcome="error", reason="no h in this environment")])
def test_tests_that_ran_before_only_leave_a_doubt_that_nothing_makes_up_for(after: Run) -> None:
    for others in ((), (HELD,)):
        verdict = judge(Evidence(acceptance=(*others, acceptance(FAILED, after)), own=own(FAILED, PASSED)))
        assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
        assert after.reason in verdict.reason


def test_a_test_that_is_denied_before_and_after_says_nothing() -> None:
    before = Run(outcome="failed", tests={"t.py::a": "failed", "t.py::b": "denied"})
    verdict = judge(Evidence(acceptance=(acceptance(before, DENIED),), own=own(FAILED, PASSED)))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")


def test_a_module_that_the_draft_does_not_provide_is_named() -> None:
    after = Run(outcome="failed", tests={"t.py::a": "not imported"})
    verdict = judge(Evidence(acceptance=(acceptance(after, after, lacks=("health",)),)))
    assert verdict.reason == "Acceptance tests: failed (t.py::a); the draft does not provide health."


def test_a_sentence_counts_what_passed() -> None:
    runs = (Run(outcome="failed", tests={"t.py::a": s, "t.py::b": "skipped"}) for s in ("failed", "passed"))
    before, after = runs
    verdict = judge(Evidence(acceptance=(acceptance(before, after.model_copy(update={"outcome": "passed"})),)))
    assert verdict.reason == "Acceptance tests: 1 passed, of which 1 failed before the change."


def test_tests_that_could_not_be_imported_before_are_told_from_those_that_passed() -> None:
    before = Run(outcome="failed", tests={"t.py::a": "not imported", "t.py::b": "not imported"})
    verdict = judge(Evidence(acceptance=(acceptance(before, PASSED),)))
    assert verdict.grade is Grade.APPLIES
    assert "could not be imported before the change" in verdict.reason


@pytest.mark.parametrize("more", [{"caveats": ("Its cases come from the code.",)}, {"by_exit_code": True}])
def test_a_caveat_proves_less_unless_another_has_none(more: dict[str, Any]) -> None:
    weak = acceptance(FAILED, PASSED, **more)
    assert judge(Evidence(acceptance=(weak,))).grade is Grade.SELF_TESTED
    assert judge(Evidence(acceptance=(weak, HELD))).grade is Grade.PROVEN


def test_given_tests_that_were_not_run_are_named_and_keep_it_from_being_proven() -> None:
    verdict = judge(Evidence(acceptance=(HELD,), left_out=("a.test.js",)))
    assert verdict.grade is Grade.SELF_TESTED
    assert "Given tests that were not run: a.test.js." in verdict.reason
    assert judge(Evidence(left_out=("a.test.js",))).grade is Grade.UNVERIFIED


def test_a_regression_outweighs_acceptance_tests_that_pass() -> None:
    verdict = judge(Evidence(acceptance=(HELD,), suite=BROKEN))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", ("s.py::x",))
    assert "s.py::x" in verdict.reason
    assert verdict.output == "suite: failed"


@pytest.mark.parametrize("after", [FAILED, OUT_OF_TIME])
def test_own_tests_decide_where_nothing_stronger_speaks(after: Run) -> None:
    for acceptance_trials in ((), (acceptance(BLOCKED, BLOCKED),), (acceptance(PASSED, PASSED),)):
        verdict = judge(Evidence(acceptance=acceptance_trials, own=own(FAILED, after)))
        assert (verdict.grade, verdict.by) == (Grade.FAILED, "own tests")


# --- self-tested, applies, unverified --------------------------------------------------------------


def test_own_tests_that_pass_and_could_fail_make_it_self_tested() -> None:
    verdict = judge(Evidence(own=own(FAILED, PASSED)))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")


def test_own_tests_are_heard_where_acceptance_tests_prove_nothing() -> None:
    verdict = judge(Evidence(acceptance=(acceptance(PASSED, PASSED),), own=own(FAILED, PASSED)))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "they prove nothing" in verdict.reason


def test_what_could_not_be_tried_is_told_beside_own_tests_that_pass() -> None:
    verdict = judge(Evidence(own=own(FAILED, PASSED), untold=("The finding's command needs semgrep.",)))
    assert verdict.grade is Grade.SELF_TESTED
    assert verdict.reason.endswith("The finding's command needs semgrep.")


@pytest.mark.parametrize("before", [PASSED, UNCOLLECTED, BLOCKED])
def test_tests_that_were_not_seen_to_fail_leave_it_at_applies(before: Run) -> None:
    for evidence in (Evidence(acceptance=(acceptance(before, PASSED),)), Evidence(own=own(before, PASSED))):
        verdict = judge(evidence)
        assert (verdict.grade, verdict.by) == (Grade.APPLIES, "")
        assert "prove nothing" in verdict.reason or "is not known" in verdict.reason


def test_a_draft_without_tests_applies() -> None:
    assert judge(Evidence(compiled=True)).reason == "It applies and compiles. No test could decide more."
    assert judge(Evidence()).reason == "It applies. No test could decide more."


@pytest.mark.parametrize("after", [BLOCKED, UNCOLLECTED])
def test_tests_that_could_not_be_held_say_nothing(after: Run) -> None:
    for evidence in (Evidence(acceptance=(acceptance(FAILED, after),)), Evidence(own=own(FAILED, after))):
        verdict = judge(evidence)
        assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
        assert after.reason in verdict.reason


def test_what_was_not_tried_at_all_is_unverified() -> None:
    verdict = judge(Evidence(untold=("No environment.",)))
    assert (verdict.grade, verdict.reason) == (Grade.UNVERIFIED, "No environment.")


def test_nothing_executed_is_unverified_with_the_reason() -> None:
    verdict = nothing_executed("no Landlock here")
    assert (verdict.grade, verdict.mechanism) == (Grade.UNVERIFIED, "")
    assert "no Landlock here" in verdict.reason


# --- the repository's own tests --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "broke"),
    [
        (["passed", "passed"], ["failed", "failed"], True),
        (["passed", "passed"], ["error", "error"], True),
        (["passed", "passed"], ["failed", "passed"], False),
        (["passed", "failed"], ["failed", "failed"], False),
        (["passed"], ["failed", "failed"], False),
        (["passed", "passed"], ["failed"], False),
        (["failed", "failed"], ["failed", "failed"], False),
        (["passed", "passed"], ["skipped", "skipped"], True),
        (["passed", "passed"], ["crashed", "crashed"], True),
        (["passed", "passed"], ["skipped", "passed"], False),
    ],
)
def test_a_flaky_test_accuses_nobody(before: list[str], after: list[str], broke: bool) -> None:
    assert bool(suite(before, after).broke) is broke


def test_a_test_that_is_not_there_any_more_is_broken() -> None:
    gone = Run(outcome="error", tests={}, reason="the package cannot be imported")
    assert Suite(before=runs(["passed", "passed"]), after=(gone, gone)).broke == ("s.py::x",)


VOID = Run(outcome="unverified", reason="its report is cut")
CRASHED = Run(outcome="failed", tests={"s.py::w": "crashed"}, reason="pytest ended before its tests did")
OTHER = Run(outcome="failed", tests={"s.py::v": "crashed"}, reason="pytest ended before its tests did")


@pytest.mark.parametrize("after", [(VOID, VOID), (CRASHED, OTHER), (VOID, *runs(["failed"]))])
def test_a_test_that_was_not_seen_again_leaves_a_doubt_that_nothing_makes_up_for(after: tuple[Run, ...]) -> None:
    verdict = judge(Evidence(acceptance=(HELD,), suite=Suite(before=runs(["passed", "passed"]), after=after)))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.UNVERIFIED, "", ())
    assert "s.py::x" in verdict.reason
    assert after[0].reason in verdict.reason


def test_a_test_that_passes_in_one_of_two_runs_leaves_no_doubt() -> None:
    after = (VOID, *runs(["passed"]))
    assert (
        judge(Evidence(acceptance=(HELD,), suite=Suite(before=runs(["passed"] * 2), after=after))).grade is Grade.PROVEN
    )


@pytest.mark.parametrize(("seconds", "broke"), [(1.0, ("s.py::x",)), (55.0, ())])
def test_the_test_that_time_ran_out_in_is_to_blame_unless_the_suite_was_slow_before(
    seconds: float, broke: tuple[str, ...]
) -> None:
    before = Run(outcome="passed", tests={"s.py::x": "passed"}, seconds=seconds)
    after = Run(outcome="timeout", tests={"s.py::x": "crashed"}, seconds=60.0)
    found = Suite(before=(before, before), after=(after, after))
    assert (found.broke, bool(found.unsure)) == (broke, not broke)


def test_a_suite_that_ran_out_of_time_before_need_not_reach_as_many_tests_after() -> None:
    before = Run(outcome="timeout", tests={"s.py::w": "passed", "s.py::x": "passed"}, seconds=60.0)
    after = Run(outcome="timeout", tests={"s.py::w": "passed"}, seconds=60.0)
    assert Suite(before=(before, before), after=(after, after)).suspects == ()


def test_mended_tests_are_named() -> None:
    verdict = judge(Evidence(suite=suite(["failed"], ["passed"])))
    assert (verdict.grade, verdict.fixed, verdict.broke) == (Grade.APPLIES, ("s.py::x",), ())


def test_a_suite_that_was_not_run_after_the_change_says_nothing() -> None:
    assert suite(["failed"], []).fixed == suite(["passed", "passed"], []).broke == ()


# --- what always holds -----------------------------------------------------------------------------

a_run = st.sampled_from(RUNS)
a_trial = st.builds(acceptance, a_run, a_run)
states = st.lists(st.sampled_from(["passed", "failed", "error", "skipped"]), max_size=2)
evidence = st.builds(
    Evidence,
    acceptance=st.lists(a_trial, max_size=2).map(tuple),
    own=st.none() | st.builds(own, a_run, a_run),
    suite=st.builds(suite, states, states),
    untold=st.sampled_from([(), ("No tool.",)]),
)


@given(evidence)
def test_a_pass_has_a_test_that_failed_before_and_none_that_fails_now(given: Evidence) -> None:
    verdict = judge(given)
    if verdict.grade in (Grade.PROVEN, Grade.SELF_TESTED):
        trials = given.acceptance if verdict.by == "acceptance tests" else (given.own,)
        assert any(t and t.after.outcome == "passed" and t.could_fail for t in trials)
        assert not any(t.after.outcome in ("failed", "timeout") for t in given.acceptance)
        assert not verdict.broke
        assert not any(t.after.doubted for t in given.acceptance)


@given(evidence)
def test_a_failure_is_the_drafts_own(given: Evidence) -> None:
    verdict = judge(given)
    failing = [t for t in (*given.acceptance, given.own) if t and t.after.outcome in ("failed", "timeout")]
    assert (verdict.grade is Grade.FAILED) <= bool(failing or given.suite.broke)
    assert bool(given.suite.broke) <= (verdict.grade is Grade.FAILED)


@given(evidence)
def test_every_verdict_has_a_reason(given: Evidence) -> None:
    assert judge(given).reason
