"""The time of a run's workshop: from the settings of this environment to the last door closed."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache

from prefect.context import FlowRunContext

from flows.environment import load
from flows.presence import present
from flows.workshop import OPEN, Workshop


@asynccontextmanager
async def open_workshop(dry_run: bool = False) -> AsyncIterator[Workshop]:
    """A workshop from this environment, for the time of a run. Raises Permanent when a setting is wrong."""
    chosen = load()
    if not dry_run:
        chosen.check_publishing()
    shop = Workshop(chosen, dry_run)
    if chosen.templates:
        shop.templates  # noqa: B018  # a wrong template is told at the start, not when an item wants it
    context = FlowRunContext.get()
    run = context.flow_run.id if context and context.flow_run else None
    token = OPEN.set(shop)
    _spare_imports()
    try:
        with present(shop.home, run) if run else nullcontext():
            yield shop
    finally:
        OPEN.reset(token)
        await shop.close()


@cache
def _spare_imports() -> None:
    """Some 300,000 objects that no collection need look at: 4 % of a busy run.

    Once in a process: what is thawed again counts as old, and the connections among it stay open until the next full
    collection, which is minutes away.
    """
    gc.freeze()
