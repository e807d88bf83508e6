"""A tick that works on nothing itself: what item runs came to is published, and what waits is handed to new ones.

What is handed out stands in Prefect, and what came of it in the result storage; so two dispatchers, on whatever
machines, agree without knowing of each other. An item's hand-out number n is one run: the same for both.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from prefect import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import events, views
from flows.endings import ending
from flows.handed import Ended, Fault, HandedOut
from flows.item_runs import ItemRun, ItemRuns
from flows.outcomes import fault, leave_for_later, publish, put
from flows.run import Ending, Pulled, stops_the_run
from flows.shared import Shared, shared
from flows.tasks import pin, pull
from flows.workshop import workshop
from stages.errors import BudgetReached, Defect, EndpointDown, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome


@dataclass
class Found:
    """What the item runs that nobody has dealt with have come to."""

    busy: set[str] = field(default_factory=set)
    """Keys of items under way."""
    ended: list[tuple[ItemRun, Ended]] = field(default_factory=list)
    gone: list[ItemRun] = field(default_factory=list)
    """Over, and nothing came of it: the item is handed out again when its turn comes."""
    resting: list[WorkerError] = field(default_factory=list)
    """Why nothing can be begun before a time to come. Their runs stay unsettled until then, for all dispatchers."""


async def dispatch() -> State[None]:
    """One tick: collect, publish in one commit, hand out."""
    shop = workshop()
    async with get_client() as prefect:
        runs, store = ItemRuns(prefect, shop.place.name), await shared(shop.place.name)
        found = await look(store, await runs.unsettled())
        items, ends = await collect(found)
        ends = await leave_for_later(items, ends)
        rows = await publish()
        pulled = await pull(shop.settings.scale, None, claim=shop.claims.free)
        closed = next((end for end in (pulled.closed, *found.resting, *_stops(ends)) if end), None)
        handed, refused = ([], []) if closed else await hand_out(runs, store, found, pulled.items)
        items += [item for item, _ in refused]
        ends += await leave_for_later([item for item, _ in refused], [error for _, error in refused])
        rows += await publish()  # what the tick itself set aside; else what was spent, if anything
        await settle(runs, store, found)
    told = replace(pulled, items=tuple(items), closed=None if closed in ends else closed)
    await views.show_run(told, ends)
    events.of_run(told, ends)
    return _under_way(len(found.busy), handed, told, ends, rows) or ending(told, ends, rows, dry_run=False)


async def look(store: Shared, runs: Sequence[ItemRun]) -> Found:
    """What those runs have come to. Raises Transient where the storage does not take what it is told."""
    shop, found = workshop(), Found()
    if runs:
        await store.tell(shop.spending.unpublished())  # so that a storage that is away is not taken for dead runs
    last = {run.key: run for run in sorted(runs, key=lambda run: run.number)}
    for run in runs:
        if not run.is_over:
            found.busy.add(run.key)
            continue
        ended = await store.ended(run.key, run.number)
        if ended is None and last[run.key] is run and run.number >= shop.settings.tries:
            ended = await _given_up(store, run)
        _sort(found, run, ended)
    return found


def _sort(found: Found, run: ItemRun, ended: Ended | None) -> None:
    if ended is None:
        found.gone.append(run)
        return
    workshop().spending.load(ended.spent)
    end = ended.end()
    if not (isinstance(end, BudgetReached | EndpointDown) and stops_the_run(end) and end.reopens):
        found.ended.append((run, ended))
    elif end.reopens > datetime.now(UTC):
        found.resting.append(end)
    else:
        found.gone.append(run)


async def _given_up(store: Shared, run: ItemRun) -> Ended | None:
    """That no other run is made at once: the item counts as one that broke off. None where nobody knows the item."""
    handed = await store.handed_out(run.key)
    words = f"Its run of implement-item ended without a word, the last of {run.number} ({run.state})."
    return Ended(item=handed.item, fault=Fault.of(Defect(words))) if handed else None


async def collect(found: Found) -> tuple[list[WorkItem], list[Ending]]:
    """Outcomes that no commit has yet, on disk until they are published; with them, what broke off, and why."""
    shop = workshop()
    decided = await _decided(found)
    items: list[WorkItem] = []
    ends: list[Ending] = []
    for run, ended in found.ended:
        if run.key in decided:
            continue
        end = ended.end()
        if isinstance(end, Outcome):
            await put(end)
        shop.thoughts[run.key] = ended.thought()
        items.append(ended.item)
        ends.append(end)
    return items, ends


async def hand_out(
    runs: ItemRuns, store: Shared, found: Found, waiting: Sequence[WorkItem]
) -> tuple[list[WorkItem], list[tuple[WorkItem, WorkerError]]]:
    """Items that runs of their own were made for; items that cannot be handed out, and why."""
    shop = workshop()
    busy = {key.rpartition("-")[0] for key in found.busy}
    room = max(0, min(shop.settings.scale - len(busy), shop.room(busy)))
    chosen = [item for item in waiting if item.key not in found.busy][:room]
    numbers = await runs.numbers(item.key for item in chosen)
    if chosen:
        await store.tell(shop.spending.unpublished())
    handed: list[WorkItem] = []
    refused: list[tuple[WorkItem, WorkerError]] = []
    for item in chosen:
        try:
            pinned = await asyncio.to_thread(pin, item)
        except Exception as error:  # one repository that is not to be had must not keep the others back
            refused.append((item, fault(item, error)))
            continue
        await store.hand_out(HandedOut(item=pinned))
        await runs.start(item, numbers.get(item.key, 0) + 1)
        handed.append(item)
    return handed, refused


async def settle(runs: ItemRuns, store: Shared, found: Found) -> None:
    """Those runs need not be looked at again whose end is decided or counted, or whose item is handed out anew."""
    decided = await _decided(found)
    for run, ended in found.ended:
        if ended.outcome and run.key not in decided:
            continue  # its row is not committed yet, and another machine may have to do it
        await runs.settle(run)
        await store.forget_end(run.key, run.number)
        if run.key in decided:
            await store.forget(run.key)
    for run in found.gone:
        await runs.settle(run)
        await store.forget_end(run.key, run.number)


async def _decided(found: Found) -> set[str]:
    return await asyncio.to_thread(workshop().backlog.known.are_decided, [run.key for run, _ in found.ended])


def _stops(ends: Sequence[Ending]) -> list[WorkerError]:
    return [end for end in ends if isinstance(end, WorkerError) and stops_the_run(end)]


def _under_way(
    busy: int, handed: Sequence[WorkItem], told: Pulled, ends: Sequence[Ending], rows: int
) -> State[None] | None:
    """The state of a tick that had nothing to publish while item runs are at work."""
    if ends or rows or told.closed or not (busy or handed):
        return None
    return Completed(
        name="Under way",
        message=f"{busy + len(handed)} items are worked on by item runs; {len(handed)} of them were handed out now.",
    )
