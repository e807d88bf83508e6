"""What a dispatcher and the run of an item tell each other, as it lies in the result storage."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from stages import errors
from stages.errors import Defect, WorkerError
from stages.models import Frozen, Usage, WorkItem
from stages.outcome import STAGES, Outcome
from stages.stage import Thought

_MORE: dict[type[WorkerError], tuple[str, ...]] = {
    errors.BudgetReached: ("scope", "reopens"),
    errors.EndpointDown: ("reopens", "item"),
    errors.Transient: ("retry_after",),
    errors.SandboxBroken: ("retry_after",),
    errors.Unusable: ("usage",),
}
"""What an error says besides its words."""
_KINDS = {kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not WorkerError}
_STAGES = {stage.step: stage for stage in STAGES}

Spent = dict[str, dict[str, int]]
"""Day (ISO) → journal → tokens, absolute; see flows.adapters.spending."""


class HandedOut(Frozen):
    """A work item for another run to carry through."""

    item: WorkItem
    """Pinned, its revision included."""


class Told(Frozen):
    """What whoever handed items out knew of spending: a bound on a day's holds for all who work together."""

    spent: Spent = Field(default_factory=dict)


class Fault(Frozen):
    """An error of ours as data."""

    kind: str
    words: str
    scope: str = ""
    reopens: datetime | None = None
    retry_after: float | None = None
    usage: Usage | None = None
    item: str = ""

    @classmethod
    def of(cls, error: WorkerError) -> Self:
        """The error, with what its kind says besides its words."""
        more = {name: getattr(error, name) for name in _MORE.get(type(error), ())}
        return cls(kind=type(error).__name__, words=str(error), **more)

    def error(self) -> WorkerError:
        """The error again; a Defect where a newer worker wrote of a kind that is not known here."""
        kind: Any = _KINDS.get(self.kind, Defect)
        return kind(self.words, **{name: getattr(self, name) for name in _MORE.get(kind, ())})  # type: ignore[no-any-return]


class Ended(Frozen):
    """How the run of an item ended: its outcome, or why there is none."""

    item: WorkItem
    outcome: Outcome | None = None
    fault: Fault | None = None
    thoughts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Step → a thought as JSON, where there is no outcome: what a row that says why can show."""
    spent: Spent = Field(default_factory=dict)
    """What all journals that the run knew had come to."""

    @classmethod
    def as_told(
        cls, item: WorkItem, end: Outcome | WorkerError, thoughts: Iterable[Thought[Any]], spent: Spent
    ) -> Self:
        """Of what came of the item."""
        if isinstance(end, Outcome):
            return cls(item=item, outcome=end, spent=spent)
        kept = {thought.answer.step: thought.model_dump(mode="json") for thought in thoughts}
        return cls(item=item, fault=Fault.of(end), thoughts=kept, spent=spent)

    def end(self) -> Outcome | WorkerError:
        """What came of the item."""
        return self.outcome or (self.fault or Fault(kind="Defect", words="Nothing is said of the end.")).error()

    def thought(self) -> list[Thought[Any]]:
        """The thoughts, in the order of the stages."""
        known = ((stage, self.thoughts[step]) for step, stage in _STAGES.items() if step in self.thoughts)
        return [Thought[stage].model_validate(thought) for stage, thought in known]  # type: ignore[valid-type]
