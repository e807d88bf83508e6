"""Files that the results dataset's state tells of: a new machine need not read what is done already."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from flows.adapters.catalog import number
from stages.records import Kind


class Seen(BaseModel):
    """A file of which the results dataset knows what it holds."""

    kind: Kind
    path: str
    blob: str
    items: list[str] | None = None
    about: tuple[str, str, str, str] | None = None
    """Of a plan: perspective, finding_id, analysis_id, file."""
    alike: str = ""
    """Of a plan: stages.matching.likeness; empty where a worker of an earlier version wrote the entry."""
    at: float = Field(0, allow_inf_nan=False)


def parse(told: Iterable[str | Mapping[str, Any]]) -> list[Seen]:
    """The entries, as JSON or objects, the latest of each file; those that make no sense are passed over."""
    entries = filter(None, map(_entry, told))
    return list({(entry.kind, entry.path): entry for entry in entries}.values())


def _entry(told: str | Mapping[str, Any]) -> Seen | None:
    try:
        return Seen.model_validate_json(told) if isinstance(told, str) else Seen.model_validate(told)
    except ValidationError:
        return None  # of another version: the file is read instead


def remember(db: sqlite3.Connection, entries: Iterable[Seen]) -> None:
    """Note the files as known where they need not be read. What is known by reading stays as it is."""
    for entry in entries:
        query = "UPDATE file SET published = 1 WHERE kind = ? AND path = ? AND blob = ?"
        db.execute(query, (entry.kind, entry.path, entry.blob))
        if entry.kind is Kind.PLANS or _all_decided(db, entry.items):
            _note(db, entry)


def _all_decided(db: sqlite3.Connection, items: list[str] | None) -> bool:
    query = "SELECT 1 FROM decided WHERE item = ?"
    return items is not None and all(db.execute(query, (item,)).fetchone() for item in items)


def _note(db: sqlite3.Connection, entry: Seen) -> None:
    insert = """INSERT OR IGNORE INTO file (kind, path, blob, size, revision, number, seen_at, state, published)
                VALUES (?, ?, ?, 0, '', ?, ?, 'known', 1)"""
    place = (number(entry.kind, entry.path), entry.at)
    if not db.execute(insert, (entry.kind, entry.path, entry.blob, *place)).rowcount:
        return
    db.executemany("INSERT OR IGNORE INTO occurrence VALUES (?, ?)", [(id_, entry.path) for id_ in entry.items or ()])
    if entry.about:
        values = (entry.path, *entry.about, entry.at, entry.alike or entry.path)
        db.execute("INSERT OR IGNORE INTO plan VALUES (?, 0, ?, ?, ?, ?, ?, ?, NULL)", values)
