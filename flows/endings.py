"""How a run ends: the final state says what happened."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.run import Ending, Pulled, may_pass, stops_the_run
from flows.streaks import AWAY
from stages.errors import BudgetReached, Defect, EndpointDown, OutOfCredits, WorkerError


def failed(error: WorkerError, message: str) -> State[None]:
    """The final state of a run that this error kept from its work."""
    return Failed(name=AWAY if may_pass(error) else "Failed", message=message)


def ending(pulled: Pulled, ends: Sequence[Ending], rows: int, dry_run: bool) -> State[None]:
    """The final state of a run that committed so many new rows.

    Failed only where the worker could not do its work: nothing came of any item, and it was not the items' fault.
    """
    errors = [end for end in ends if isinstance(end, WorkerError)]
    items, done = len(ends), len(ends) - len(errors)
    told = " ".join(_told(done, items, done if dry_run else rows)) + "".join(f"\n- {error}" for error in errors)
    if stop := pulled.closed or next(filter(stops_the_run, errors), None):
        name = {OutOfCredits: "OutOfCredits", BudgetReached: "Budget"}.get(type(stop))
        if isinstance(pulled.closed, EndpointDown):
            name = "Resting"  # the run that opened the breaker has failed; this one had nothing to ask
        return Completed(name=name, message=f"{stop} {told}") if name else failed(stop, f"{stop} {told}")
    ours = [error for error in errors if may_pass(error) or isinstance(error, Defect)]
    if ours and len(ours) == items:
        worst = next((error for error in ours if not may_pass(error)), ours[0])
        return failed(worst, f"Nothing could be done for {items} items. The first: {ours[0]}")
    if dry_run:
        return Completed(name=f"Tried {done} of {items}", message=f"A dry run: nothing was committed. {told}")
    if not items and not rows:
        return Completed(name="Idle", message=" ".join(_idle(pulled)))
    return Completed(name=f"Published {done or rows} of {items or rows}", message=told)


def _told(done: int, items: int, rows: int) -> Iterator[str]:
    if items:
        yield f"{done} of {items} items have an outcome."
    if rows > done:
        yield f"{rows - done} more rows, of outcomes that were finished before, were committed."
    if rows < done:
        yield f"{done - rows} of them were in the dataset already: another run or worker had committed them."


def _idle(pulled: Pulled) -> Iterator[str]:
    waiting = pulled.waiting
    if not waiting.items:
        yield "Nothing waits: every work item has an outcome."
    if waiting.cooling:
        first = datetime.fromtimestamp(waiting.cooling[0].until, UTC)
        yield f"{len(waiting.cooling)} items that broke off rest, the first until {first:%Y-%m-%d %H:%M} UTC."
    if (elsewhere := waiting.items - len(waiting.cooling)) > 0:
        yield f"{elsewhere} items wait that another run works on."
    yield from pulled.notes
