"""What comes of an item: kept on disk, left for later, set aside, published."""

import asyncio
import time
from collections.abc import Sequence

from prefect import get_run_logger
from prefect.context import FlowRunContext

from flows import events, views
from flows.policy import act
from flows.run import Ending, may_pass, stops_the_run
from flows.workshop import now, workshop
from stages.errors import BudgetReached, Defect, Transient, WorkerError
from stages.models import Grade, Usage, Verdict, WorkItem
from stages.outcome import Outcome
from stages.work import Work, dossier


def conclude(work: Work) -> Outcome:
    """The outcome of work that has its verdict."""
    return work.outcome(finished=now(), **_origin())


async def keep(outcome: Outcome) -> Outcome:
    """The outcome, on disk until it is published, without any secret; its page in the UI."""
    shop = workshop()
    outcome = shop.without_secrets(outcome)
    if not shop.dry_run:
        await put(outcome)
    await views.show_item(outcome)
    return outcome


async def put(outcome: Outcome) -> None:
    """On disk until it is published. Raises Transient where there is no room."""
    outbox = workshop().outbox
    try:
        await asyncio.to_thread(outbox.put, outcome)
    except OSError as error:
        raise Transient(
            f"The outcome of {outcome.item.key} cannot be kept in {outbox.folder} ({error}): make room there. "
            "What was thought is stored, as far as there was room, and is not asked again."
        ) from error


def fault(item: WorkItem, error: Exception) -> WorkerError:
    """Why there is no outcome, in the log and as an error of ours."""
    told = error if isinstance(error, WorkerError) else Defect(f"A fault of the worker itself: {error!r}")
    trace = error if isinstance(told, Defect) else None
    get_run_logger().warning("%s (%s) broke off: %s", item.key, item.finding.title, told, exc_info=trace)
    return told


async def leave_for_later(items: Sequence[WorkItem], ends: Sequence[Ending]) -> list[Ending]:
    """The same ends, where items that broke off too often are set aside by an outcome that says why.

    What stops the whole run is held against no item; nor is what may pass, where nothing at all has gone through.
    """
    shop = workshop()
    something = any(isinstance(end, Outcome) for end in ends)
    await asyncio.to_thread(shop.backlog.pauses.came_back, items, something and not shop.dry_run)
    left: list[Ending] = []
    for item, end in zip(items, ends, strict=True):
        if isinstance(end, Outcome) or shop.dry_run or stops_the_run(end):
            left.append(end)
            continue
        try:
            left.append(end if await _is_spared(item, end, something) else await _count_try(item, end))
        except Exception as error:  # setting one item aside must not cost the others
            left.append(fault(item, error))
    return left


async def _is_spared(item: WorkItem, error: WorkerError, something: bool) -> bool:
    """Whether no try is counted; `something`: another item of the run has an outcome.

    What an outage costs is not held against the item's bound either: with it all spent, the item begins it anew.
    """
    shop, reopens = workshop(), getattr(error, "reopens", None)
    is_spent = isinstance(error, BudgetReached)  # of the item: another stops the run
    if something or not (is_spent or may_pass(error)):
        return False
    how = (item, str(error), time.time(), shop.settings.retry_minutes)
    until = reopens.timestamp() if reopens else 0.0
    if not await asyncio.to_thread(shop.backlog.pauses.spare, *how, until, only_again=is_spent):
        return False
    if is_spent:
        await asyncio.to_thread(shop.spending.start_over, item.id)
    return True


async def _count_try(item: WorkItem, error: WorkerError) -> Ending:
    shop = workshop()
    if item.key in shop.outbox:
        return error  # it broke off after its outcome was kept, which is what goes out
    pace = shop.settings.retry_minutes
    tries = await asyncio.to_thread(shop.backlog.pauses.broke_off, item, str(error), time.time(), pace)
    if tries < shop.settings.tries:
        return error
    verdict = Verdict(grade=Grade.UNVERIFIED, reason=f"Set aside after {tries} tries that broke off. The last: {error}")
    thoughts = shop.thoughts.get(item.key, [])
    lost = getattr(error, "usage", None) or Usage()
    events.set_aside(item, tries, str(error))
    return await keep(
        Outcome(
            item=item,
            dossier=dossier(thoughts),
            verdict=verdict,
            model=thoughts[-1].model if thoughts else shop.settings.model_name,
            usage=sum((thought.usage for thought in thoughts), lost),
            started=shop.started,
            finished=now(),
            **_origin(),
        )
    )


async def publish() -> int:
    """Commit every finished outcome, those of dead runs too: how many rows are new. Without any, what was spent.

    A dry run commits nothing: what it spent goes out with the next run that is none.
    """
    shop = workshop()
    outcomes = [] if shop.dry_run else shop.outbox.waiting()
    if not outcomes:
        await _account()
        return 0
    # no retries: `append` makes ten tries of its own, since each must look first what the last one did
    receipt = await act("publish", f"{len(outcomes)} outcomes", lambda: shop.commit(outcomes), retries=0)
    await views.show_commit(receipt.url, f"rows {receipt.first} to {receipt.last}")
    if receipt.rows:
        events.published(outcomes, receipt.url)
    return receipt.rows


async def _account() -> None:
    """Tell the results dataset what was spent on no row, by runs that died too. No run fails for it."""
    shop = workshop()
    try:
        if await asyncio.to_thread(shop.account.untold):
            await act("account", "", shop.account.tell, retries=0)
    except WorkerError as error:
        get_run_logger().warning("What was spent is known to this disk alone until the next run: %s", error)


def _origin() -> dict[str, str]:
    context = FlowRunContext.get()
    run = str(context.flow_run.id) if context and context.flow_run else ""
    return {"flow_run": run, "templates": workshop().templates.version, "code_version": workshop().version}
