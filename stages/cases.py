"""The test cases that a plan names, however its author nested them."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from stages.jsonable import DEPTH, entries, string
from stages.text import one_line

CASES = 40
"""Per plan: a model is asked to cover each of them, and loses count beyond."""
LENGTH = 200
"""Characters of one case."""

NAMES_CASES = re.compile(
    r"(?:\w+_)?tests?|(?:\w+_)?test_(?:cases?|names?)|(?:(?:edge|corner|critical|negative)_)?cases?"
)
"""Keys under which the siblings name cases. Not `test_strategy` (a kind of test), nor invariants and goals."""
LABELS = ("case", "test", "test_case", "name", "title", "scenario", "mode", "description")
"""What an object that stands for a case may call it."""
REASONS = ("mode", "scenario", "name", "title", "point", "case")
"""What an object that names a test for something may call that something."""


def cases(plan: Any) -> tuple[str, ...]:
    """The first 40 different test cases in the order of the plan, one line each."""
    return tuple(islice(dict.fromkeys(one_line(case, LENGTH) for case in _walk(plan, DEPTH)), CASES))


def _walk(node: Any, depth: int) -> Iterator[str]:
    if depth <= 0:
        return
    if isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(key, str) and NAMES_CASES.fullmatch(key.casefold()):
                yield from _named(value, node, depth - 1)
            else:
                yield from _walk(value, depth - 1)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _walk(value, depth - 1)


def _named(value: Any, parent: Mapping[Any, Any], depth: int) -> Iterator[str]:
    """The cases in the value of a key that names cases."""
    if depth <= 0:
        return
    if isinstance(value, str):
        reason = next((r for r in map(string, map(parent.get, REASONS)) if r and r != value.strip()), "")
        yield from filter(None, [f"{reason}: {value}" if reason and value.strip() else value.strip()])
    elif isinstance(value, Mapping):
        yield from _of_object(value, depth - 1)
    elif isinstance(value, list | tuple):
        for entry in entries(value):
            if isinstance(entry, Mapping):
                yield from _of_object(entry, depth - 1)
            elif isinstance(entry, str) and entry.strip():
                yield entry.strip()


def _of_object(value: Mapping[Any, Any], depth: int) -> Iterator[str]:
    """An object is a case where it has a label, else a table from names to what they test, else a nested plan."""
    label = next((key for key in LABELS if string(value.get(key))), None)
    if label:
        text = string(value.get("description")) if label != "description" else ""
        yield string(value[label]) + (f": {text}" if text else "")
    elif value and all(isinstance(entry, str) for entry in value.values()):
        yield from (f"{key}: {entry}" for key, entry in value.items())
    else:
        for entry in value.values():
            yield from _named(entry, {}, depth) if isinstance(entry, list | tuple) else _walk(entry, depth)
