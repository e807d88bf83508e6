"""An answer without the reasoning that models put before it, each family between marks of its own."""

import re
from itertools import islice

_TAGS = "think|thinking|thought|reasoning|seed:think"
_CHANNEL = r"\s*(?:<\|start\|>\w*)?<\|channel\|>"
_OPENED = (
    re.compile(rf"\s*<({_TAGS})>.*?(?P<end></\1>|\Z)", re.DOTALL | re.IGNORECASE),
    re.compile(r"\s*\[THINK\].*?(?P<end>\[/THINK\]|\Z)", re.DOTALL),
    re.compile(rf"{_CHANNEL}(?!final).*?(?P<end><\|(?:end|call)\|>|(?=<\|start\|>assistant)|\Z)", re.DOTALL),
)
"""Tags of most models; Mistral's; the channels of https://cookbook.openai.com/articles/openai-harmony."""
_FINAL = re.compile(rf"{_CHANNEL}final.*?<\|message\|>", re.DOTALL)
_LAST = re.compile(r"\s*<\|(?:return|end)\|>\s*\Z")
_CLOSING = rf"(?:</(?:{_TAGS})>|\[/THINK\])"
_CLOSED_ONLY = re.compile(
    rf"^(?:(?!<(?:{_TAGS})>).)*?{_CLOSING}[ \t]*$|^(?:(?!<(?:{_TAGS})>)[^\n{{`\"])*?{_CLOSING}",
    re.MULTILINE | re.IGNORECASE,
)
_LOOKED_AT = 20
"""Closing tags, at most: each costs a look at all that is before it."""
_FENCE = re.compile(r"^ {0,3}(`{3,})([^`\n]*)$", re.MULTILINE)


def without_reasoning(text: str) -> tuple[str, bool]:
    """The answer proper, and whether the text ended while still reasoning.

    Marks count before the answer only: one within code or JSON is the answer's own. An opening tag may be missing,
    where the chat template already holds it; then the closing one ends its line, or has no brace, quote or backtick
    before it there, and is outside of any fence.
    """
    unfinished = False
    while opened := next(filter(None, (each.match(text) for each in _OPENED)), None):
        unfinished = opened.start("end") == len(text)
        text = text[opened.end() :]
    if final := _FINAL.match(text):
        return _LAST.sub("", text[final.end() :]).strip(), unfinished
    found = islice(_CLOSED_ONLY.finditer(text), _LOOKED_AT)
    closed = next((each for each in found if not _in_fence(text[: each.start()])), None)
    return text[closed.end() if closed else 0 :].strip(), unfinished


def _in_fence(text: str) -> bool:
    """Whether a fence is open at the end of the text."""
    fence = ""
    for ticks, language in _FENCE.findall(text):
        if not fence:
            fence = ticks
        elif len(ticks) >= len(fence) and not language.strip():
            fence = ""
    return bool(fence)
