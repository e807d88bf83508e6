"""One work item that a run of `implement` handed out, carried through by a run of its own; it publishes nothing."""

import asyncio
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows import events, views
from flows.handed import Ended
from flows.implement import carry_through
from flows.opening import open_workshop
from flows.shared import Shared, shared
from flows.workshop import Workshop
from stages.errors import Misconfigured, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}-[1-9][0-9]{0,8}$")]
Number = Annotated[int, Field(ge=1)]
CLAIM_S = 2.0
"""Between two looks whether another run of this home still works on the item."""


@flow(name="implement-item", persist_result=False)
async def implement_item(key: Key, number: Number = 1) -> State[None]:
    """Carry one handed-out work item through, and leave what came of it for a later run of `implement`.

    Args:
        key: The work item and which attempt at it, as in the id of its row.
        number: How often this attempt has been handed out. A hand-out that has ended is not worked on again.
    """
    try:
        async with open_workshop(dry_run=True) as shop:  # it keeps and commits nothing by itself
            shop.settings.check_publishing()
            store = await shared(shop.place.name)
            while not shop.claims.take([key.rpartition("-")[0]], 1):  # noqa: ASYNC110  # a run asked for it by name, say
                await asyncio.sleep(CLAIM_S)
            if key in shop.outbox or shop.backlog.known.are_decided([key]) or await store.ended(key, number):
                return Completed(name="Ended before", message="What came of it is kept already.")
            return await work(shop, store, await find(shop, store, key), number)
    except WorkerError as error:
        return Failed(message=str(error))


async def find(shop: Workshop, store: Shared, key: str) -> WorkItem:
    """The item as it was handed out. Raises Misconfigured where this machine finds none."""
    handed = await store.handed_out(key)
    if handed is None:
        where = shop.settings.results or shop.settings.results_folder
        raise Misconfigured(
            f"{key} was not handed out in {where}, or is decided by now. All workers of a pool need the same "
            "AUTOCODER_RESULTS, the same Hub and the same three datasets."
        )
    shop.spending.load(await store.spent())
    return handed.item


async def work(shop: Workshop, store: Shared, item: WorkItem, number: int) -> State[None]:
    """The item carried through, and its end kept where the next run of `implement` looks for it."""
    shop.progress.items = 1
    async with views.moving(shop.progress):
        end = await carry_through(item)
    events.of_end(end)
    thoughts = shop.thoughts.get(item.key, [])
    await store.end(item.key, number, Ended.as_told(item, end, thoughts, shop.spending.unpublished()))
    if isinstance(end, Outcome):
        return Completed(name=str(end.verdict.grade).capitalize(), message=views.line(end))
    return Completed(name="Broke off", message=str(end))
