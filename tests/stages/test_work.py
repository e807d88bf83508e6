"""The best draft so far is kept, and every attempt is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.drafting import Drafted
from stages.models import Brief, Draft, File, Finding, Grade, Source, TestResult, Usage, Verdict, WorkItem
from stages.work import Work, improves

SOURCE = Source(dataset="a/b", revision="0" * 40, path="x.json", blob_id="0" * 40)
BRIEF = Brief(item=WorkItem(id="0" * 16, finding=Finding(title="t"), source=SOURCE))


def drafted(name: str) -> Drafted:
    return Drafted(draft=Draft(summary=name, files=(File(path="a.py", content=name),)), usage=Usage(requests=1))


def verdict(grade: Grade, *, broke: tuple[str, ...] = (), **tests: str) -> Verdict:
    return Verdict(grade=grade, tests=tuple(TestResult(id=i, after=s) for i, s in tests.items()), broke=broke)


def story(*verdicts: Verdict) -> Work:
    """A draft and its repairs with these verdicts; draft n is called after n."""
    work = Work.begun(BRIEF, (), drafted("0"), "now").judged(verdicts[0])
    for number, each in enumerate(verdicts[1:], start=1):
        work = work.mended(f"repair-{number}", drafted(str(number))).judged(each)
    return work


FAILED = verdict(Grade.FAILED, a="passed", b="failed", c="failed")
BETTER = verdict(Grade.FAILED, a="passed", b="passed", c="failed")
WORSE = verdict(Grade.FAILED, a="failed", b="passed", c="passed")
PROVEN = verdict(Grade.PROVEN, a="passed", b="passed", c="passed")


def test_a_repair_that_passes_is_the_outcome() -> None:
    work = story(FAILED, PROVEN)
    assert work.so_far()[0].summary == "1"
    assert not work.may_be_repaired(2)
    outcome = work.outcome("then")
    assert (outcome.draft.summary, outcome.verdict) == ("1", PROVEN)
    assert [(a.step, a.verdict.grade) for a in outcome.attempts] == [("draft", "failed"), ("repair-1", "proven")]
    assert outcome.usage.requests == 2


def test_a_repair_that_breaks_what_passed_is_dropped_and_told() -> None:
    work = story(FAILED, WORSE)
    assert work.so_far() == (drafted("0").draft, FAILED)
    assert [a.summary for a in work.attempts] == ["0", "1"]
    assert work.may_be_repaired(2), "the first draft again, as repair 2"
    assert len(work.attempts) == 2


def test_a_repair_that_takes_out_its_own_failing_tests_proves_nothing() -> None:
    contradicts = verdict(Grade.FAILED, **{"x::a[1]": "failed", "x::b": "passed"})
    left = verdict(Grade.SELF_TESTED, **{"x::b": "passed"}).model_copy(update={"by": "own tests"})
    assert story(contradicts, left).so_far()[1].grade is Grade.APPLIES
    assert "x::a" in story(contradicts, left).so_far()[1].reason
    between = verdict(Grade.FAILED, **{"x::b": "passed", "x::c": "failed", "x::d": "passed"})
    mended = verdict(Grade.SELF_TESTED, **{"x::b": "passed", "x::c": "passed", "x::d": "passed"})
    mended = mended.model_copy(update={"by": "own tests"})
    assert story(contradicts, between, mended).so_far()[1].grade is Grade.APPLIES, "two repairs later, too"
    kept = verdict(Grade.SELF_TESTED, **{"x::a[2]": "passed", "x::b": "passed"}).model_copy(update={"by": "own tests"})
    assert story(contradicts, kept).so_far()[1] == kept, "other variants of the same function"
    dropped = verdict(Grade.FAILED, **{"x::a[1]": "failed", "x::b": "failed", "x::e": "failed"})
    assert story(contradicts, dropped, kept).so_far()[1] == kept, "what a dropped repair tried is no matter"


def test_a_repair_that_comes_closer_is_built_upon() -> None:
    assert story(FAILED, BETTER).so_far()[0].summary == "1"
    assert story(FAILED, BETTER, FAILED).so_far()[0].summary == "1"


def test_repairs_are_counted_dropped_or_not() -> None:
    assert story(FAILED).may_be_repaired(1)
    assert not story(FAILED).may_be_repaired(0)
    assert not story(FAILED, WORSE).may_be_repaired(1)


def test_only_what_failed_is_repaired() -> None:
    for grade in set(Grade) - {Grade.FAILED}:
        assert not story(verdict(grade)).may_be_repaired(2)


def test_there_is_no_best_draft_before_the_first_verdict() -> None:
    with pytest.raises(ValueError, match="no verdict yet"):
        Work.begun(BRIEF, (), drafted("0"), "now").so_far()


@pytest.mark.parametrize(
    ("new", "old", "better"),
    [
        (verdict(Grade.PROVEN, own="failed"), verdict(Grade.FAILED, own="passed"), True),
        (verdict(Grade.SELF_TESTED), verdict(Grade.FAILED), True),
        (verdict(Grade.APPLIES), verdict(Grade.FAILED, own="failed"), True),
        (verdict(Grade.APPLIES, a="failed"), verdict(Grade.FAILED, a="passed"), False),
        (verdict(Grade.UNVERIFIED), verdict(Grade.FAILED, a="passed"), False),
        (verdict(Grade.FAILED, a="passed"), verdict(Grade.FAILED), True),
        (verdict(Grade.FAILED), verdict(Grade.FAILED), False),
        (verdict(Grade.FAILED, a="passed"), verdict(Grade.FAILED, broke=("s",), a="passed"), True),
        (verdict(Grade.FAILED, broke=("s",), a="passed"), verdict(Grade.FAILED, a="failed"), False),
        (verdict(Grade.FAILED, new="passed"), verdict(Grade.FAILED, old="passed"), True),
    ],
)
def test_what_is_better(new: Verdict, old: Verdict, better: bool) -> None:
    assert improves(new, old) is better


states = st.sampled_from(["passed", "failed", ""])
verdicts = st.builds(verdict, st.sampled_from(Grade), broke=st.sampled_from([(), ("s",)]), a=states, b=states)


@given(verdicts, verdicts)
def test_of_two_drafts_at_most_one_is_better(one: Verdict, other: Verdict) -> None:
    assert not (improves(one, other) and improves(other, one))
    assert not improves(one, one)
