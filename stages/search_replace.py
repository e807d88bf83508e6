"""Search and replace: a reply's blocks applied to a text, exactly or by uniform indentation.

<<<<<<< SEARCH
lines as they are
=======
lines as they become
>>>>>>> REPLACE
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from stages.errors import Unusable

_SEARCH = re.compile(r"<{5,9} ?SEARCH\s*")
_DIVIDER = re.compile(r"={7}\s*")
_REPLACE = re.compile(r">{5,9} ?REPLACE\s*")
_FORM = "<<<<<<< SEARCH, the lines as they are, =======, the lines as they become, >>>>>>> REPLACE"
BYTE_ORDER_MARK = "\ufeff"
_SHOWN = 40
"""Lines of a file shown after a miss, at most."""

Lines = list[str]


@dataclass(frozen=True)
class Edit:
    """Lines that are to become others."""

    search: Lines
    replace: Lines


def edited(path: str, text: str, blocks: str) -> str:
    """The text with all blocks applied, one after the other; carriage returns and a byte order mark stay as they are.

    Raises Unusable where a block is malformed, is found nowhere (with the closest lines) or in several places.
    """
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    lines = text.removeprefix(mark).split("\n")
    for edit in parse(path, blocks.replace(BYTE_ORDER_MARK, "") if mark else blocks):
        lines = _applied(path, lines, edit)
    return mark + "\n".join(lines)


def parse(path: str, blocks: str) -> list[Edit]:
    """The edits in the text of a fence. Raises Unusable."""
    edits = []
    rest = blocks.removesuffix("\n").split("\n")
    while any(line.strip() for line in rest):
        edit, rest = _next(path, rest)
        edits.append(edit)
    if not edits:
        raise Unusable(f"The EDIT of {path} holds no block: write {_FORM}.")
    return edits


def _next(path: str, lines: Lines) -> tuple[Edit, Lines]:
    start = next(i for i, line in enumerate(lines) if line.strip())
    end = _find(_REPLACE, lines)
    if not _SEARCH.fullmatch(lines[start]) or end is None:
        raise Unusable(f"The EDIT of {path} is malformed near {lines[start].strip()[:80]!r}: write {_FORM}.")
    body = lines[start + 1 : end]
    dividers = [i for i, line in enumerate(body) if _DIVIDER.fullmatch(line)]
    if len(dividers) != 1 or _find(_SEARCH, body) is not None:
        raise Unusable(
            f"A block in the EDIT of {path} has {len(dividers)} lines of seven equals signs instead of one, or is not "
            f"closed: write {_FORM}; leave lines of seven equals signs out of it, or give the whole file."
        )
    search, replace = body[: dividers[0]], body[dividers[0] + 1 :]
    if not any(line.strip() for line in search):
        raise Unusable(
            f"A block in the EDIT of {path} searches for nothing: repeat the lines that its text goes next to."
        )
    return Edit(search, replace), lines[end + 1 :]


def _find(pattern: re.Pattern[str], lines: Lines) -> int | None:
    return next((i for i, line in enumerate(lines) if pattern.fullmatch(line)), None)


def _applied(path: str, ended: Lines, edit: Edit) -> Lines:
    lines = [line.removesuffix("\r") for line in ended]
    for found in (_exactly(lines, edit), _shifted(lines, edit)):
        if len(found) > 1:
            where = ", ".join(str(at + 1) for at, _ in found[:10])
            raise Unusable(
                f"A SEARCH in the EDIT of {path} is found in {len(found)} places (lines {where}): repeat more of the "
                f"lines around the one that is meant. It begins with {edit.search[0].strip()[:80]!r}."
            )
        for at, replacement in found:
            end = at + len(edit.search)
            return ended[:at] + _ended_as(ended[at:end], replacement) + ended[end:]
    raise Unusable(
        f"A SEARCH in the EDIT of {path} is not in the file. It begins with {edit.search[0].strip()[:80]!r}. "
        f"{_closest(lines, edit.search)} Repeat the lines exactly as they are."
    )


def _ended_as(old: Lines, new: Lines) -> Lines:
    """The new lines, with a carriage return where the same line had one; else where the first of the old ones has."""
    kept = {line.removesuffix("\r"): line for line in old}
    end = "\r" if old[0].endswith("\r") else ""
    return [kept.get(line, line + end) for line in new]


def _exactly(lines: Lines, edit: Edit) -> list[tuple[int, Lines]]:
    size, first = len(edit.search), edit.search[0]
    starts = (i for i in range(len(lines) - size + 1) if lines[i] == first)
    return [(i, edit.replace) for i in starts if lines[i : i + size] == edit.search]


def _shifted(lines: Lines, edit: Edit) -> list[tuple[int, Lines]]:
    """Where the search fits once all its lines are indented more or less by the same; the replacement likewise."""
    size = len(edit.search)
    key = next(i for i, line in enumerate(edit.search) if line.strip())
    words = edit.search[key].strip()
    found = []
    for at in range(len(lines) - size + 1):
        if lines[at + key].strip() != words:
            continue
        shift = _shift(edit.search[key], lines[at + key])
        if shift and _moved(edit.search, *shift) == [line if line.strip() else "" for line in lines[at : at + size]]:
            replacement = _moved(edit.replace, *shift)
            found += [(at, replacement)] if replacement is not None else []
    return found


def _shift(said: str, there: str) -> tuple[str, str] | None:
    """The blanks to take away at the beginning of each line, and those to put there."""
    if there.endswith(said):
        return "", there.removesuffix(said)
    return (said.removesuffix(there), "") if said.endswith(there) else None


def _moved(lines: Lines, less: str, more: str) -> Lines | None:
    """Every line with less or more indentation, blank ones empty; None where one has less than is to go."""
    full = [line for line in lines if line.strip()]
    if not all(line.startswith(less) for line in full):
        return None
    return [more + line[len(less) :] if line.strip() else "" for line in lines]


def _closest(lines: Lines, search: Lines) -> str:
    """The lines of the file that are most like the searched ones, with their numbers."""
    search = search[:_SHOWN]
    best = max(range(len(lines)), key=lambda at: _likeness(lines, at, search))
    if not _likeness(lines, best, search):
        best = _similar(lines, search)
    first, last = max(0, best - 2), min(len(lines), best + len(search) + 2)
    shown = "\n".join(f"{n + 1:>5}| {lines[n][:200]}" for n in range(first, last))
    return f"The closest lines there:\n{shown}\n"


def _likeness(lines: Lines, at: int, search: Lines) -> int:
    """How many lines are the same but for blanks, from line `at` on."""
    return sum(a.strip() == b.strip() != "" for a, b in zip(lines[at : at + len(search)], search, strict=False))


def _similar(lines: Lines, search: Lines) -> int:
    """The line most like one of the first searched ones; 0 where none is."""
    stripped = [line.strip()[:200] for line in lines]
    for offset, line in enumerate(search[:5]):
        near = get_close_matches(line.strip()[:200], stripped, n=1) if line.strip() else []
        if near:
            return max(0, stripped.index(near[0]) - offset)
    return 0
