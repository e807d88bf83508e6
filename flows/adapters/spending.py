"""What model calls cost, in a journal written before each call, and the bounds on it per item, run and day.

A call may start while what is spent, and what the calls in flight are expected to cost, stay under every bound. So the
calls in flight at most overrun a bound, and it never keeps out a call that would fit. What a dead process had in
flight stays counted as expected: the lock that it held tells that it is dead. A day is one in UTC, and counts what
other homes tell through the dataset's state.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from uuid import uuid4

from filelock import FileLock

from flows.adapters.bounds import Bounds, Spent, check
from flows.adapters.claims import Claims
from flows.adapters.ledger import SPENDING_DAYS
from stages.errors import Misconfigured, Transient
from stages.models import Usage

_DEAD = timedelta(hours=1)
"""So long a call is taken to be in flight; should it settle after all, the difference is made good."""
_NOTHING = Usage()
_KEPT = timedelta(days=30)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    scope TEXT,   -- "item", "run" or "day"
    key TEXT,     -- which one
    source TEXT,  -- the "home/…" that settled it, or "call/…/…" in flight, with who makes it
    day TEXT, at REAL, tokens INTEGER, requests INTEGER, cost REAL,
    PRIMARY KEY (scope, key, source)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS home (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT);
"""
_ADD = """
INSERT INTO spent VALUES (:scope, :key, :source, :day, :at, :tokens, :requests, :cost)
ON CONFLICT DO UPDATE SET
    day = :day, at = :at, tokens = tokens + :tokens, requests = requests + :requests, cost = cost + :cost
"""
_RAISE = """
INSERT INTO spent VALUES ('day', :key, :source, :key, 0, :tokens, 0, :cost)
ON CONFLICT DO UPDATE SET tokens = max(tokens, :tokens), cost = max(cost, :cost)
"""
_BURY = """
INSERT INTO spent SELECT scope, key, ?2, day, at, tokens, requests, cost FROM spent WHERE source = ?1
ON CONFLICT DO UPDATE SET
    tokens = tokens + excluded.tokens, requests = requests + excluded.requests, cost = cost + excluded.cost
"""


Told = Mapping[str, Mapping[str, int]]
"""Day (ISO) → journal → its tokens, absolute; its micro-dollars under its name with a "$". Entries only grow."""


@dataclass(frozen=True)
class Reservation:
    """A call in flight, as the journal counts it."""

    source: str
    day: str
    keys: tuple[tuple[str, str], ...]
    """Scope and key of everything it counts for."""
    expected: Usage


class Spending:
    """The journal `spending.db` in the home; any number of processes share it, each with its own object.

    Methods raise Transient when the journal is locked or cannot be written, Misconfigured when it is damaged.
    """

    def __init__(
        self, home: Path, bounds: Bounds, run: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = home / "spending.db"
        self._bounds = bounds
        self._run = run
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._home = ""
        self._lock = Lock()
        self._callers = Claims(home / "calling")
        self._caller = uuid4().hex[:12]

    def reserve(self, item: str, expected: Usage) -> Reservation:
        """Count a call before it is made. Raises BudgetReached, with the time of reopening for the day's bound."""
        now = self._clock()
        day = now.date().isoformat()
        keys = (("item", item), ("run", self._run), ("day", day))
        reservation = Reservation(f"call/{self._caller}/{uuid4().hex}", day, keys, expected)
        with self._transaction() as db:
            self._callers.take({self._caller} - self._callers.held, limit=1)  # who buries waits for this transaction
            for scope, key in keys:
                check(self._bounds, scope, key, now, _sum(db, scope, key))
            db.executemany(_ADD, self._rows(reservation, reservation.source, expected))
        return reservation

    def settle(self, reservation: Reservation, actual: Usage) -> None:
        """Replace what was expected by what it came to; failed and unusable calls count, too."""
        with self._transaction() as db:
            rows = [(scope, key, reservation.source) for scope, key in reservation.keys]
            gone = db.executemany("DELETE FROM spent WHERE scope = ? AND key = ? AND source = ?", rows).rowcount == 0
            less = reservation.expected if gone else _NOTHING
            db.executemany(_ADD, self._rows(reservation, self._home, actual, less))

    def check(self) -> None:
        """Raises BudgetReached when no call of any item could be made now."""
        now = self._clock()
        with self._transaction() as db:
            for scope, key in (("run", self._run), ("day", now.date().isoformat())):
                check(self._bounds, scope, key, now, _sum(db, scope, key))

    def start_over(self, item: str) -> None:
        """Give an item its whole bound again: for a new attempt that somebody asked for, or after an outage."""
        with self._transaction() as db:
            db.execute("DELETE FROM spent WHERE scope = 'item' AND key = ? AND source LIKE 'home/%'", (item,))

    def today(self) -> Spent:
        """What was spent today (UTC), by all homes that we know of; calls in flight as expected."""
        with self._transaction() as db:
            return _sum(db, "day", self._clock().date().isoformat())

    def unpublished(self) -> dict[str, dict[str, int]]:
        """What was spent of late, absolute, here and by all of whom this home was told.

        Goes into the dataset's state with the next commit, and to whoever works on an item for this home. As many days
        as the state keeps.
        """
        since = (self._clock() - timedelta(days=SPENDING_DAYS - 1)).date().isoformat()
        known = """SELECT key, source, tokens, cost FROM spent
                   WHERE scope = 'day' AND source LIKE 'home/%' AND key >= ? ORDER BY key, source"""
        told: dict[str, dict[str, int]] = {}
        with self._transaction() as db:
            self._bury(db)
            for day, source, tokens, cost in db.execute(known, (since,)):
                name = source.removeprefix("home/")
                told.setdefault(day, {})[name] = tokens
                if cost:
                    told[day][f"{name}$"] = round(cost * 1e6)
        return told

    def load(self, told: Told) -> None:
        """Count what the state tells of other homes, and of this one if its disk went back. Twice is as once."""
        with self._transaction() as db:
            for day, journals in told.items():
                for name, tokens in journals.items():
                    if not name.endswith("$"):
                        dollars = journals.get(f"{name}$", 0) / 1e6
                        db.execute(_RAISE, {"key": day, "source": f"home/{name}", "tokens": tokens, "cost": dollars})

    def close(self) -> None:
        """Let go of the file; what is in flight counts as expected from now on."""
        self._callers.release()
        if self._db:
            self._db.close()
            self._db = None

    def _rows(self, r: Reservation, source: str, usage: Usage, less: Usage = _NOTHING) -> list[dict[str, object]]:
        figures = {
            "tokens": usage.prompt_tokens + usage.completion_tokens - less.prompt_tokens - less.completion_tokens,
            "requests": usage.requests - less.requests,
            "cost": (usage.cost or 0.0) - (less.cost or 0.0),
        }
        common = {"source": source, "day": r.day, "at": self._clock().timestamp(), **figures}
        return [{"scope": scope, "key": key, **common} for scope, key in r.keys]

    def _bury(self, db: sqlite3.Connection) -> None:
        """Take the calls of dead processes, and those from long ago, for settled at what they were expected to cost."""
        calls = db.execute("SELECT DISTINCT source, at FROM spent WHERE source LIKE 'call/%'").fetchall()
        alive = (self._callers.held | self._callers.elsewhere()) if calls else set()
        since = (self._clock() - _DEAD).timestamp()
        dead = [(source,) for source, at in calls if at < since or source.split("/")[1] not in alive]
        db.executemany(_BURY, [(*one, self._home) for one in dead])
        db.executemany("DELETE FROM spent WHERE source = ?", dead)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._open() as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        except (sqlite3.OperationalError, OSError) as error:
            raise Transient(
                f"The spending journal {self._path} cannot be written ({error}): no call without it."
            ) from error
        except sqlite3.DatabaseError as error:
            raise Misconfigured(
                f"The spending journal {self._path} is damaged ({error}): move it away; what this disk alone knew of "
                "today's spending is forgotten with it."
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
            with FileLock(self._path.with_suffix(".lock"), timeout=10):  # SQLite does not wait its turn to go to WAL
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # survives a killed process; a power cut may take the last calls
            db.executescript(_SCHEMA)
            db.execute("INSERT OR IGNORE INTO home VALUES (1, ?)", (f"home/{uuid4().hex[:12]}",))
            self._home = db.execute("SELECT id FROM home").fetchone()[0]
            db.execute("DELETE FROM spent WHERE day < ?", ((self._clock() - _KEPT).date().isoformat(),))
            self._db = db
        return self._db


def _sum(db: sqlite3.Connection, scope: str, key: str) -> Spent:
    figures = "SELECT sum(tokens), sum(cost), sum(requests) FROM spent WHERE scope = ? AND key = ?"
    tokens, dollars, requests = db.execute(figures, (scope, key)).fetchone()
    return Spent(tokens or 0, dollars or 0.0, requests or 0)
