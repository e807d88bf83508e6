"""The verbs of the story as Prefect tasks; the only place with retry, timeout and cache policy."""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import opaque

from flows import views
from flows.adapters.upstream import Look
from flows.workshop import now, workshop
from stages import drafting, thinking
from stages.drafting import Drafted
from stages.errors import BudgetReached, Defect, Misconfigured, OutOfCredits, Transient, WorkerError
from stages.models import Brief, Grade, Question, Verdict, WorkItem
from stages.outcome import Outcome
from stages.stage import A, Answer, Thought
from stages.work import Work, dossier

T = TypeVar("T")
Job = Callable[[], Awaitable[dict[str, Any]]]

SCHEMA = 1
"""Version of the stored results' shapes: part of their key, so that another version is never read."""
LONGEST_WAIT = 300.0
"""Seconds that a Retry-After may hold a task; what asks for longer is left to a later run."""
POSTPONED_S = 600.0
"""How long an item waits whose attempt broke off at something that may pass."""


# --- policy ----------------------------------------------------------------------------------------


async def may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Retry what is Transient, at the pace that the other side asks for, and nothing else."""
    try:
        await state.result()
    except Transient as error:
        wait = error.retry_after or 0.0
        if wait > LONGEST_WAIT:
            return False
        await asyncio.sleep(wait)
        return True
    except Exception:  # of any other error it is not known that trying again helps
        return False
    return False


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return str(parameters["key"])


PATIENT: dict[str, Any] = {
    "task_run_name": "{label}",
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
}


@task(cache_policy=NO_CACHE, **PATIENT)
async def _act(label: str, job: Any) -> Any:
    return await asyncio.to_thread(job)


@task(persist_result=True, result_serializer="json", cache_key_fn=_key, **PATIENT)
async def _stored(label: str, key: str, job: Any) -> Any:
    return await job()


async def act(verb: str, about: str, job: Callable[[], T], **policy: Any) -> T:
    """Blocking work on the world, in a thread, as a task named by its verb."""
    found: T = await _act.with_options(name=verb, **policy)(f"{verb} · {about}" if about else verb, opaque(job))
    return found


async def stored(name: str, item: WorkItem, step: str, given: Any, job: Job, gate: asyncio.Semaphore) -> dict[str, Any]:
    """What a job gives, as a task; of one that came to its end before with the same `given`, what it gave then.

    The gate is outside of the task: one that waits inside costs the event loop far more.
    """
    digest = hashlib.sha256(json.dumps([SCHEMA, given], sort_keys=True).encode()).hexdigest()[:16]
    async with gate:
        found: dict[str, Any] = await _stored.with_options(name=name)(
            f"{name} · {item.finding.title}", f"{item.key}/{step}-{digest}", opaque(job)
        )
    workshop().progress.step()
    return found


async def ask(name: str, item: WorkItem, question: Question, job: Job) -> dict[str, Any]:
    """What a conversation with the model comes to; it is paid for once."""
    shop = workshop()
    chosen = shop.settings
    model = [chosen.model_name, chosen.model_address, chosen.temperature, chosen.answer_tokens]
    return await stored(name, item, question.step, [question.model_dump(), model], job, shop.gate)


# --- pull ------------------------------------------------------------------------------------------


async def pull(limit: int, item: str | None) -> tuple[list[WorkItem], Look]:
    """The next waiting work items, pinned and claimed, and what is new upstream. Three requests where nothing is."""
    shop = workshop()

    def take() -> tuple[list[WorkItem], Look]:
        shop.catch_up()  # first: what the results dataset knows to be decided need not be read again
        look = shop.upstream.look(item)
        taken = shop.backlog.next(
            limit, time.time(), item, claim=shop.claims.take, finished=shop.outbox, dry_run=shop.dry_run
        )
        if item:
            for each in taken:
                shop.spending.start_over(each.id)
        return taken, look

    items, look = await act("pull", "", take)
    for note in look.notes:
        get_run_logger().warning(note)
    shop.progress.items = len(items)
    await views.name_run(items)
    return items, look


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

    return Thought[stage].model_validate(await ask(stage.title, brief.item, question, job))  # type: ignore[valid-type]


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


def stops_the_run(error: WorkerError) -> bool:
    """Whether it is no fault of the item, so that the item keeps its place."""
    of_all = isinstance(error, BudgetReached) and "per item" not in str(error)
    return of_all or isinstance(error, OutOfCredits | Misconfigured)


async def give_up_on(item: WorkItem, fault: Exception) -> Outcome | WorkerError:
    """Leave the item for later, with the reason; after too many tries set it aside by a row that says why."""
    shop = workshop()
    error = fault if isinstance(fault, WorkerError) else Defect(f"A fault of the worker itself: {fault!r}")
    trace = None if error is fault else fault
    get_run_logger().warning("%s (%s) broke off: %s", item.key, item.finding.title, error, exc_info=trace)
    if stops_the_run(error) or shop.dry_run:
        return error
    if isinstance(error, Transient):
        await asyncio.to_thread(shop.backlog.postpone, item, str(error), time.time() + POSTPONED_S)
        return error
    pace = shop.settings.retry_minutes
    tries = await asyncio.to_thread(shop.backlog.broke_off, item, str(error), time.time(), pace)
    if tries < shop.settings.tries:
        return error
    reason = f"Set aside after {tries} tries that broke off. The last: {error}"
    verdict = Verdict(grade=Grade.UNVERIFIED, reason=reason)
    return await keep(Outcome(item=item, verdict=verdict, started=shop.started, finished=now(), **_origin()))


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
