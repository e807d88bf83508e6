"""One SQLite file with what a worker knows: a cache of the datasets, shared by any number of threads and processes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from filelock import FileLock

from stages.errors import Permanent, Transient

SCHEMA = 9
"""Of the tables below; a file of another version is begun anew."""

FRESH = "tries = 0, reason = '', begun = 0, left_after = NULL, spared = 0"
"""SQL: what stands in an item whose attempt has not been begun."""

TABLES = """
CREATE TABLE dataset (
    kind TEXT PRIMARY KEY, name TEXT, head TEXT, listed TEXT, listed_at REAL, cursor INTEGER, refused_at REAL
) WITHOUT ROWID;
CREATE TABLE head (kind TEXT, sha TEXT, UNIQUE (kind, sha));

CREATE TABLE file (
    kind TEXT, path TEXT, blob TEXT, size INTEGER, revision TEXT, number INTEGER, seen_at REAL,
    state TEXT,          -- pending, read, known (from the results dataset, never read here), gone
    entry TEXT,          -- JSON for the results dataset's state, null where the file has none
    published INTEGER,
    PRIMARY KEY (kind, path)
);
CREATE INDEX file_pending ON file (kind, seen_at) WHERE state = 'pending';
CREATE INDEX file_known ON file (kind) WHERE state = 'known';
CREATE INDEX file_gone ON file (kind) WHERE state = 'gone';
CREATE INDEX file_number ON file (kind, number);
CREATE INDEX file_unpublished ON file (kind) WHERE entry IS NOT NULL AND NOT published;

CREATE TABLE earlier (  -- versions of analyses that were written over or deleted before they were read
    path TEXT, blob TEXT, size INTEGER, revision TEXT, seen_at REAL, PRIMARY KEY (path, blob)
) WITHOUT ROWID;

CREATE TABLE withheld (  -- versions that the Hub did not give out, since when, and when they are asked for again
    kind TEXT, path TEXT, blob TEXT, since REAL, again REAL, PRIMARY KEY (kind, path, blob)
) WITHOUT ROWID;

CREATE TABLE item (
    id TEXT PRIMARY KEY,
    found TEXT,          -- null once decided: read again where somebody asks for a new attempt
    since REAL, rank REAL, waiting INTEGER, attempt INTEGER, pinned TEXT,
    tries INTEGER DEFAULT 0, not_before REAL DEFAULT 0, reason TEXT DEFAULT '',
    begun INTEGER DEFAULT 0,      -- how often a run took it up since one last came to its end with it
    left_after INTEGER,           -- went_through.times when it last broke off, null where it never did
    spared INTEGER DEFAULT 0,     -- how often it broke off since without a try
    finding_id TEXT, analysis_id TEXT, file TEXT
);
CREATE INDEX item_waiting ON item (rank) WHERE waiting;
CREATE INDEX item_begun ON item (begun) WHERE waiting AND begun;
CREATE INDEX item_cooling ON item (not_before, waiting) WHERE waiting;
CREATE INDEX item_finding ON item (finding_id, analysis_id) WHERE finding_id <> '';
CREATE INDEX item_analysis ON item (analysis_id, file) WHERE analysis_id <> '';
CREATE INDEX item_file ON item (file) WHERE file <> '';
CREATE TABLE occurrence (item TEXT, path TEXT, PRIMARY KEY (item, path)) WITHOUT ROWID;
CREATE INDEX occurrence_path ON occurrence (path);
CREATE TABLE decided (item TEXT, attempt INTEGER, PRIMARY KEY (item, attempt)) WITHOUT ROWID;

CREATE TABLE plan (
    path TEXT, row INTEGER, perspective TEXT, finding_id TEXT, analysis_id TEXT, file TEXT, at REAL,
    alike TEXT,          -- of plans that name nothing and are alike in this, the latest holds
    planned TEXT,        -- null: known from the results dataset, not read here
    PRIMARY KEY (path, row)
);
CREATE INDEX plan_finding ON plan (finding_id) WHERE finding_id <> '';
CREATE INDEX plan_analysis ON plan (analysis_id) WHERE analysis_id <> '';
CREATE INDEX plan_file ON plan (file) WHERE file <> '';
CREATE INDEX plan_latest ON plan (at, alike) WHERE finding_id = '' AND analysis_id = '' AND file = '';
CREATE INDEX plan_latest_read ON plan (at, alike)
    WHERE finding_id = '' AND analysis_id = '' AND file = '' AND planned IS NOT NULL;
CREATE INDEX plan_unread ON plan (path) WHERE planned IS NULL;

CREATE TABLE refused (kind TEXT, path TEXT, row INTEGER, blob TEXT, what TEXT, reason TEXT);
CREATE INDEX refused_path ON refused (kind, path);
CREATE TABLE bookmark (upto INTEGER, epoch TEXT);
CREATE TABLE lost (since REAL);
CREATE TABLE went_through (one INTEGER PRIMARY KEY, times INTEGER);  -- runs of this home that came to an outcome
"""


class WorkerDb:
    """The file at `path`, made when it is not there; begun anew when it is damaged or of another version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._opened: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The database; each statement sees the newest state. Raises Transient, Permanent."""
        with self._lock, sorted_out(self.path):
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The database within one transaction, alone. Raises Transient, Permanent; then nothing was changed."""
        with self._lock, sorted_out(self.path):
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db

    def close(self) -> None:
        """Give back the file; it is opened again when it is used again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _open(self) -> sqlite3.Connection:
        if self._opened is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):  # SQLite itself does not wait while several make one file at once
                self._opened = _opened(self.path)
        return self._opened


@contextmanager
def sorted_out(path: Path | None) -> Iterator[None]:
    """Raises Transient and Permanent with a sentence in the place of what SQLite raises about the file there."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind of error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Transient(f"{path} has been held by another process for too long ({error}).") from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise Permanent(f"{path} cannot be written ({error}): make room, or let us write there.") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Permanent(f"{path} is damaged ({error}): delete it, it can be made anew.") from error
        raise


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connection(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        path.unlink()
        return _connection(path)


def _connection(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            _begin_anew(db)
    except BaseException:
        db.close()
        raise
    return db


def _begin_anew(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    with db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f'DROP TABLE "{name}"')
        for statement in TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {SCHEMA}")
