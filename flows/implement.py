"""The story of a run: read this first."""

import asyncio
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows import events, streaks, views
from flows.candidates import draft
from flows.dispatch import dispatch
from flows.endings import ending, failed
from flows.opening import open_workshop
from flows.outcomes import conclude, fault, keep, leave_for_later, publish
from flows.run import Ending
from flows.tasks import mend, pull, study, think
from flows.workshop import workshop
from stages.approach_evaluation import ApproachEvaluation
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.errors import WorkerError
from stages.implementation_plan import ImplementationPlan
from stages.models import WorkItem
from stages.outcome import Outcome
from stages.risk_analysis import RiskAnalysis
from stages.testing_strategy import TestingStrategy

Limit = Annotated[int, Field(ge=1, le=1024)]


@flow(name="implement", persist_result=False, on_failure=[streaks.look], on_crashed=[streaks.look])
async def implement(limit: Limit = 4, item: str | None = None, dry_run: bool = False) -> State[None]:
    """Turn the next waiting work items into verified code and publish what came of them.

    Args:
        limit: The most work items to take up in this run, where AUTOCODER_SCALE does not hand them to others.
        item: Work on this one item (its id, or the beginning of it), again if it has an outcome already.
        dry_run: Do everything but the commit. The thoughts are kept for the real run, the outcome is not.
    """
    try:
        return await run(limit, item, dry_run)
    except WorkerError as error:  # a sentence says it all; of a fault of our own, Prefect shows where it happened
        return failed(error, str(error))


async def run(limit: int, item: str | None, dry_run: bool) -> State[None]:
    """The next items carried through, and what came of them published. Raises WorkerError where none can be taken."""
    async with open_workshop(dry_run) as shop:
        if shop.settings.scale and not (item or dry_run):
            return await dispatch()  # others carry the items through, by the same `carry_through`
        rows = await publish()  # what an earlier run finished goes out before anything new is paid for
        pulled = await pull(limit, item)
        async with views.moving(shop.progress):
            ends = await asyncio.gather(*(carry_through(i) for i in pulled.items))
        ends = await leave_for_later(pulled.items, ends)
        rows += await publish()
        await views.show_run(pulled, ends)
        events.of_run(pulled, ends)
        return ending(pulled, ends, rows, dry_run)


async def carry_through(item: WorkItem) -> Ending:
    """The item's outcome, kept on disk, or why there is none. One item's failure leaves the others alone."""
    async with workshop().admission:
        try:
            return await keep(await implement_item(item))
        except Exception as error:  # a fault of our own must not cost the others either
            return fault(item, error)


async def implement_item(item: WorkItem) -> Outcome:
    """Six thoughts, a draft, a verdict; while it fails and repairs are left, a repair and a verdict."""
    brief = await study(item)
    understanding = await think(DeepUnderstanding, brief)
    architecture = await think(ArchitecturalAnalysis, brief, understanding)
    approach = await think(ApproachEvaluation, brief, understanding, architecture)
    chosen = (understanding, architecture, approach)
    risks, testing = await asyncio.gather(
        think(RiskAnalysis, brief, *chosen),
        think(TestingStrategy, brief, *chosen),
    )
    plan = await think(ImplementationPlan, brief, *chosen, risks, testing)
    work = await draft(brief, (*chosen, risks, testing, plan))
    while work.may_be_repaired(workshop().settings.repairs):
        work = await mend(work)
    return conclude(work)


if __name__ == "__main__":
    from flows.once import main

    main()
