"""How a run ends: the final state says what happened."""

from collections.abc import Sequence

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from stages.errors import BudgetReached, Defect, Misconfigured, OutOfCredits, Transient, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome

Ending = Outcome | WorkerError


def ending(items: Sequence[WorkItem], ends: Sequence[Ending], rows: int, dry_run: bool) -> State[None]:
    """The final state of a run that took up `items`, which ended as `ends`, and committed so many new rows.

    Failed only where the worker could not do its work: nothing came of any item, and it was not the items' fault.
    """
    errors = [end for end in ends if isinstance(end, WorkerError)]
    done = len(ends) - len(errors)
    told = _told(done, len(items), rows, errors)
    for error in errors:
        if isinstance(error, OutOfCredits | BudgetReached):
            return Completed(name="OutOfCredits" if isinstance(error, OutOfCredits) else "Budget", message=told)
    ours = [error for error in errors if isinstance(error, Transient | Misconfigured | Defect)]
    if ours and len(ours) == len(items):
        return Failed(message=f"Nothing could be done for {len(items)} items. The first: {ours[0]}")
    if dry_run:
        return Completed(name=f"Tried {done} of {len(items)}", message=f"A dry run: no outcome was kept. {told}")
    if not items and not rows:
        return Completed(name="Idle", message="Nothing waits: every work item has an outcome.")
    return Completed(name=f"Published {done or rows} of {len(items) or rows}", message=told)


def _told(done: int, items: int, rows: int, errors: Sequence[WorkerError]) -> str:
    others = f" {rows - done} more that another run had finished." if rows > done else ""
    return f"{done} of {items} items have an outcome.{others}" + "".join(f"\n- {error}" for error in errors)
