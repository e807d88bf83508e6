"""What a run starts with, and what comes of its items."""

from dataclasses import dataclass

from flows.adapters.backlog import Waiting
from flows.adapters.looks import Look
from stages.errors import BudgetReached, EndpointDown, Misconfigured, OutOfCredits, Transient, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome

Ending = Outcome | WorkerError
"""Of an item: its outcome, or why there is none yet."""


@dataclass(frozen=True)
class Pulled:
    """What a run starts with."""

    items: tuple[WorkItem, ...]
    """Pinned, and claimed by this run."""
    look: Look
    waiting: Waiting
    """What is left to do, the items of this run included."""
    closed: WorkerError | None = None
    """Why none was taken up though some wait: a bound on spending, an endpoint that is left alone."""
    notes: tuple[str, ...] = ()
    """Sentences on the datasets."""


def stops_the_run(error: WorkerError) -> bool:
    """Whether it holds for every item, so that each keeps its place."""
    of_all = isinstance(error, BudgetReached) and error.scope != "item"
    down = isinstance(error, EndpointDown) and not error.item
    return of_all or down or isinstance(error, OutOfCredits | Misconfigured)


def may_pass(error: WorkerError) -> bool:
    """Whether time alone may mend it, and not the item's fault."""
    return isinstance(error, Transient) or (isinstance(error, EndpointDown) and bool(error.item))
