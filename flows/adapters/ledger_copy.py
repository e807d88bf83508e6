"""A copy of the dataset's ledger on this machine, so that a tick costs the same at any size. Can always be deleted."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from flows.adapters.ledger import Ledger, Line
from flows.adapters.shards import Span
from flows.adapters.worker_db import sorted_out
from stages.errors import Transient

TABLES = """
CREATE TABLE IF NOT EXISTS head (only INTEGER PRIMARY KEY, sha TEXT, older TEXT, ledger TEXT);
CREATE TABLE IF NOT EXISTS shard (path TEXT PRIMARY KEY, blob TEXT);
CREATE TABLE IF NOT EXISTS line (n INTEGER, id TEXT, seen TEXT);
CREATE INDEX IF NOT EXISTS line_n ON line (n);
CREATE INDEX IF NOT EXISTS line_id ON line (id);
"""
REMEMBERED = 8
"""Heads before our own last commit that are known to be older."""
PATIENCE_S = 90.0
"""For our turn: longer than the Hub may keep one request of another run unanswered."""


class LedgerCopy:
    """One SQLite file, or memory without a path. Methods may be called from any thread and process.

    Each is a transaction. What goes over several of them, with the Hub asked in between, is done `alone`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = Lock()
        self._turn = Lock()
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Give back the file; it is opened again when it is used again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other run of this home reads or changes the copy meanwhile. Raises Transient where one does for too long.

        Else another's older head could come between the lines that were read and the head that they are kept under.
        """
        with ExitStack() as held:
            try:
                held.enter_context(self._taking_turns())
            except Timeout as busy:
                raise Transient(
                    f"Another run of this home has been busy with the results dataset for {PATIENCE_S:g} s ({busy})."
                ) from busy
            yield

    def head(self) -> tuple[str, Ledger] | None:
        """The head that was last taken in, with its ledger."""
        with self._open() as db:
            row = db.execute("SELECT sha, ledger FROM head").fetchone()
        return (row[0], Ledger.model_validate_json(row[1])) if row else None

    def newer(self, head: str) -> str:
        """Our own last commit, where `head` is one that it was built on and the Hub lags behind; else `head`."""
        with self._open() as db:
            row = db.execute("SELECT sha, older FROM head").fetchone()
        return row[0] if row and head in json.loads(row[1]) else head

    def distrust(self) -> None:
        """Forget which heads are older: believe what the Hub says next."""
        with self._open() as db:
            db.execute("UPDATE head SET older = '[]'")

    def shards(self) -> dict[str, str]:
        """Path → blob id of the shards of the state whose lines are here."""
        with self._open() as db:
            return dict(db.execute("SELECT path, blob FROM shard"))

    def iterations(self, ids: Iterable[str], ledger: Ledger) -> dict[str, int]:
        """Row id → iteration, of those rows that this ledger counts."""
        query = "SELECT id, n FROM line WHERE id = ? AND n < ?"
        with self._open() as db:
            return dict(row for id_ in ids for row in db.execute(query, (id_, ledger.next)))

    def items(self, items: Iterable[str], ledger: Ledger) -> set[str]:
        """Those work items that some row which this ledger counts is about."""
        query = "SELECT 1 FROM line WHERE id > ? || '-' AND id < ? || '-:' AND n < ? LIMIT 1"  # ":" follows "9"
        with self._open() as db:
            return {item for item in items if db.execute(query, (item, item, ledger.next)).fetchone()}

    def lines(self, first: int, last: int) -> list[Line]:
        """The lines of these iterations, in order."""
        query = "SELECT n, id, seen FROM line WHERE n BETWEEN ? AND ? ORDER BY n, rowid"
        with self._open() as db:
            return [Line(*row) for row in db.execute(query, (first, last))]

    def row(self, n: int) -> str:
        """The id of the row of this iteration; empty where there is none."""
        with self._open() as db:
            found = db.execute("SELECT id FROM line WHERE n = ? AND id IS NOT NULL", (n,)).fetchone()
        return str(found[0]) if found else ""

    def take(
        self,
        head: str,
        ledger: Ledger,
        shards: Mapping[str, str],
        news: Iterable[tuple[Span, Iterable[Line]]],
        parent: str = "",
    ) -> None:
        """This head, its ledger, its shards, and the lines of those that were not here.

        `parent`: our commit's. A copy that is not of the parent lacks lines, whoever changed it: it is begun anew.
        """
        with self._open() as db:
            held = db.execute("SELECT sha, older FROM head").fetchone() or ("", "[]")
            if parent and held[0] != parent:
                for name in ("head", "shard", "line"):
                    db.execute(f"DELETE FROM {name}")  # noqa: S608  # names of ours
                return
            heads = [*json.loads(held[1]), parent][-REMEMBERED:] if parent else []
            for span, lines in news:
                db.execute("DELETE FROM line WHERE n BETWEEN ? AND ?", span)
                db.executemany("INSERT INTO line VALUES (?, ?, ?)", lines)
            db.execute("DELETE FROM line WHERE n < ? OR n >= ?", (ledger.first, ledger.next))
            db.execute("DELETE FROM shard")
            db.executemany("INSERT INTO shard VALUES (?, ?)", shards.items())
            values = (head, json.dumps(heads), ledger.model_dump_json())
            db.execute("INSERT OR REPLACE INTO head VALUES (0, ?, ?, ?)", values)

    def _taking_turns(self) -> AbstractContextManager[object]:
        if self._path is None:
            return self._turn
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{self._path}.lock", timeout=PATIENCE_S)  # a new one each time keeps threads apart, too

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The database within one transaction. A file that is no database any more is begun anew.

        Raises Transient, Permanent.
        """
        with self._lock, sorted_out(self._path):
            if self._opened is None:
                self._opened = self._connect()
            self._opened.execute("BEGIN IMMEDIATE")
            with self._opened:
                yield self._opened

    def _connect(self) -> sqlite3.Connection:
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _connection(self._path)
        except sqlite3.DatabaseError as error:
            if self._path is None or error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
            self._path.unlink()
            return _connection(self._path)


def _connection(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(TABLES)
    return db


def blob_id(content: bytes) -> str:
    """The git blob id that a Hub gives a regular file of these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
