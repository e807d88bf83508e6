"""The verbs of the story. Each is a Prefect task, by the policy of flows.policy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from prefect import get_run_logger
from prefect.context import FlowRunContext

from flows import views
from flows.policy import Job, act, stored
from flows.run import Ending, Pulled, stops_the_run
from flows.workshop import now, workshop
from stages import drafting, thinking
from stages.drafting import Drafted
from stages.errors import Defect, Transient, Unusable, WorkerError
from stages.models import Brief, Grade, Question, Usage, Verdict, WorkItem
from stages.outcome import Outcome
from stages.stage import A, Answer, Thought
from stages.work import Work, dossier

POSTPONED_S = 600.0
"""How long an item rests after a run in which nothing at all went through."""


# --- pull ------------------------------------------------------------------------------------------


async def pull(limit: int, item: str | None) -> Pulled:
    """The next waiting work items and what is new upstream. Three requests to the Hub where nothing is."""
    shop = workshop()

    def take() -> Pulled:
        told = shop.catch_up()  # first: what the results dataset knows to be decided need not be read again
        look = shop.upstream.look(item)
        waiting = shop.backlog.waiting(time.time())
        closed = shop.closed() if waiting.items or item else None
        taken = (
            []
            if closed
            else shop.backlog.next(
                limit, time.time(), item, claim=shop.claims.take, finished=shop.outbox, dry_run=shop.dry_run
            )
        )
        if item:
            for each in taken:
                shop.spending.start_over(each.id)
        return Pulled(tuple(taken), look, waiting, closed, (*told, *look.notes))

    pulled = await act("pull", "", take)
    for note in pulled.notes:
        get_run_logger().warning(note)
    shop.progress.items = len(pulled.items)
    await views.name_run(pulled.items)
    return pulled


async def study(item: WorkItem) -> Brief:
    """The item with the code that it is about, at the revision pinned when it was first taken up."""
    shop = workshop()
    if not item.repository:
        return Brief(item=item)

    def read() -> Brief:
        shop.check_repository(item.repository)
        revision = shop.repositories.pin(item.repository, item.revision)
        pinned = shop.backlog.pin(item.model_copy(update={"revision": revision}))
        budget = shop.settings.code_tokens
        return Brief(
            item=pinned, code=shop.repositories.view(pinned.repository, pinned.revision, pinned.finding, budget)
        )

    brief = await act("study", item.finding.title, read)
    shop.progress.step()
    return brief


# --- think, write, verify --------------------------------------------------------------------------


async def think(stage: type[A], brief: Brief, *earlier: Thought[Any]) -> Thought[A]:
    """One of the six thoughts. Raises Unusable after two bad answers."""
    shop = workshop()
    answers: Sequence[Answer] = [thought.answer for thought in earlier]
    question = thinking.question(stage, brief, answers, shop.templates)

    async def job() -> dict[str, Any]:
        thought = await thinking.think(stage, brief, answers, shop.model.ask, shop.templates)
        return thought.model_dump(mode="json")

    thought = Thought[stage].model_validate(await ask(stage.title, brief.item, question, job))  # type: ignore[valid-type]
    shop.thoughts.setdefault(brief.item.key, []).append(thought)
    return thought


async def ask(name: str, item: WorkItem, question: Question, job: Job) -> dict[str, Any]:
    """What a conversation with the model comes to; it is paid for once."""
    shop = workshop()
    chosen = shop.settings
    model = [chosen.model_name, chosen.model_address, chosen.temperature, chosen.answer_tokens]
    return await stored(name, item, question.step, [question.model_dump(), model], job, shop.gate)


async def write(brief: Brief, thoughts: Sequence[Thought[Any]]) -> Work:
    """A first draft of code and tests, with its patch."""
    shop = workshop()
    case = dossier(thoughts)
    question = drafting.draft_question(brief, case, shop.templates, shop.guards)

    async def job() -> dict[str, Any]:
        found = await drafting.write(brief, case, shop.model.ask, shop.templates, shop.guards, _old(brief))
        return await _drafted(brief, found)

    found = Drafted.model_validate(await ask("write", brief.item, question, job))
    return Work.begun(brief, thoughts, found, shop.started)


async def repair(work: Work) -> Work:
    """The best draft, mended with what its tests said."""
    shop, number = workshop(), len(work.attempts)
    args = (work.brief, work.dossier, *work.so_far(), number)
    question = await drafting.repair_question(*args, shop.templates, shop.guards, _old(work.brief))

    async def job() -> dict[str, Any]:
        found = await drafting.repair(*args, shop.model.ask, shop.templates, shop.guards, _old(work.brief))
        return await _drafted(work.brief, found)

    found = Drafted.model_validate(await ask("repair", work.brief.item, question, job))
    return work.mended(question.step, found)


def _old(brief: Brief) -> Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]:
    """Reads whole texts of files at the item's revision."""
    shop, item = workshop(), brief.item

    async def read(paths: Sequence[str]) -> Mapping[str, str]:
        return await asyncio.to_thread(shop.repositories.texts, item.repository, item.revision, paths)

    return read


async def _drafted(brief: Brief, found: Drafted) -> dict[str, Any]:
    """With its patch, as JSON."""
    shop, draft = workshop(), found.draft
    if brief.item.repository:
        patch = await asyncio.to_thread(shop.repositories.diff, brief.item.repository, brief.item.revision, draft)
        found = found.model_copy(update={"draft": draft.model_copy(update={"patch": patch})})
    return found.model_dump(mode="json")


async def verify(work: Work) -> Work:
    """The work with a verdict on its draft. Raises SandboxBroken, which is never the draft's fault."""
    shop, item = workshop(), work.brief.item
    terms = await asyncio.to_thread(lambda: shop.verification.terms)  # finding out what confines takes a while
    if not shop.progress.verified:
        get_run_logger().info("generated code is confined by: %s", terms[0])
    shop.progress.verified += 1

    async def job() -> dict[str, Any]:
        verdict = await asyncio.to_thread(shop.verification.verify, item, work.draft)
        return verdict.model_dump(mode="json")

    given = [item.model_dump(), work.draft.model_dump(), terms]
    found = await stored("verify", item, f"verify-{work.step}", given, job, shop.benches)
    return work.judged(Verdict.model_validate(found))


async def mend(work: Work) -> Work:
    """The work after a repair and its verdict; where no repair can be had, as it is, and closed."""
    try:
        return await verify(await repair(work))
    except Unusable as error:
        return work.closed(str(error), error.usage or Usage())


# --- what came of it -------------------------------------------------------------------------------


def conclude(work: Work) -> Outcome:
    """The outcome of work that has its verdict."""
    return work.outcome(finished=now(), **_origin())


async def keep(outcome: Outcome) -> Outcome:
    """The outcome, on disk until it is published, without any secret; its page in the UI."""
    shop = workshop()
    outcome = Outcome.model_validate_json(shop.scrub(outcome.model_dump_json()))
    if not shop.dry_run:
        await asyncio.to_thread(shop.outbox.put, outcome)
    await views.show_item(outcome)
    return outcome


def fault(item: WorkItem, error: Exception) -> WorkerError:
    """Why there is no outcome, in the log and as an error of ours."""
    told = error if isinstance(error, WorkerError) else Defect(f"A fault of the worker itself: {error!r}")
    trace = error if isinstance(told, Defect) else None
    get_run_logger().warning("%s (%s) broke off: %s", item.key, item.finding.title, told, exc_info=trace)
    return told


async def leave_for_later(items: Sequence[WorkItem], ends: Sequence[Ending]) -> list[Ending]:
    """The same ends, where items that broke off too often are set aside by an outcome that says why.

    What stops the whole run is held against no item; nor is what may pass, where nothing at all went through.
    """
    shop = workshop()
    something = any(isinstance(end, Outcome) for end in ends)
    left: list[Ending] = []
    for item, end in zip(items, ends, strict=True):
        if isinstance(end, Outcome) or shop.dry_run or stops_the_run(end):
            left.append(end)
        elif isinstance(end, Transient) and not something:
            await asyncio.to_thread(shop.backlog.postpone, item, str(end), time.time() + POSTPONED_S)
            left.append(end)
        else:
            left.append(await _count_try(item, end))
    return left


async def _count_try(item: WorkItem, error: WorkerError) -> Ending:
    shop = workshop()
    pace = shop.settings.retry_minutes
    tries = await asyncio.to_thread(shop.backlog.broke_off, item, str(error), time.time(), pace)
    if tries < shop.settings.tries:
        return error
    verdict = Verdict(grade=Grade.UNVERIFIED, reason=f"Set aside after {tries} tries that broke off. The last: {error}")
    thoughts = shop.thoughts.get(item.key, [])
    lost = getattr(error, "usage", None) or Usage()
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
    """Commit every finished outcome, those of dead runs too: how many rows are new."""
    shop = workshop()
    outcomes = [] if shop.dry_run else shop.outbox.waiting()
    if not outcomes:
        return 0
    # no retries: `append` makes ten tries of its own, since each must look first what the last one did
    receipt = await act("publish", f"{len(outcomes)} outcomes", lambda: shop.commit(outcomes), retries=0)
    await views.show_commit(receipt.url, f"rows {receipt.first} to {receipt.last}")
    return receipt.rows


def _origin() -> dict[str, str]:
    context = FlowRunContext.get()
    run = str(context.flow_run.id) if context and context.flow_run else ""
    return {"flow_run": run, "templates": workshop().templates.version, "code_version": workshop().version}
