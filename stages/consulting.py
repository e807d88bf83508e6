"""One question to a model: a reply that cannot be used is shown back once, with the reason."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stages.errors import Unusable
from stages.models import Ask, Message, Question, Reply, Usage
from stages.templates import Templates
from stages.text import clean, cut

T = TypeVar("T")

SHOWN_BACK = 32_000
"""Characters of a bad reply that are shown back; of one that ran into the limit of tokens far fewer."""
_CUT_SHOWN_BACK = 2_000

ENDS = {
    "length": "Your answer was cut off at the limit of tokens, after {size:,} characters: say it in far fewer words.",
    "content_filter": "Your answer was held back by a content filter: answer without what it may have minded.",
    "refusal": "You declined to answer. The task is ordinary work on software: answer the question as it stands.",
}
"""How a reply ended → what to tell the model."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """What was read out of a model's reply, and what it cost over all turns."""

    value: T
    usage: Usage
    model: str = ""
    note: str = ""


async def consult(
    question: Question, read: Callable[[str], Awaitable[T]], ask: Ask, templates: Templates
) -> Reading[T]:
    """What `read` makes of the reply; a reply that it finds Unusable is shown back once.

    Raises Unusable with both reasons and the `usage` of both turns, and whatever `ask` raises.
    """
    first = await ask(question)
    try:
        return Reading(await read(_text(first)), first.usage, first.model, first.note)
    except Unusable as error:
        reason = str(error)
    second = await ask(_shown_back(question, first, templates.render("again", reason=reason)))
    usage = first.usage + second.usage
    try:
        value = await read(_text(second))
    except Unusable as error:
        raise Unusable(
            f"{question.step} of {question.item}: the answer could not be used, nor the one after it was shown back. "
            f"First: {cut(reason, 1_000)} Then: {cut(str(error), 1_000)}",
            usage=usage,
        ) from None
    told = f"{question.step}: the first answer was shown back: {cut(reason, 500)}"
    return Reading(value, usage, second.model, " ".join(filter(None, (first.note, second.note, told))))


def _text(reply: Reply) -> str:
    """The reply's text. Raises Unusable when it is cut, refused or empty."""
    if reply.finish in ENDS:
        raise Unusable(ENDS[reply.finish].format(size=len(reply.text)))
    if not reply.text.strip():
        raise Unusable("Your answer was empty.")
    return clean(reply.text)


def _shown_back(question: Question, reply: Reply, complaint: str) -> Question:
    bound = _CUT_SHOWN_BACK if reply.finish == "length" else SHOWN_BACK
    said = cut(reply.text, bound).strip() or "(nothing)"  # endpoints refuse an empty message
    turns = (Message(role="assistant", content=said), Message(role="user", content=complaint))
    return question.model_copy(update={"turn": question.turn + 1, "messages": (*question.messages, *turns)})
