"""A first draft: one, or the best of several that are written side by side."""

import asyncio
from collections.abc import Sequence
from typing import Any

from flows.policy import key, stored
from flows.tasks import verify, write
from flows.workshop import workshop
from stages.choosing import choose
from stages.errors import Unusable
from stages.models import Brief, Frozen, Usage
from stages.stage import Thought
from stages.work import Work


async def draft(brief: Brief, thoughts: Sequence[Thought[Any]]) -> Work:
    """A first draft with its verdict: the best of as many as AUTOCODER_CANDIDATES says.

    Raises Unusable where not one of them is to be had.
    """
    wanted = workshop().settings.candidates
    if wanted == 1:
        return await verify(await write(brief, thoughts))
    found = await asyncio.gather(*(_candidate(brief, thoughts, number) for number in range(1, wanted + 1)))
    works = [each for each in found if isinstance(each, Work)]
    unusable = [each for each in found if isinstance(each, Unusable)]
    lost = sum((each.usage or Usage() for each in unusable), Usage())
    if not works:
        raise Unusable(str(unusable[0]), usage=lost)
    return choose(works, await _passed(works), lost)


class Passed(Frozen):
    """For each draft, the generated tests that it passes."""

    passed: tuple[tuple[str, ...], ...]


async def _candidate(brief: Brief, thoughts: Sequence[Thought[Any]], number: int) -> Work | Unusable:
    try:
        return await verify(await write(brief, thoughts, number))
    except Unusable as error:
        return error


async def _passed(works: Sequence[Work]) -> list[frozenset[str]]:
    """For each draft, the generated tests that it passes, those of all drafts together."""
    shop, item, drafts = workshop(), works[0].brief.item, [work.draft for work in works]

    async def job() -> dict[str, Any]:
        async with shop.benches:
            return {"passed": await asyncio.to_thread(shop.verification.compare, item, drafts)}

    given = [item.model_dump(), [each.model_dump() for each in drafts], shop.verification.terms]
    found = await stored("compare", item, key(item, "compare", given, Passed), Passed, job)
    return [frozenset(each) for each in found.passed]
