"""What a file holds goes into a worker's database: findings become waiting items, plans wait to be paired."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from flows.adapters.catalog import SeenFile
from flows.adapters.worker_db import WorkerDb
from stages.errors import WorkerError
from stages.matching import item_id, likeness
from stages.records import Found, Kind, PassedOver, Planned, Record
from stages.text import one_line

SEVERITY_HOURS = {"critical": 72, "high": 24, "medium": 8, "": 8, "low": 0}
"""Hours of waiting that a severity counts for: a critical finding overtakes what came within three days before it,
and nothing that has waited longer, so that nothing starves. The siblings' own findings have none: as good as medium."""
OLDEST_HOURS = 7 * 24
"""A record may say that it was written so long before we saw it, and no longer: who tells old dates wins no race."""
CHUNK = 500
"""Records per transaction: other processes wait meanwhile."""
ENTRY_ITEMS = 100
"""A file of more findings is read again by a new machine: its entry in the results dataset would not be small."""


@dataclass(frozen=True)
class Quarantined:
    """A file or a row of one that cannot be read."""

    kind: Kind
    path: str
    blob: str
    reason: str
    row: int | None = None


@dataclass
class Taken:
    """What came of one file."""

    new: list[str] = field(default_factory=list)
    """Ids of items that were not known."""
    passed_over: list[PassedOver] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


def take_in(
    db: WorkerDb, file: SeenFile, contents: Iterable[Record | Quarantined], remember: bool, asked_for: str = ""
) -> Taken:
    """Store what a file holds, in place of what an earlier version held. Items stay; they are never taken back.

    `remember`: write the file into the results dataset's state with the next commit. `asked_for`: how the id of a
    decided item begins whose text is wanted all the same. Whatever goes wrong with the file
    itself quarantines it. Raises Transient and Permanent where the database cannot be written.
    """
    try:
        return _take_in(db, file, contents, remember, asked_for)
    except WorkerError:
        raise
    except Exception as error:  # what nobody thought of in this file must not cost the others
        reason = one_line(f"taking it in failed: {named(error)}", 300)
        return _take_in(db, file, [Quarantined(file.kind, file.path, file.blob, reason)], False, asked_for)


def named(error: Exception) -> str:
    """An error of others with its kind: the text alone may be no more than a key."""
    return f"{type(error).__name__}: {error}"


def _take_in(
    db: WorkerDb, file: SeenFile, contents: Iterable[Record | Quarantined], remember: bool, asked_for: str
) -> Taken:
    taken = Taken()
    items: list[str] = []
    stream = iter(contents)
    chunk = list(islice(stream, CHUNK))
    is_first = True
    while chunk or is_first:
        with db.writing() as tables:
            if is_first:  # with what takes its place: whoever pairs plans meanwhile sees the ones or the others
                _clear(tables, file)
            for part in chunk:
                items += _store(tables, file, part, taken, asked_for)
        chunk, is_first = list(islice(stream, CHUNK)), False
    with db.writing() as tables:
        entry = _entry(tables, file, items) if remember and not taken.quarantined else None
        query = (
            "UPDATE file SET state = 'read', entry = ? WHERE kind = ? AND path = ? AND blob = ? AND state = 'pending'"
        )
        tables.execute(query, (entry, file.kind, file.path, file.blob))
        of_it = "DELETE FROM withheld WHERE kind = ? AND path = ? AND blob = ?"
        tables.execute(of_it, (file.kind, file.path, file.blob))
    return taken


def _clear(db: sqlite3.Connection, file: SeenFile) -> None:
    db.execute("DELETE FROM refused WHERE kind = ? AND path = ?", (file.kind, file.path))
    if file.kind is Kind.PLANS:
        db.execute("DELETE FROM plan WHERE path = ?", (file.path,))


def _store(
    db: sqlite3.Connection, file: SeenFile, part: Record | Quarantined, taken: Taken, asked_for: str
) -> Iterator[str]:
    """Store one record; yields the ids of its items."""
    if isinstance(part, Quarantined):
        taken.quarantined.append(part)
        row = (file.kind, file.path, part.row, part.blob, "", part.reason)
        db.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)", row)
        return
    for passed in part.passed_over:
        taken.passed_over.append(passed)
        row = (file.kind, file.path, passed.source.row, file.blob, passed.what, passed.reason)
        db.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)", row)
    for planned in part.planned:
        _store_plan(db, file, planned)
    for found in part.found:
        id_, new = _store_item(db, file, found, asked_for)
        taken.new += [id_] * new
        yield id_


def _store_plan(db: sqlite3.Connection, file: SeenFile, planned: Planned) -> None:
    row = planned.plan.source.row
    at = file.seen_at + (row or 0) / 1e6  # of rows that tell no time, the last one is the latest
    at = at if planned.written is None else min(planned.written, at)
    named = (planned.plan.perspective, planned.finding_id, planned.analysis_id, planned.file)
    values = (file.path, row or 0, *named, at, likeness(planned.plan), planned.model_dump_json())
    db.execute("INSERT OR REPLACE INTO plan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _store_item(db: sqlite3.Connection, file: SeenFile, found: Found, asked_for: str) -> tuple[str, bool]:
    """Id of the finding's item, and whether it is new. One that waits is told in its newest words until taken up.

    Of one that is decided the text is not kept, unless it is asked for.
    """
    id_ = item_id(found.repository, found.finding)
    db.execute("INSERT OR IGNORE INTO occurrence VALUES (?, ?)", (id_, file.path))
    latest, earliest = file.seen_at, file.seen_at - OLDEST_HOURS * 3600
    since = latest if found.written is None else min(latest, max(found.written, earliest))
    known = db.execute("SELECT since, waiting, pinned IS NOT NULL FROM item WHERE id = ?", (id_,)).fetchone()
    attempts = db.execute("SELECT max(attempt) FROM decided WHERE item = ?", (id_,)).fetchone()[0]
    since = min(since, known[0]) if known else since
    waits = bool(known[1]) if known else attempts is None
    text = found.model_dump_json() if waits or (asked_for and id_.startswith(asked_for)) else None
    named = (found.finding.id, found.finding.analysis_id, found.finding.file)
    told = (text, since, since - 3600 * SEVERITY_HOURS[found.finding.severity], *named)
    if known is None:
        query = """INSERT INTO item (id, waiting, attempt, found, since, rank, finding_id, analysis_id, file)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        db.execute(query, (id_, waits, attempts or 1, *told))
        return id_, waits
    if not known[2]:
        query = """UPDATE item SET found = ?, since = ?, rank = ?, finding_id = ?, analysis_id = ?, file = ?
                   WHERE id = ?"""
        db.execute(query, (*told, id_))
    return id_, False


def _entry(db: sqlite3.Connection, file: SeenFile, items: list[str]) -> str | None:
    """What a new machine needs to know of the file so as not to read it."""
    told = {"kind": file.kind, "path": file.path, "blob": file.blob}
    if file.kind is Kind.ANALYSIS:
        return json.dumps(told | {"items": items}) if len(items) <= ENTRY_ITEMS else None
    query = "SELECT perspective, finding_id, analysis_id, file, at, alike FROM plan WHERE path = ?"
    plan = db.execute(query, (file.path,)).fetchone()
    return json.dumps(told | {"about": plan[:4], "at": plan[4], "alike": plan[5]} if plan else told)
