"""The state that travels in the results dataset: what it told a home, and what the home has yet to tell it."""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from flows.adapters.seen import parse, remember
from flows.adapters.worker_db import FRESH, WorkerDb

KEY = re.compile(r"(?P<item>[0-9a-f]{16})-(?P<attempt>[1-9][0-9]{0,8})")


class Known:
    """What is known of files that were seen and attempts that were decided, whoever saw and decided them."""

    def __init__(self, db: WorkerDb) -> None:
        self._db = db

    def decided(self, keys: Iterable[str]) -> None:
        """These rows are in the results dataset, whoever published them; what is no row's id is passed over."""
        with self._db.writing() as db:
            _decide(db, attempts(keys))

    def are_decided(self, keys: Iterable[str]) -> set[str]:
        """Those of the rows' ids that the results dataset has, as far as is known here."""
        query = "SELECT 1 FROM decided WHERE item = ? AND attempt = ?"
        with self._db.reading() as db:
            return {f"{item}-{n}" for item, n in attempts(keys) if db.execute(query, (item, n)).fetchone()}

    def all_decided(self) -> set[tuple[str, int]]:
        """Item and attempt of each row that the results dataset has, as far as is known here."""
        with self._db.reading() as db:
            return {*db.execute("SELECT item, attempt FROM decided")}

    def lost_since(self, is_lost: bool, now: float) -> float:
        """When it was first seen that the dataset has lost rows; `now` where it has not, which is remembered, too."""
        with self._db.reading() as db:
            row = db.execute("SELECT since FROM lost").fetchone()
        if bool(row) is is_lost:
            return min(float(row[0]), now) if row else now
        with self._db.writing() as db:
            db.execute("DELETE FROM lost")
            if is_lost:
                db.execute("INSERT INTO lost VALUES (?)", (now,))
        return now

    def bookmark(self) -> tuple[int, str]:
        """How far the results dataset's state is known here: (`since`, `epoch`) to ask it for what is new."""
        with self._db.reading() as db:
            row = db.execute("SELECT upto, epoch FROM bookmark").fetchone()
        return (row[0], row[1]) if row else (0, "")

    def load(
        self, seen: Iterable[str | Mapping[str, Any]], decided: Iterable[str], bookmark: tuple[int, str] | None = None
    ) -> None:
        """Take in what other machines, or an earlier disk of this one, have seen and decided.

        A file whose findings are all decided need not be read; of a plan it is known whom it is for. What is known
        here by reading stays as it is. Entries that make no sense are passed over.
        """
        entries = parse(seen)
        with self._db.writing() as db:
            _decide(db, attempts(decided))
            remember(db, entries)
            if bookmark:
                db.execute("DELETE FROM bookmark")
                db.execute("INSERT INTO bookmark VALUES (?, ?)", bookmark)

    def start_over(self) -> None:
        """Forget what is decided, and have all files read and told again; what waits stays.

        The text of what is decided is not kept: reading its file again is what makes it wait.
        """
        with self._db.writing() as db:
            for forget in ("decided", "bookmark", "lost", "item WHERE NOT waiting"):
                db.execute(f"DELETE FROM {forget}")  # noqa: S608  # words of ours
            query = "UPDATE file SET state = 'pending', entry = NULL, published = 0 WHERE state IN ('read', 'known')"
            db.execute(query)
            db.execute("UPDATE dataset SET head = '', listed = ''")  # a listing says at which revision

    def unpublished(self, limit: int = 10_000) -> list[dict[str, Any]]:
        """What to write into the results dataset's state with the next commit."""
        query = "SELECT entry FROM file WHERE entry IS NOT NULL AND NOT published LIMIT ?"
        with self._db.reading() as db:
            return [json.loads(entry) for (entry,) in db.execute(query, (limit,))]

    def mark_published(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """These entries are committed."""
        query = "UPDATE file SET published = 1 WHERE kind = ? AND path = ? AND blob = ?"
        with self._db.writing() as db:
            db.executemany(query, [(entry["kind"], entry["path"], entry["blob"]) for entry in entries])


def attempts(keys: Iterable[str]) -> list[tuple[str, int]]:
    """Item and attempt of each row's id; what is none is passed over."""
    return [(match["item"], int(match["attempt"])) for match in map(KEY.fullmatch, keys) if match]


def _decide(db: sqlite3.Connection, rows: list[tuple[str, int]]) -> None:
    db.executemany("INSERT OR IGNORE INTO decided VALUES (?, ?)", rows)
    done = f"""UPDATE item SET waiting = 0, pinned = NULL, found = NULL, not_before = 0, {FRESH}, attempt = ?2
               WHERE id = ?1 AND attempt <= ?2
               AND (waiting OR found IS NOT NULL OR pinned IS NOT NULL OR attempt < ?2)"""  # noqa: S608  # our words
    db.executemany(done, rows)
