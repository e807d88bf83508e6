"""The story of the daily housekeeping: is the results dataset sound, how big is it, what is to go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import events
from flows.opening import open_workshop
from flows.policy import act
from flows.settings import Settings
from flows.views import faults_are_logged
from flows.workshop import workshop
from stages.condition import Condition, Quota, markdown_report

if TYPE_CHECKING:  # neither the command line's help nor another flow pays for this import
    from flows.adapters.upkeep import Keep

CHECKED = "checked"
"""The folder of the home that remembers sound shards."""
Done = dict[str, str]
"""What was changed: the state's name for it → a sentence."""


@flow(name="maintain", persist_result=False)
async def maintain(squash: bool = False, rebuild_state: bool = False, dry_run: bool = False) -> State[None]:
    """Look after the results dataset: whether it is sound, its size, and what the settings do not keep of it.

    Args:
        squash: Replace the dataset's history by one commit, if it is sound. Nothing can be put back from it afterwards.
        rebuild_state: First work the worker's state out anew from the rows, and accept the loss of rows that are gone.
        dry_run: Look and report, but change nothing.
    """
    async with open_workshop(dry_run) as shop:
        done: Done = {}
        if rebuild_state and not dry_run:
            done |= await rebuild()
        found = await look()
        if found.head and not found.faults and not dry_run:
            done |= await retain()
            done |= await squash_history() if squash or shop.settings.squash else {}
            found = await measure_again(found) if done else found
        near = found.near(quota_of(shop.settings))
        await show(found, near, done)
        return ending(found, near, done)


async def look() -> Condition:
    """The dataset, read whole, but for shards that were sound before."""
    from flows.adapters.inspection import inspect

    shop, dataset = workshop(), workshop().settings.datasets[2]
    found = await act("look", dataset, lambda: inspect(shop.hub, dataset, shop.home / CHECKED))
    return found.model_copy(update={"notes": (*found.notes, *shop.outbox.unreadable())})


async def measure_again(found: Condition) -> Condition:
    """The same with today's sizes."""
    from flows.adapters.inspection import measure

    shop = workshop()
    now = await act("measure", found.dataset, lambda: measure(shop.hub, found.dataset))
    return now.model_copy(update={"notes": found.notes})


async def rebuild() -> Done:
    """The worker's state comes from the rows again."""
    from flows.adapters.upkeep import rebuild as work_out

    results = workshop().results
    await act("rebuild", results.dataset, lambda: work_out(results), retries=0)  # it makes ten tries of its own
    return {"Rebuilt": "The worker's state was worked out anew from the rows."}


async def retain() -> Done:
    """Old rows go, where the settings say so."""
    results, keep = workshop().results, kept(workshop().settings)
    if keep is None:
        return {}
    from flows.adapters.upkeep import retain as remove

    gone = await act("retain", results.dataset, lambda: remove(results, keep), retries=0)
    if gone is None:
        return {}
    return {"Retained": f"The rows of iterations {gone.first} to {gone.last} were removed, as the settings say."}


async def squash_history() -> Done:
    """One commit in place of the dataset's history."""
    results = workshop().results
    await act("squash", results.dataset, results.squash, retries=0)
    return {"Squashed": "The history was squashed: its storage is given back when the Hub comes round to it."}


def kept(settings: Settings) -> "Keep | None":
    """What stays by the settings; None: everything."""
    if settings.keep_rows is None and settings.keep_days is None:
        return None
    from flows.adapters.upkeep import Keep

    days = settings.keep_days
    return Keep(settings.keep_rows, datetime.now(UTC) - timedelta(days=days) if days else None)


async def show(found: Condition, near: Sequence[str], done: Done) -> None:
    """The report as a page; a log line for each fault, an event for a quota that is near."""
    for fault in found.faults:
        get_run_logger().warning(fault)
    if near:
        get_run_logger().warning(" ".join(near))
        events.quota_near(found, near)
    await show_report(found, done)


@faults_are_logged
async def show_report(found: Condition, done: Done) -> None:
    """The report as a page."""
    report = markdown_report(found, quota_of(workshop().settings), list(done.values()))
    await acreate_markdown_artifact(report, key="maintenance", description=found.headline())


def ending(found: Condition, near: Sequence[str], done: Done) -> State[None]:
    """The final state; Failed where the dataset is damaged."""
    first = " ".join([found.headline(), *done.values(), *near])
    told = "\n".join([first, *(f"- {fault}" for fault in found.faults)])
    if found.faults:
        return Failed(message=told)
    usual = "Sound" if found.head else "Nothing yet"
    return Completed(name=", ".join(done) or usual, message=told)


def quota_of(settings: Settings) -> Quota:
    """The quota that the settings name."""
    size = round(settings.quota_gigabytes * 10**9)
    return Quota(size=size, files=settings.quota_files, warning=settings.quota_warning)


if __name__ == "__main__":
    from flows.upkeep_once import main

    main()
