"""When an item is left alone, and for how long: it broke off, runs died on it, or nothing at all goes through."""

import sqlite3
from collections.abc import Iterable

from flows.adapters.lately import rests
from flows.adapters.worker_db import WorkerDb
from stages.models import WorkItem

LONGEST_S = 7 * 86_400.0
"""A doubling pause has no bound of its own."""
RESTS = rests("not_before", LONGEST_S)
"""SQL, of an item and the moment `?`."""
_WENT_THROUGH = "(SELECT coalesce(max(times), 0) FROM went_through)"


class Pauses:
    """The pauses of a home's items. Moments are seconds since the epoch."""

    def __init__(self, db: WorkerDb) -> None:
        self._db = db

    def begin(self, items: Iterable[WorkItem], now: float, retry_minutes: float) -> None:
        """A run is about to work on these. One on which another has died rests if this run dies, too.

        Else an item that kills its process (by its size, say) would have every run killed, and the others never done.
        """
        query = "UPDATE item SET begun = begun + 1 WHERE id = ? AND attempt = ? RETURNING begun"
        with self._db.writing() as db:
            for item in items:
                for (begun,) in db.execute(query, (item.id, item.attempt)).fetchall():
                    if begun > 1:  # the schedule would be paused after a third death in a row
                        reason = f"runs died while they worked on it, {begun - 1} in a row"
                        _leave(db, item, now + _rest(retry_minutes, begun - 2), reason)

    def came_back(self, items: Iterable[WorkItem], went_through: bool) -> None:
        """A run has come to its end with these; `went_through`: some of them have an outcome."""
        with self._db.writing() as db:
            query = "UPDATE item SET begun = 0, not_before = 0 WHERE id = ? AND attempt = ? AND begun"
            db.executemany(query, [(item.id, item.attempt) for item in items])
            if went_through:
                db.execute("INSERT INTO went_through VALUES (1, 1) ON CONFLICT DO UPDATE SET times = times + 1")

    def broke_off(self, item: WorkItem, reason: str, now: float, retry_minutes: float) -> int:
        """Leave the item alone for a while, twice as long each time; how many of its tries have broken off."""
        query = f"""UPDATE item SET tries = tries + 1, left_after = {_WENT_THROUGH}, spared = 0
                    WHERE id = ? AND attempt = ? RETURNING tries"""  # noqa: S608  # our words
        with self._db.writing() as db:
            rows = db.execute(query, (item.id, item.attempt)).fetchall()
            tries: int = rows[0][0] if rows else 1
            pause = min(retry_minutes * 60 * 2.0 ** min(tries - 1, 30), LONGEST_S)
            _leave(db, item, now + pause, reason)
        return tries

    def spare(
        self,
        item: WorkItem,
        reason: str,
        now: float,
        retry_minutes: float,
        until: float = 0.0,
        *,
        only_again: bool = False,
    ) -> bool:
        """Leave the item alone for a while, and count no try: what kept it from its end keeps others, too.

        False, and nothing is done, where something else went through since it last broke off: then it is the item's.
        `until`: at least so long. `only_again`: only one that was spared the last time, too.
        """
        query = f"""UPDATE item SET left_after = {_WENT_THROUGH}, spared = spared + 1
                    WHERE id = ? AND attempt = ? AND (left_after IS NULL OR left_after = {_WENT_THROUGH})
                    AND spared >= ? RETURNING spared"""  # noqa: S608  # our words
        with self._db.writing() as db:
            rows = db.execute(query, (item.id, item.attempt, int(only_again))).fetchall()
            for (spared,) in rows:
                _leave(db, item, max(until, now + _rest(retry_minutes, spared - 1)), reason)
        return bool(rows)


def _rest(retry_minutes: float, times: int) -> float:
    """Seconds; twice as long each time, up to `retry_minutes`."""
    return retry_minutes * 60 * min(2.0 ** min(times, 30) / 6, 1)


def _leave(db: sqlite3.Connection, item: WorkItem, until: float, reason: str) -> None:
    query = "UPDATE item SET not_before = ?, reason = ? WHERE id = ? AND attempt = ?"
    db.execute(query, (until, reason, item.id, item.attempt))
