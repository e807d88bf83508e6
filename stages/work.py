"""An item in hand: the best draft so far, and every attempt that led to it."""

from collections.abc import Sequence
from typing import Any, Self

from stages.drafting import Drafted
from stages.judging import OWN
from stages.models import Attempt, Brief, Draft, Frozen, Grade, TestResult, Usage, Verdict
from stages.outcome import Dossier, Outcome
from stages.stage import Thought


class Work(Frozen):
    """What is known of an item once it has a draft."""

    brief: Brief
    dossier: Dossier
    draft: Draft
    """The draft that a verdict is wanted for."""
    step: str = "draft"
    cost: Usage = Usage()
    """What this draft cost."""
    best: Draft | None = None
    verdict: Verdict | None = None
    """Of the best draft."""
    attempts: tuple[Attempt, ...] = ()
    spent: Usage = Usage()
    """All thoughts and drafts."""
    model: str = ""
    notes: tuple[str, ...] = ()
    started: str
    contradicted: frozenset[str] = frozenset()
    """Test functions that failed of the best draft, or of one that it was built upon."""
    is_closed: bool = False
    """No further repair can be had."""

    @classmethod
    def begun(
        cls, brief: Brief, thoughts: Sequence[Thought[Any]], found: Drafted, started: str, step: str = "draft"
    ) -> Self:
        """With a first draft."""
        return cls(
            brief=brief,
            dossier=dossier(thoughts),
            draft=found.draft,
            step=step,
            cost=found.usage,
            spent=sum((thought.usage for thought in thoughts), found.usage),
            model=found.model,
            notes=tuple(filter(None, (*(thought.note for thought in thoughts), found.note))),
            started=started,
        )

    def mended(self, step: str, found: Drafted) -> Self:
        """With a repair as the draft in hand."""
        return self.model_copy(
            update={
                "draft": found.draft,
                "step": step,
                "cost": found.usage,
                "spent": self.spent + found.usage,
                "notes": tuple(filter(None, (*self.notes, found.note))),
            }
        )

    def judged(self, verdict: Verdict) -> Self:
        """With the verdict on the draft in hand; a repair that breaks what passed is dropped."""
        verdict = _without_its_tests(verdict, self.contradicted)
        attempt = Attempt(
            step=self.step,
            summary=self.draft.summary,
            changed=tuple(f.path for f in (*self.draft.files, *self.draft.tests)) + self.draft.deleted,
            verdict=verdict,
            usage=self.cost,
        )
        better = self.verdict is None or improves(verdict, self.verdict)
        update: dict[str, Any] = {"attempts": (*self.attempts, attempt)}
        if better:
            failed = {_function(test) for test in verdict.tests if test.after not in ("passed", "skipped", "")}
            update |= {"best": self.draft, "verdict": verdict, "contradicted": self.contradicted | failed}
        return self.model_copy(update=update)

    def closed(self, reason: str, cost: Usage) -> Self:
        """Without another repair, and why."""
        notes = (*self.notes, f"No further repair: {reason}")
        return self.model_copy(update={"is_closed": True, "notes": notes, "spent": self.spent + cost})

    def may_be_repaired(self, repairs: int) -> bool:
        """Whether the best draft failed and a repair is left."""
        failed = self.verdict is not None and self.verdict.calls_for_repair
        return failed and not self.is_closed and self.next_repair <= repairs

    @property
    def next_repair(self) -> int:
        """Its number, from 1."""
        return 1 + sum(attempt.step.startswith("repair") for attempt in self.attempts)

    def so_far(self) -> tuple[Draft, Verdict]:
        """The best draft and its verdict. Raises ValueError before the first verdict."""
        if self.best is None or self.verdict is None:
            raise ValueError(f"item {self.brief.item.key} has no verdict yet")
        return self.best, self.verdict

    def outcome(self, finished: str, **origin: str) -> Outcome:
        """The row to be. Raises ValueError before the first verdict."""
        draft, verdict = self.so_far()
        return Outcome(
            item=self.brief.item,
            dossier=self.dossier,
            draft=draft,
            verdict=verdict,
            attempts=self.attempts,
            model=self.model,
            usage=self.spent,
            notes=self.notes,
            started=self.started,
            finished=finished,
            **origin,
        )


def improves(new: Verdict, old: Verdict) -> bool:
    """Whether a repair is better than the best so far: a stronger grade, or more that passes; and nothing lost by it.

    A pass needs no comparison. What cannot be verified never replaces what failed: its evidence would be lost.
    """
    strongest = list(Grade)
    if new.grade in PASSES and new.grade is not old.grade:
        return strongest.index(new.grade) < strongest.index(old.grade)
    if strongest.index(new.grade) > strongest.index(old.grade) or _lost(new, old):
        return False
    gained = _passed(new) - _passed(old) or set(old.broke) - set(new.broke)
    return new.grade is not old.grade or bool(gained)


PASSES = (Grade.PROVEN, Grade.SELF_TESTED)


def _lost(new: Verdict, old: Verdict) -> set[str]:
    """Tests that passed and do not any more. A test of its own that a repair took out is none of them."""
    there = {test.id for test in new.tests}
    return ((_passed(old) - _passed(new)) & there) | (set(new.broke) - set(old.broke))


def _without_its_tests(verdict: Verdict, contradicted: frozenset[str]) -> Verdict:
    """No more than `applies` where a repair passes its own tests because it took out some that failed."""
    gone = contradicted - {_function(test) for test in verdict.tests}
    if verdict.grade is not Grade.SELF_TESTED or verdict.by != OWN or not gone:
        return verdict
    reason = (
        f"The repair took out tests of its own that had failed ({', '.join(sorted(gone)[:5])}): what passes is left."
    )
    return verdict.model_copy(update={"grade": Grade.APPLIES, "by": "", "reason": f"{reason} {verdict.reason}".strip()})


def _function(test: TestResult) -> str:
    """The id without the name of a variant."""
    return test.id.partition("[")[0]


def _passed(verdict: Verdict) -> set[str]:
    return {test.id for test in verdict.tests if test.after == "passed"}


def dossier(thoughts: Sequence[Thought[Any]]) -> Dossier:
    """The answers of these thoughts, by stage."""
    return Dossier(**{thought.answer.step: thought.answer for thought in thoughts})
