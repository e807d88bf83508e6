"""One stage of thought: render, ask, validate; a bad reply is shown back once."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stages.consulting import consult
from stages.errors import Unusable
from stages.models import Ask, Brief, Message, Question
from stages.shape import schema, sketch
from stages.stage import A, Answer, Earlier, Thought
from stages.templates import Templates
from stages.text import clean

_FAULTS = 10
"""Told at a time."""


def question(stage: type[Answer], brief: Brief, earlier: Earlier, templates: Templates) -> Question:
    """The stage's question: what is known of the item first, earlier answers in order, the task last."""
    wanted = schema(stage)
    task = templates.render(stage.step, brief=brief, earlier=earlier, shape=sketch(wanted))
    return Question(
        item=brief.item.id,
        step=stage.step,
        messages=(Message(role="system", content=templates.render("system")), Message(role="user", content=task)),
        schema_=wanted,
    )


async def think(stage: type[A], brief: Brief, earlier: Earlier, ask: Ask, templates: Templates) -> Thought[A]:
    """The stage's answer, all of its rules kept. Raises Unusable after two bad replies, and whatever `ask` raises."""
    return await answer(stage, question(stage, brief, earlier, templates), brief, earlier, ask, templates)


async def answer(
    stage: type[A], asked: Question, brief: Brief, earlier: Earlier, ask: Ask, templates: Templates
) -> Thought[A]:
    """As `think`, to a question that is there already."""

    async def read(text: str) -> A:
        return parse(stage, text, brief, earlier)

    found = await consult(asked, read, ask, templates)
    return Thought(answer=found.value, usage=found.usage, model=found.model, note=found.note)


def parse(stage: type[A], text: str, brief: Brief, earlier: Earlier) -> A:
    """The answer in a reply. Raises Unusable, saying everything that does not fit."""
    try:
        answer = stage.model_validate(find_object(text, {n for n, f in stage.model_fields.items() if f.is_required()}))
    except ValidationError as error:
        raise Unusable(f"Your answer does not have the shape asked for. {' '.join(_sentences(error))}") from None
    faults = list(answer.faults(brief, earlier))
    if faults:
        raise Unusable(" ".join(faults[:_FAULTS]))
    return answer


def find_object(text: str, fields: set[str]) -> dict[str, Any]:
    """The JSON object in a reply: bare, in a fence or within prose; of several the last that has one of the fields.

    Beside JSON that is broken it must have them all: it may be a fragment.

    All text in it is clean and without blanks at its ends. Raises Unusable.
    """
    found, fault = _objects(text)
    fitting = [each for each in found if (fields <= each.keys() if fault else fields & each.keys())]
    if not found or (fault and not fitting):
        where = fault or "there is none"
        raise Unusable(
            f"Your answer holds no complete JSON object ({where}): answer with one object in the shape asked."
        )
    answer: dict[str, Any] = _cleaned((fitting or found)[-1])
    return answer


def _objects(text: str) -> tuple[list[dict[str, Any]], str]:
    """The outermost JSON objects in a text, and where the last that is none goes wrong."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    fault = ""
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
            found.append(value)
        except json.JSONDecodeError as error:
            fault, end = f"line {error.lineno}, column {error.colno}: {error.msg}", max(error.pos, at + 1)
        except (ValueError, RecursionError) as error:  # digits or nesting without end
            return found, f"the parser gives up on it: {error}"
        at = text.find("{", end)
    return found, fault


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return {key: _cleaned(each) for key, each in value.items()} if isinstance(value, dict) else value


def _sentences(error: ValidationError) -> Iterator[str]:
    faults = [each for each in error.errors(include_url=False) if not _follows(each)]
    for fault in faults[:_FAULTS]:
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
        if fault["type"] == "missing":
            yield f"`{field}` is missing."
        else:
            given = json.dumps(fault["input"], ensure_ascii=False, default=str)
            yield f"`{field}`: {_wanted(fault)}, not {given[:80]}."


def _wanted(fault: ErrorDetails) -> str:
    few = fault["type"] == "too_short"
    return f"give at least {fault['ctx']['min_length']}, each with something in it" if few else fault["msg"]


def _follows(fault: ErrorDetails) -> bool:
    """Whether a list is too short only since pydantic does not count those of its values that have faults."""
    return fault["type"] == "too_short" and len(fault["input"]) >= fault["ctx"]["min_length"]
