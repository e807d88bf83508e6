"""The best of several drafts: by acceptance tests, regressions, agreement, and size.

Agreement is that of CodeT (Chen et al., "CodeT: Code Generation with Generated Tests", ICLR 2023): drafts that pass the
same of all generated tests form a group, whose worth is the number of its drafts times that of the tests they pass. A
mistake that two drafts have in common is rarer than the right answer that they have in common.
"""

from collections import Counter
from collections.abc import Sequence

from stages.judging import ACCEPTANCE
from stages.models import Draft, Frozen, Grade, Usage, Verdict
from stages.work import Work

Passed = frozenset[str]
"""Ids of generated tests, those of all drafts together."""


class Rank(Frozen):
    """What speaks for a draft; the field that comes first weighs most. More is better in each."""

    standing: int
    """3: acceptance tests pass; 2: none decide; 1: they fail; 0: nothing can be said."""
    accepted: int
    """Acceptance tests that pass."""
    regressions: int
    """Of the repository's own tests, as a number below zero."""
    agreement: int
    """Drafts in its group times generated tests that they pass."""
    passed: int
    """Generated tests that it passes."""
    lines: int
    """Added and removed, as a number below zero."""


def rank(verdict: Verdict, given: Sequence[str], passed: Passed, group: int, lines: int) -> Rank:
    """Of one draft. given: paths of the acceptance tests; group: how many drafts pass the same generated tests."""
    accepted = sum(t.after == "passed" and t.id.partition("::")[0] in given for t in verdict.tests)
    return Rank(
        standing=_standing(verdict),
        accepted=accepted,
        regressions=-len(verdict.broke),
        agreement=group * len(passed),
        passed=len(passed),
        lines=-lines,
    )


def _standing(verdict: Verdict) -> int:
    if verdict.grade is Grade.UNVERIFIED:
        return 0  # it may be a forger, and no repair would be asked for it
    if verdict.by != ACCEPTANCE:
        return 2
    return 1 if verdict.grade is Grade.FAILED else 3


def choose(works: Sequence[Work], passed: Sequence[Passed], lost: Usage) -> Work:
    """The best of these drafts of one item, each with its verdict; the first of those that are equal.

    passed: for each draft, the generated tests that it passes. lost: what drafts cost that were never to be had. The
    work that is chosen tells all attempts, how it was chosen, and what all of them cost.
    """
    groups, given = Counter(passed), tuple(works[0].brief.acceptance_tests)
    ranks = [
        rank(work.so_far()[1], given, each, groups[each], lines(work.draft))
        for work, each in zip(works, passed, strict=True)
    ]
    best = max(range(len(works)), key=lambda n: (*ranks[n].model_dump().values(), -n))
    others = [work for work in works if work is not works[best]]
    tests = len(frozenset().union(*passed))
    told = "; ".join(
        f"{work.step}: {work.so_far()[1].grade}, {place.accepted} acceptance and {place.passed} of {tests} generated "
        f"tests passed, as {groups[each] - 1} others do, {-place.regressions} regressions, {-place.lines} lines"
        for work, place, each in zip(works, ranks, passed, strict=True)
    )
    return works[best].model_copy(
        update={
            "attempts": tuple(attempt for work in works for attempt in work.attempts),
            "spent": sum((work.cost for work in others), works[best].spent + lost),
            "notes": (*works[best].notes, f"{works[best].step} was chosen of {len(works)} drafts. {told}."),
        }
    )


def lines(draft: Draft) -> int:
    """Added and removed by its patch; without one, those of its files."""
    if draft.patch:
        changed = (line for line in draft.patch.splitlines() if line.startswith(("+", "-")))
        return sum(not line.startswith(("+++ ", "--- ")) for line in changed)
    return sum(len(file.content.splitlines()) for file in (*draft.files, *draft.tests))
