"""Markdown out of text that nobody vouches for: what it says is shown, what it would do is not done."""

import re
from collections.abc import Iterable, Iterator, Sequence

from stages.text import clean, cut, one_line

LINE = 500
"""Characters shown of what stands in one line."""
BLOCK = 20_000
"""Characters shown of a block; the row of the dataset has them all."""


def inline(text: str, limit: int = LINE) -> str:
    """The text on one line, with nothing in it that Markdown or HTML would act on."""
    return re.sub(r"([\\`*_\[\]#|~<>&!$])", r"\\\1", one_line(text, limit))


def code(text: str, limit: int = LINE) -> str:
    """The text as code within a line or a table; empty for an empty one."""
    plain = one_line(text, limit).replace("|", "\\|")
    ticks = _longer_than_in(plain, 1)
    edge = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{edge}{plain}{edge}{ticks}" if plain else ""


def quote(text: str) -> str:
    """The text as a quotation, line by line."""
    return "\n".join(f"> {inline(line)}".rstrip() for line in cut(text, BLOCK).splitlines())


def fence(text: str, language: str = "") -> str:
    """The text as a code block that nothing in it can close."""
    shown = cut(text, BLOCK)
    ticks = _longer_than_in(shown, 3)
    return f"{ticks}{language}\n{shown}{'' if shown.endswith(chr(10)) else chr(10)}{ticks}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; empty without rows."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(head), _row(["---"] * len(head)), *lines]) if lines else ""


def bullets(texts: Iterable[str]) -> str:
    """A list of texts."""
    return "\n".join(f"- {inline(text)}" for text in texts)


def blocks(*parts: str) -> str:
    """The parts that are not empty, with an empty line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"


def flowchart(start: str, ends: Iterable[tuple[str, bool]]) -> str:
    """A Mermaid picture from one box to several, of which those marked True are selected."""
    return fence("\n".join(_flow(start, ends)), "mermaid")


def _flow(start: str, ends: Iterable[tuple[str, bool]]) -> Iterator[str]:
    yield "flowchart LR"
    yield f'  start["{_label(start)}"]'
    for number, (end, selected) in enumerate(ends, start=1):
        arrow, style = ("==>", ":::selected") if selected else ("-.->", "")
        yield f'  start {arrow} way{number}["{_label(end)}"]{style}'
    yield "  classDef selected stroke-width:4px"


def _label(text: str) -> str:
    """Quoted label: Mermaid's own escapes are a number between # and ;"""
    lines = (one_line(line, 80) for line in clean(text).splitlines())
    return "<br/>".join(re.sub(r"[^\w\s.,:/()+=%-]", lambda found: f"#{ord(found[0])};", line) for line in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _longer_than_in(text: str, least: int) -> str:
    return "`" * max(least, 1 + max(map(len, re.findall(r"`+", text)), default=0))
