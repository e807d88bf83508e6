"""What people see of a run in the Prefect UI: names, log lines, artifacts.

A view: nothing is decided by it, and its faults, a server that is away among them, are told in the log alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import wraps
from textwrap import shorten
from typing import ParamSpec, TypeVar
from uuid import UUID

from prefect import get_client, get_run_logger
from prefect.artifacts import (
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)
from prefect.context import FlowRunContext

from flows.progress import Progress
from flows.run import Ending, Pulled
from flows.workshop import workshop
from stages.errors import WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome
from stages.records import Kind, PassedOver

P = ParamSpec("P")
T = TypeVar("T")

EVERY_S = 2.0
"""Between two updates of the progress artifact; each costs the server 10 ms."""
AFTER_A_FAULT_S = 60.0
"""Until the next update of it, where one did not arrive."""

_log = logging.getLogger(__name__)


def faults_are_logged(view: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T | None]]:
    """The view, that gives None where it failed. A run that is told to stop is stopped in it, too."""

    @wraps(view)
    async def shown(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return await view(*args, **kwargs)
        except Exception as error:
            _log.warning("%s: the Prefect UI lacks it, nothing else is amiss: %r", view.__name__.strip("_"), error)
            return None

    return shown


@asynccontextmanager
async def moving(progress: Progress) -> AsyncIterator[None]:
    """Keep a progress artifact up to date meanwhile."""
    if not progress.items:
        yield
        return
    artifact = await _begin_progress(progress.items)

    async def follow() -> None:
        pause_s = EVERY_S
        while artifact:
            await asyncio.sleep(pause_s)
            pause_s = EVERY_S if await _show_progress(artifact, progress.percent) else AFTER_A_FAULT_S

    follower = asyncio.create_task(follow())
    try:
        yield
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
    if artifact:  # not of a run that is told to stop: the server may be away, and each call tries for minutes
        await _show_progress(artifact, 100.0)


@faults_are_logged
async def _begin_progress(items: int) -> UUID:
    return await acreate_progress_artifact(0.0, key="progress", description=f"{items} items in hand")


@faults_are_logged
async def _show_progress(artifact: UUID, percent: float) -> bool:
    await aupdate_progress_artifact(artifact, progress=percent)
    return True


def line(outcome: Outcome) -> str:
    """One line about an outcome: item, verdict, tokens, seconds of asking and verifying."""
    usage = outcome.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    return (
        f"{outcome.item.key}  {outcome.verdict.grade:<11}  {tokens:>8,} tokens  {outcome.seconds:6.1f} s  "
        f"{shorten(outcome.item.finding.title, 60, placeholder=' …')}"
    )


@faults_are_logged
async def show_item(outcome: Outcome) -> None:
    """The item's own page: finding, six answers, diff, tests, verdict."""
    from stages.reporting import item_report

    get_run_logger().info(line(outcome))
    await acreate_markdown_artifact(item_report(outcome), key=f"item-{outcome.item.key}", description=line(outcome))


@faults_are_logged
async def show_run(pulled: Pulled, ends: Sequence[Ending]) -> None:
    """The run's page: its items, the matching, what was quarantined and passed over, and why; none for an idle run."""
    look = pulled.look
    if not ends and not (look.quarantined or look.passed_over or look.unused):
        return
    from stages.reporting import run_report

    names = dict(zip(Kind, workshop().settings.datasets, strict=False))
    together = zip(pulled.items, ends, strict=True)
    report = run_report(
        [end for end in ends if isinstance(end, Outcome)],
        broken_off=[(item.key, item.finding.title, str(end)) for item, end in together if isinstance(end, WorkerError)],
        quarantined=[(_place(names[e.kind], e.path, e.row), e.blob, e.reason) for e in look.quarantined],
        quarantined_total=look.quarantined_total,
        passed_over=_passed_over(look.passed_over),
        passed_over_total=look.passed_over_total,
        unused=_passed_over(look.unused),
        unused_total=look.unused_total,
        notes=pulled.notes,
    )
    await acreate_markdown_artifact(report, key="run", description="Items, matching, quarantine")


def _passed_over(things: Sequence[PassedOver]) -> list[tuple[str, str, str]]:
    return [(each.what, _place(each.source.dataset, each.source.path, each.source.row), each.reason) for each in things]


def _place(dataset: str, path: str, row: int | None) -> str:
    return f"{dataset}/{path}" + ("" if row is None else f", row {row}")


@faults_are_logged
async def show_commit(url: str, rows: str) -> None:
    """A link to the commit."""
    await acreate_link_artifact(url, key="commit", link_text=rows, description=f"Committed {rows}")


@faults_are_logged
async def name_run(items: Sequence[WorkItem]) -> None:
    """Name the flow run after what it works on."""
    context = FlowRunContext.get()
    if not items or context is None or context.flow_run is None:
        return
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    async with get_client() as client:
        await client.update_flow_run(context.flow_run.id, name=f"{items[0].finding.title[:80]}{more}")
