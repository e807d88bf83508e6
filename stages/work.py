"""An item in hand: the best draft so far, and every attempt that led to it."""

from stages.models import Attempt, Brief, Draft, Frozen, TestResult, Usage, Verdict
from stages.outcome import Dossier, Outcome
from stages.stage import Answer, Thought


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

    def judged(self, verdict: Verdict) -> "Work":
        """With the verdict on the draft in hand; a draft that breaks what the best one passed is dropped."""
        attempt = Attempt(
            step=self.step,
            summary=self.draft.summary,
            changed=tuple(f.path for f in (*self.draft.files, *self.draft.tests)) + self.draft.deleted,
            verdict=verdict,
            usage=self.cost,
        )
        better = self.verdict is None or improves(verdict, self.verdict)
        kept = {"best": self.draft, "verdict": verdict} if better else {}
        return self.model_copy(update={"attempts": (*self.attempts, attempt), **kept})

    def may_be_repaired(self, repairs: int) -> bool:
        """Whether the best draft failed and a repair is left."""
        return bool(self.verdict and self.verdict.calls_for_repair) and len(self.attempts) <= repairs

    def outcome(self, finished: str, **origin: str) -> Outcome:
        """The row to be. Raises ValueError before the first verdict."""
        if self.best is None or self.verdict is None:
            raise ValueError(f"item {self.brief.item.key} has no verdict yet")
        return Outcome(
            item=self.brief.item,
            dossier=self.dossier,
            draft=self.best,
            verdict=self.verdict,
            attempts=self.attempts,
            model=self.model,
            usage=self.spent,
            notes=self.notes,
            started=self.started,
            finished=finished,
            **origin,
        )


ORDER = ("proven", "self-tested", "applies", "unverified", "failed")


def improves(new: Verdict, old: Verdict) -> bool:
    """Whether the new verdict is better: a better grade, or the same with more passed and nothing lost."""
    if new.grade is not old.grade:
        return ORDER.index(new.grade) < ORDER.index(old.grade)
    had, has = _passed(old.tests), _passed(new.tests)
    return had < has


def _passed(tests: tuple[TestResult, ...]) -> set[str]:
    return {test.id for test in tests if test.after == "passed"}


def dossier(thoughts: tuple[Thought[Answer], ...]) -> Dossier:
    """The answers of these thoughts by their stage."""
    return Dossier(**{t.answer.step: t.answer for t in thoughts})
