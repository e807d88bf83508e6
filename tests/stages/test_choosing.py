"""Which of several drafts is taken, and what is told of the others."""

import pytest

from stages.choosing import choose, lines
from stages.drafting import Drafted
from stages.models import Brief, Draft, File, Finding, Grade, Source, TestPlan, TestResult, Usage, Verdict, WorkItem
from stages.work import Work

SOURCE = Source(dataset="a/b", revision="0" * 40, path="x.json", blob_id="0" * 40)
PLAN = TestPlan(tests={"tests/given.py": "def test_a(): ..."}, why="names the finding", source=SOURCE)
BRIEF = Brief(item=WorkItem(id="0" * 16, finding=Finding(title="t"), plans=(PLAN,), source=SOURCE))

PROVEN = Verdict(grade=Grade.PROVEN, by="acceptance tests")
SELF_TESTED = Verdict(grade=Grade.SELF_TESTED, by="own tests")
CONTRADICTED = Verdict(grade=Grade.FAILED, by="own tests")
REFUSED = Verdict(grade=Grade.FAILED, by="acceptance tests")
HALF = REFUSED.model_copy(update={"tests": (TestResult(id="tests/given.py::test_a", after="passed"),)})
REGRESSED = Verdict(grade=Grade.FAILED, by="regression", broke=("tests/a.py::test_b",))
DOUBTED = Verdict(grade=Grade.UNVERIFIED)


def work(step: str, verdict: Verdict, size: int = 3) -> Work:
    draft = Draft(summary=step, files=(File(path="a.py", content="x\n" * size),))
    found = Drafted(draft=draft, usage=Usage(requests=1, prompt_tokens=10))
    return Work.begun(BRIEF, (), found, "now", step).judged(verdict)


def chosen(*candidates: tuple[Verdict, str] | tuple[Verdict, str, int]) -> Work:
    """Of these verdicts with the generated tests that pass, a letter each, and sizes in lines."""
    works = [work(f"draft-{n}", verdict, *size) for n, (verdict, _, *size) in enumerate(candidates, start=1)]
    return choose(works, [frozenset(passed) for _, passed, *_ in candidates], Usage(requests=5))


@pytest.mark.parametrize(
    ("candidates", "best"),
    [
        pytest.param([(SELF_TESTED, "abcd"), (PROVEN, "")], 2, id="acceptance tests weigh more than generated ones"),
        pytest.param([(REFUSED, "ab"), (HALF, "a")], 2, id="of those refused, the one that passes more of them"),
        pytest.param([(HALF, "ab"), (CONTRADICTED, "a")], 2, id="what is undecided goes before what is refused"),
        pytest.param([(REGRESSED, "abc"), (SELF_TESTED, "a")], 2, id="no regression goes before agreement"),
        pytest.param([(DOUBTED, "abcdef"), (REFUSED, "")], 2, id="what nothing can be said of comes last"),
        pytest.param([(SELF_TESTED, "abc"), (SELF_TESTED, "ab"), (SELF_TESTED, "ab")], 2, id="two that agree, 4 to 3"),
        pytest.param([(SELF_TESTED, "abcde"), (SELF_TESTED, "ab"), (SELF_TESTED, "ab")], 1, id="alone, 5 to 4"),
        pytest.param([(SELF_TESTED, ""), (SELF_TESTED, ""), (SELF_TESTED, "a")], 3, id="agreement on nothing is none"),
        pytest.param([(SELF_TESTED, "ab"), (SELF_TESTED, "ab"), (SELF_TESTED, "abcd")], 3, id="of equal groups, more"),
        pytest.param([(SELF_TESTED, "ab", 9), (SELF_TESTED, "ab", 4)], 2, id="the smallest change breaks ties"),
        pytest.param([(SELF_TESTED, "ab"), (SELF_TESTED, "ab")], 1, id="else the first"),
    ],
)
def test_the_best_is_chosen(candidates: list[tuple[Verdict, str]], best: int) -> None:
    assert chosen(*candidates).step == f"draft-{best}"


def test_all_attempts_are_told_and_paid_for() -> None:
    work = chosen((SELF_TESTED, "a"), (PROVEN, "ab"), (SELF_TESTED, "ab"))
    outcome = work.outcome("then")
    assert outcome.draft.summary == "draft-2"
    assert outcome.verdict == PROVEN
    assert [attempt.step for attempt in outcome.attempts] == ["draft-1", "draft-2", "draft-3"]
    assert (outcome.usage.requests, outcome.usage.prompt_tokens) == (8, 30)
    (note,) = outcome.notes
    assert note.startswith("draft-2 was chosen of 3 drafts. draft-1: self-tested, 0 acceptance and 1 of 2 generated")
    assert "draft-3: self-tested, 0 acceptance and 2 of 2 generated tests passed, as 1 others do, 0 regressions" in note


def test_repairs_are_counted_apart_from_candidates() -> None:
    work = chosen((CONTRADICTED, "a"), (REFUSED, ""))
    assert work.next_repair == 1
    assert work.may_be_repaired(1)
    mended = work.mended("repair-1", Drafted(draft=Draft(summary="mended"))).judged(CONTRADICTED)
    assert mended.next_repair == 2
    assert not mended.may_be_repaired(1)


def test_the_lines_of_a_patch_are_those_added_and_removed() -> None:
    patch = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n kept\n-old\n+new\n+more\n"
    assert lines(Draft(patch=patch)) == 3
