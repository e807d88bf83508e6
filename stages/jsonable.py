"""Any value as bounded JSON: what strangers send is kept and shown, never trusted to be small, flat or finite."""

import json
import math
from collections.abc import Iterable
from datetime import date
from itertools import islice
from typing import Any

from stages.text import clean, cut

DEPTH = 12
"""Levels of nesting kept; the siblings' records have four."""
ENTRIES = 200
"""Entries kept of one list or object."""
TEXT = 4_000
"""Characters kept of one string."""
INTEGER = 2**63
"""Readers of a dataset have 64 bits."""


def jsonable(value: Any, depth: int = DEPTH) -> Any:
    """The value as JSON can hold it: clean, bounded, finite, with a mark where something was left out.

    An object's nulls go: Parquet fills each row with the keys of all the others.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return cut(value, TEXT)
    if isinstance(value, int):
        return value if -INTEGER <= value < INTEGER else cut(_digits(value), TEXT)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict | list | tuple):
        return _nested(value, depth - 1) if depth else f"… [{len(value)} entries, nested too deeply]"
    if isinstance(value, date):
        return value.isoformat()
    return f"[{type(value).__name__}]"


def _nested(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> Any:
    if isinstance(value, dict):
        told = ((key, inner) for key, inner in value.items() if inner is not None)
        kept = {cut(str(key), 200): jsonable(inner, depth) for key, inner in islice(told, ENTRIES)}
        left_out = sum(1 for _ in told)
        return kept | ({"…": f"[{left_out:,} entries left out]"} if left_out else {})
    first = [jsonable(inner, depth) for inner in value[:ENTRIES]]
    return first + ([f"… [{len(value) - ENTRIES:,} entries left out]"] if len(value) > ENTRIES else [])


def _digits(value: int) -> str:
    return hex(value) if abs(value) > 10**4000 else str(value)  # Python refuses to write longer ones in decimal


def as_object(value: dict[str, Any], limit: int) -> str:
    """JSON of one object in some `limit` characters; one that is too large is shown as the beginning of its text."""
    text = json.dumps(jsonable(value), ensure_ascii=False)
    return text if len(text) <= limit else json.dumps({"…": cut(text, limit)}, ensure_ascii=False)


def string(value: Any) -> str:
    """The value as clean text without outer blanks; empty for what is neither text nor number."""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(jsonable(value))
    return ""


def entries(value: Any) -> Iterable[Any]:
    """The entries of a list; what is no list is its own only entry, null none."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
