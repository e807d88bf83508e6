"""The verbs of the story. Each is a Prefect task, by the policy of flows.policy."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from prefect import get_run_logger

from flows import events, orphans, streaks, views
from flows.adapters.backlog import Claim
from flows.policy import M, act, key, stored
from flows.replies import remembering
from flows.run import Pulled, stops_the_run
from flows.workshop import workshop
from stages import drafting, thinking
from stages.drafting import Drafted, Old, Patch, no_patch
from stages.errors import Permanent, Unusable
from stages.models import Ask, Brief, Draft, Question, Usage, Verdict, WorkItem
from stages.stage import A, Answer, Thought
from stages.work import Work, dossier

Conversation = Callable[[Ask], Awaitable[dict[str, Any]]]
"""What is made of the model's replies, as JSON."""

# --- pull ------------------------------------------------------------------------------------------


async def pull(limit: int, item: str | None, claim: Claim | None = None) -> Pulled:
    """The next waiting work items and what is new upstream. Three requests to the Hub where nothing is.

    `claim`: chooses among their ids; by default each is claimed for this run.
    """
    shop = workshop()

    def take() -> Pulled:
        told = shop.catch_up()  # first: what the results dataset knows to be decided need not be read again
        look = shop.upstream.look(item)
        waiting = shop.backlog.waiting(time.time())
        closed = shop.closed() if waiting.items or item else None
        taken = [] if closed else shop.take_up(limit, item, claim)
        if item:
            for each in taken:
                shop.spending.start_over(each.id)
        return Pulled(tuple(taken), look, waiting, closed, (*told, *look.notes, *shop.outbox.unreadable()))

    pulled = await act("pull", "", take)
    for note in pulled.notes:
        get_run_logger().warning(note)
    shop.progress.items = len(pulled.items)
    await views.name_run(pulled.items)
    if pulled.items:
        await asyncio.gather(orphans.close_some(), asyncio.to_thread(streaks.look_back))
    return pulled


def pin(item: WorkItem) -> WorkItem:
    """The item with the revision of its repository that it keeps from now on."""
    shop = workshop()
    if not item.repository:
        return item
    shop.check_repository(item.repository)
    revision = shop.repositories.pin(item.repository, item.revision)
    return shop.backlog.pin(item.model_copy(update={"revision": revision}))


async def study(item: WorkItem) -> Brief:
    """The item with the code that it is about, at the revision pinned when it was first taken up."""
    shop = workshop()
    if not item.repository:
        shop.progress.step()
        return Brief(item=item)

    def read() -> Brief:
        pinned = pin(item)
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

    async def job(ask: Ask) -> dict[str, Any]:
        thought = await thinking.answer(stage, question, brief, answers, ask, shop.templates)
        return thought.model_dump(mode="json")

    thought = await ask(stage.title, brief.item, question, Thought[stage], job)  # type: ignore[valid-type]
    shop.thoughts.setdefault(brief.item.key, []).append(thought)
    return thought


async def ask(name: str, item: WorkItem, question: Question, kind: type[M], job: Conversation) -> M:
    """What a conversation with the model comes to; it is paid for once."""
    shop = workshop()
    chosen = shop.settings
    served = chosen.model_name or await shop.model.name()
    model = [served, chosen.model_address, chosen.temperature, chosen.answer_tokens]
    under = key(item, question.step, [question.model_dump(), model], kind)
    return await stored(name, item, under, kind, lambda: job(remembering(f"{under}.first", shop.ask)))


async def write(brief: Brief, thoughts: Sequence[Thought[Any]], number: int = 1) -> Work:
    """A first draft of code and tests, with its patch; `number` tells several of them apart."""
    shop = workshop()
    case = dossier(thoughts)
    step = f"draft-{number}" if number > 1 else "draft"
    question = drafting.draft_question(brief, case, shop.templates, shop.guards, step)

    async def job(ask: Ask) -> dict[str, Any]:
        means = (ask, shop.templates, shop.guards, _old(brief), _patch(brief))
        return (await drafting.write(question, brief, case, *means)).model_dump(mode="json")

    found = await ask("write", brief.item, question, Drafted, job)
    return Work.begun(brief, thoughts, found, shop.started, step)


async def repair(work: Work) -> Work:
    """The best draft, mended with what its tests said."""
    shop, brief, case = workshop(), work.brief, work.dossier
    former, verdict = work.so_far()
    templates, guards, old = shop.templates, shop.guards, _old(brief)
    question = await drafting.repair_question(brief, case, former, verdict, work.next_repair, templates, guards, old)

    async def job(ask: Ask) -> dict[str, Any]:
        means = (ask, templates, guards, old, _patch(brief))
        return (await drafting.repair(question, brief, case, former, *means)).model_dump(mode="json")

    found = await ask("repair", work.brief.item, question, Drafted, job)
    return work.mended(question.step, found)


def _old(brief: Brief) -> Old:
    """Reads whole texts of files at the item's revision."""
    shop, item = workshop(), brief.item

    async def read(paths: Sequence[str]) -> Mapping[str, str]:
        return await asyncio.to_thread(shop.repositories.texts, item.repository, item.revision, paths)

    return read


def _patch(brief: Brief) -> Patch:
    """Makes a draft's patch, where the item has a repository."""
    shop, item = workshop(), brief.item

    async def diff(draft: Draft) -> str:
        return await asyncio.to_thread(shop.repositories.diff, item.repository, item.revision, draft)

    return diff if item.repository else no_patch


async def verify(work: Work) -> Work:
    """The work with a verdict on its draft. Raises SandboxBroken, which is never the draft's fault."""
    shop, item = workshop(), work.brief.item
    terms = await asyncio.to_thread(lambda: shop.verification.terms)  # finding out what confines takes a while
    if not shop.progress.verified:
        get_run_logger().info("generated code is confined by: %s", terms[0])
        events.sandbox("" if shop.verification.confines else terms[0])
    shop.progress.verified += 1

    async def job() -> dict[str, Any]:
        async with shop.benches:
            verdict = await asyncio.to_thread(shop.verification.verify, item, work.draft)
        return verdict.model_dump(mode="json")

    given = [item.model_dump(), work.draft.model_dump(), terms]
    return work.judged(await stored("verify", item, key(item, f"verify-{work.step}", given, Verdict), Verdict, job))


async def mend(work: Work) -> Work:
    """The work after a repair and its verdict; where no repair can be had, as it is, and closed: it is a result."""
    try:
        return await verify(await repair(work))
    except (Unusable, Permanent) as error:
        if stops_the_run(error):
            raise
        return work.closed(str(error), getattr(error, "usage", None) or Usage())
