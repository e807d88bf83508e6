"""Single fields of a record, as strangers fill them. Reading one never raises."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from stages.jsonable import entries, string
from stages.text import cut, one_line, stays_inside

ATTACHED = 200_000
"""Characters of one attached file; never cut, since half a test is another test."""
ATTACHMENTS = 50
PLACE = re.compile(r"(?P<path>(?:[A-Za-z]:)?[^:]+):(?P<line>[1-9][0-9]{0,6})(?::[0-9]+)?")


def path(value: Any) -> str:
    """A path as its author wrote it, on one line; not yet checked against any tree."""
    return one_line(string(value), 400).removeprefix("./")


def place(value: Any) -> tuple[str, int | None]:
    """A path, and the line where its author wrote one behind it, as compilers do: `a.py:12`, `a.py:12:3`."""
    written = path(value)
    found = PLACE.fullmatch(written)
    return (found["path"], int(found["line"])) if found else (written, None)


def line(value: Any) -> int | None:
    """A line number, also where it comes as text."""
    try:
        number = int(float(string(value)))
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < 10**7 else None


def attached(value: Any, only_paths: bool = False) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Path → text of attached files, and those left out with the reason.

    Takes an object, or the list of pairs that Parquet makes of a map. `only_paths`: other keys are no files at all.
    """
    kept: dict[str, str] = {}
    left_out = []
    for name, text in _pairs(value):
        if text is None or (only_paths and not is_path(name)):
            continue
        reason = _fault(name, text, len(kept))
        if reason:
            left_out.append((str(name)[:200], reason))
        else:
            kept[name] = cut(text, ATTACHED)
    return kept, left_out


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return [tuple(pair) for pair in entries(value) if isinstance(pair, list | tuple) and len(pair) == 2]


def is_path(key: Any) -> bool:
    """Whether a key looks like the name of a file rather than of a test."""
    return isinstance(key, str) and ("/" in key or "\\" in key or "." in key) and not any(c.isspace() for c in key)


def _fault(name: Any, text: Any, kept: int) -> str:
    if not isinstance(name, str) or not stays_inside(name):
        return "its path leads out of the tree or is no path"
    if not isinstance(text, str):
        return "its content is no text"
    if len(text) > ATTACHED:
        return f"it has over {ATTACHED:,} characters"
    return f"there are {ATTACHMENTS} files already" if kept >= ATTACHMENTS else ""


def written(timestamp: Any) -> float | None:
    """Seconds since the epoch; a time without a zone is taken as UTC. None for what is no time."""
    if isinstance(timestamp, str):
        try:
            timestamp = datetime.fromisoformat(timestamp.strip())
        except ValueError:
            return None
    if isinstance(timestamp, datetime):
        try:
            return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, ValueError):
            return None
    if isinstance(timestamp, date):
        return datetime(timestamp.year, timestamp.month, timestamp.day, tzinfo=UTC).timestamp()
    if isinstance(timestamp, int | float) and not isinstance(timestamp, bool) and 0 < timestamp < 10**11:
        return float(timestamp)
    return None
