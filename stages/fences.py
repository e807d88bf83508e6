"""Fenced files in a reply: which paths it wants to write, edit or delete, and the texts.

    FILE: path          EDIT: path                  DELETE: path
    ```python           ```
    whole new text      <<<<<<< SEARCH …
    ```                 ```

A fence ends at the first line of at least as many backticks and nothing else (https://spec.commonmark.org/0.31.2/#fenced-code-blocks),
so a text that holds fences needs a longer one. Where a reply can be read in two ways it is refused: a file cut short in
silence is worse than another turn.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.errors import Unusable

HEADER = re.compile(r"[ \t]*(?:[#>*-]+[ \t]+)?[*`]*(FILE|EDIT|DELETE)[*`]*:[*`]*[ \t]*(\S.*?)[ \t]*")
FENCE = re.compile(r" {0,3}(`{3,})[ \t]*([^`]*)")
_PROSE = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")
"""Files that like to hold fences themselves, and that no compiler holds against a text cut short."""
_LONGER = "If the text of a file holds fences itself, put it between longer ones."


@dataclass(frozen=True)
class Block:
    """One file that a reply names."""

    kind: str
    """FILE, EDIT or DELETE."""
    path: str
    """As the reply gives it: not yet known to be safe."""
    text: str = ""
    """What is in the fence; ends with a line break unless empty."""


def parse(reply: str) -> tuple[str, tuple[Block, ...]]:
    """The prose before the first block, and the blocks in order. Raises Unusable, naming line and path."""
    lines = reply.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    summary: list[str] = []
    at = 0
    while at < len(lines):
        header = HEADER.fullmatch(lines[at])
        if header:
            block, at = _block(lines, at, header[1], header[2].strip("*`\"' "))
            blocks.append(block)
        elif FENCE.fullmatch(lines[at]):
            at = _after_stray_fence(lines, at, blocks)
        else:
            summary += [] if blocks else [lines[at]]
            at += 1
    return "\n".join(summary).strip(), tuple(blocks)


def _block(lines: Sequence[str], at: int, kind: str, path: str) -> tuple[Block, int]:
    """The block whose header is line `at`, and the line after it."""
    if kind == "DELETE":
        return Block(kind, path), at + 1
    start = next((i for i in range(at + 1, len(lines)) if lines[i].strip()), len(lines))
    opening = FENCE.fullmatch(lines[start]) if start < len(lines) else None
    if not opening:
        raise Unusable(f"`{kind}: {path}` (line {at + 1}) is not followed by a fence with its text.")
    end = _end(lines, start)
    if end is None:
        raise Unusable(f"The fence of {path} (line {start + 1}) is never closed.")
    inner = lines[start + 1 : end]
    for line in inner:
        nested = FENCE.fullmatch(line)
        if nested and len(nested[1]) >= len(opening[1]):
            raise Unusable(
                f"The text of {path} holds a fence ({line.strip()}) as long as the one around it, so its end "
                f"is not sure: put it between at least {len(nested[1]) + 1} backticks."
            )
    return Block(kind, path, "".join(f"{line}\n" for line in inner)), end + 1


def _end(lines: Sequence[str], start: int) -> int | None:
    """The line that closes the fence which line `start` opens."""
    opening = FENCE.fullmatch(lines[start])
    ticks = len(opening[1]) if opening else 3
    for i in range(start + 1, len(lines)):
        closing = FENCE.fullmatch(lines[i])
        if closing and not closing[2].strip() and len(closing[1]) >= ticks:
            return i
    return None


def _after_stray_fence(lines: Sequence[str], start: int, blocks: Sequence[Block]) -> int:
    """The line after a fence that no header introduces: an aside, if it cannot be the rest of a file."""
    end = _end(lines, start)
    if end is None or any(_headers(lines[start:end])):
        raise Unusable(
            f"The fence at line {start + 1} follows no FILE or EDIT line, and is not closed before the next. {_LONGER}"
        )
    if blocks and blocks[-1].path.lower().endswith(_PROSE):
        raise Unusable(f"After the text of {blocks[-1].path} comes another fence, at line {start + 1}. {_LONGER}")
    return end + 1


def _headers(lines: Sequence[str]) -> Iterator[bool]:
    return (bool(HEADER.fullmatch(line)) for line in lines)
