"""How a run ends: the final state says what happened."""

from collections.abc import Sequence

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from stages.errors import BudgetReached, Defect, Misconfigured, OutOfCredits, Transient, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome

Ending = Outcome | WorkerError


def ending(items: Sequence[WorkItem], ends: Sequence[Ending], published: int, dry_run: bool) -> State[None]:
    """The final state of a run that took up `items`, which ended as `ends`, and published so many rows.

    Failed only where the worker could not do its work: nothing came of any item, and it was not the items' fault.
    """
    errors = [end for end in ends if isinstance(end, WorkerError)]
    told = f"{published} of {len(items)} published."
    for error in errors:
        if isinstance(error, OutOfCredits):
            return Completed(name="OutOfCredits", message=f"{error} {told}")
        if isinstance(error, BudgetReached):
            return Completed(name="Budget", message=f"{error} {told}")
    ours = [error for error in errors if isinstance(error, Transient | Misconfigured | Defect)]
    if ours and len(ours) == len(items) and not published:
        return Failed(message=f"Nothing could be done for {len(items)} items. The first: {ours[0]}")
    if dry_run:
        done = len(items) - len(errors)
        return Completed(
            name=f"Tried {done} of {len(items)}", message="A dry run: nothing was committed, no outcome kept."
        )
    if not items and not published:
        return Completed(name="Idle", message="Nothing waits: every work item has an outcome.")
    reasons = "".join(f"\n- {error}" for error in errors)
    return Completed(name=f"Published {published} of {max(published, len(items))}", message=told + reasons)
