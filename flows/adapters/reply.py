"""What the worker makes of a completion: text without reasoning, how it ended, what it cost, what to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from flows.adapters.completion import Completion
from flows.adapters.reasoning import without_reasoning
from stages.models import Question, Reply, Usage
from stages.text import clean

CHARACTERS = 4
"""Of a token, where nobody counted."""
MOST = 10**8
"""Tokens that one call may be said to have cost: a hundred times the longest context. More is nonsense, as none is."""
_CUT, _SHORT_PROMPT = 0.6, 1_000
"""Tokenizers differ by less than this; below so many tokens a chat template's own words blur the picture."""


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens; None where not known."""

    prompt: float | None = None
    completion: float | None = None

    def of(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What that many tokens cost, in US dollars."""
        if self.prompt is None or self.completion is None:
            return None
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


def prompt_tokens(question: Question) -> int:
    """The length of the prompt, estimated."""
    return sum(len(message.content) for message in question.messages) // CHARACTERS + 1


def reply_from(completion: Completion, prompt: int, answer_tokens: int, prices: Prices) -> Reply:
    """The reply: whatever the endpoint sent, cleaned and named; whether it is of use is decided elsewhere.

    `prompt`: its length in tokens, estimated; `answer_tokens`: the limit that was asked for.
    """
    text, unfinished = without_reasoning(completion.text)
    refused = completion.refusal and not text
    finish = "length" if completion.overran else "refusal" if refused else completion.finish or "stop"
    usage = _usage(completion, prompt, prices)
    notes = _notes(completion, usage, prompt, answer_tokens, unfinished or not (text or refused))
    return Reply(
        text=clean(text or completion.refusal),
        finish=finish,
        model=clean(completion.model),
        usage=usage,
        note=" ".join(notes),
    )


def _usage(completion: Completion, prompt: int, prices: Prices) -> Usage:
    said = completion.usage
    counted, answered = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens"))
    if not counted:
        counted = prompt
    estimated = not answered and completion.size > 0
    if estimated:
        answered = completion.size // CHARACTERS + 1
    return Usage(
        prompt_tokens=counted,
        completion_tokens=answered,
        cached_tokens=_detail(said.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_detail(said.get("completion_tokens_details"), "reasoning_tokens"),
        cost=prices.of(counted, answered),
        estimated=estimated or not _count(said.get("prompt_tokens")),
    )


def _count(said: object) -> int:
    return int(said) if isinstance(said, int | float) and 0 < said <= MOST else 0


def _detail(said: object, name: str) -> int:
    return _count(said.get(name)) if isinstance(said, dict) else 0


def _notes(c: Completion, usage: Usage, prompt: int, answer_tokens: int, nothing_said: bool) -> Iterator[str]:
    if prompt > _SHORT_PROMPT and usage.prompt_tokens < _CUT * prompt:
        yield (
            f"THE PROMPT WAS CUT: the endpoint counted {usage.prompt_tokens:,} tokens of a prompt of about {prompt:,} "
            "and answered without having read the rest. With Ollama, raise OLLAMA_CONTEXT_LENGTH (num_ctx)."
        )
    if c.overran:
        yield f"The endpoint went on after {answer_tokens:,} tokens; it was cut off after {c.text_bound:,} characters."
    if nothing_said and c.size:
        yield "Nothing came after the reasoning; if it was cut off, raise AUTOCODER_ANSWER_TOKENS."
