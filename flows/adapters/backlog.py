"""Which work items wait, which were taken up and with what, which are decided. A cache, to be made anew any time."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from flows.adapters.catalog import Catalog
from flows.adapters.item_names import the_item
from flows.adapters.known import Known
from flows.adapters.pauses import RESTS, Pauses
from flows.adapters.plans import plans_for, unused_plans
from flows.adapters.worker_db import FRESH, WorkerDb
from stages.matching import work_item
from stages.models import WorkItem
from stages.records import Found, Kind, PassedOver

PAGE = 256

Claim = Callable[[Iterable[str], int], Collection[str]]
"""Takes up to so many of these ids that nobody else works on, asking for them in order."""


@dataclass(frozen=True)
class Cooling:
    """An item whose last attempt broke off."""

    id: str
    tries: int
    reason: str
    until: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Waiting:
    """How much is left to do."""

    items: int
    """Without an outcome, `cooling` among them."""
    cooling: tuple[Cooling, ...]
    """Not taken up before their time."""
    files: int
    """Seen upstream and not read yet."""


class Backlog:
    """The items of one home. Methods may be called from any thread; several processes may share the home."""

    def __init__(self, home: Path) -> None:
        self.db = WorkerDb(home / "worker.db")
        self.catalog = Catalog(self.db)
        self.known = Known(self.db)
        self.pauses = Pauses(self.db)

    def close(self) -> None:
        """Give back the file."""
        self.db.close()

    # --- taking up -----------------------------------------------------------------------------------

    def next(
        self,
        limit: int,
        now: float,
        item: str | None = None,
        *,
        claim: Claim | None = None,
        finished: Collection[str] = (),
        dry_run: bool = False,
    ) -> list[WorkItem]:
        """Up to `limit` items to work on: what waits longest first, hours of severity counted in.

        Each is stored as returned and comes back the same until decided. `item`: that one and no other, by its id or
        the beginning of it, at once and as a new attempt if it is decided (and was read again); with `dry_run` the new
        attempt is offered to nobody else. `claim`: takes the ids that are free. `finished`: keys of attempts that wait
        to be published.
        Raises Permanent when `item` means none or several.
        """
        offered: list[str] = []
        taken: Collection[str] = ()
        for ids, most in self._named(item) if item else self._groups(limit, now, finished):
            if taken := (claim or _first)(_noting(ids, offered), most):
                break
        items = (self._take_up(id_, finished, item is not None, dry_run) for id_ in offered if id_ in taken)
        return [found for found in items if found]

    def pin(self, item: WorkItem) -> WorkItem:
        """Store the item as it is now, with the revision of its repository, say; the item as stored.

        What was pinned before with a full revision stays.
        """
        with self.db.writing() as db:
            row = db.execute("SELECT pinned FROM item WHERE id = ?", (item.id,)).fetchone()
            before = WorkItem.model_validate_json(row[0]) if row and row[0] else None
            if before and before.attempt == item.attempt and re.fullmatch(r"[0-9a-f]{40,64}", before.revision):
                return before
            query = "UPDATE item SET pinned = ? WHERE id = ? AND attempt = ?"
            db.execute(query, (item.model_dump_json(), item.id, item.attempt))
        return item

    def unused_plans(self, paths: Iterable[str], most: int) -> tuple[list[PassedOver], int]:
        """Plans of these files that no item takes as things stand, and why: up to `most` of them, and their count."""
        with self.db.reading() as db:
            return unused_plans(db, paths, most)

    def _named(self, item: str) -> Iterator[tuple[Iterator[str], int]]:
        with self.db.reading() as db:
            yield iter([the_item(db, item)]), 1

    def _groups(self, limit: int, now: float, finished: Collection[str]) -> Iterator[tuple[Iterator[str], int]]:
        """Ids in order, and how many of them may be taken together; of those on which runs died, half each time.

        Each group until one is found that is free: so an item that kills its process is soon alone, and the others are
        done (delta debugging, https://www.debuggingbook.org/html/DeltaDebugger.html).
        """
        ready = f"FROM item WHERE waiting AND NOT {RESTS}"
        with self.db.reading() as db:
            heads = db.execute(f"SELECT min(rank), begun {ready} AND begun GROUP BY begun", (now,)).fetchall()
            heads += db.execute(f"SELECT rank, begun {ready} AND NOT begun ORDER BY rank LIMIT 1", (now,)).fetchall()
        for _, begun in sorted(heads):
            yield self._in_order(now, finished, begun), min(limit, max(1, limit >> begun))

    def _in_order(self, now: float, finished: Collection[str], begun: int) -> Iterator[str]:
        """Ids in order, a page at a time: a claim may want a few of them or all."""
        query = f"""SELECT rank, rowid, id, attempt FROM item
                    WHERE waiting AND NOT {RESTS} AND begun = ? AND (rank, rowid) > (?, ?)
                    ORDER BY rank, rowid LIMIT ?"""  # noqa: S608  # our words
        rank, rowid = float("-inf"), 0
        while True:
            with self.db.reading() as db:
                page = db.execute(query, (now, begun, rank, rowid, PAGE)).fetchall()
            yield from (id_ for _, _, id_, attempt in page if f"{id_}-{attempt}" not in finished)
            if len(page) < PAGE:
                return
            rank, rowid = page[-1][:2]

    def _take_up(self, id_: str, finished: Collection[str], named: bool, dry_run: bool) -> WorkItem | None:
        """The item as pinned, by now if it was not before; None when it was decided or dropped meanwhile."""
        with self.db.writing() as db:
            query = "SELECT found, waiting, attempt, pinned FROM item WHERE id = ?"
            found, waiting, attempt, pinned = db.execute(query, (id_,)).fetchone() or (None, 0, 0, None)
            is_done = not waiting or f"{id_}-{attempt}" in finished
            if found is None or (is_done and not named):
                return None
            if pinned and (waiting or named) and f"{id_}-{attempt}" not in finished:
                if not waiting and not dry_run:
                    db.execute("UPDATE item SET waiting = 1, not_before = 0 WHERE id = ?", (id_,))
                return WorkItem.model_validate_json(pinned)
            finding = Found.model_validate_json(found)
            attempt += is_done
            item = work_item(finding, plans_for(db, finding), attempt)
            offered = bool(waiting) or not dry_run
            query = "UPDATE item SET pinned = ?, waiting = ?, attempt = ?, not_before = 0 WHERE id = ?"
            db.execute(query, (item.model_dump_json(), offered, attempt, id_))
            if is_done:
                db.execute(f"UPDATE item SET {FRESH} WHERE id = ?", (id_,))  # noqa: S608  # our words
            return item

    def waiting(self, now: float) -> Waiting:
        """How much is left to do."""
        query = f"""SELECT id, tries, reason, not_before FROM item
                    WHERE waiting AND not_before > 0 AND {RESTS} ORDER BY not_before"""  # noqa: S608  # our words
        with self.db.reading() as db:
            items = db.execute("SELECT count(*) FROM item WHERE waiting").fetchone()[0]
            cooling = tuple(Cooling(*row) for row in db.execute(query, (now,)))
        return Waiting(items, cooling, sum(self.catalog.count_pending(kind) for kind in Kind))

    def begun(self) -> set[str]:
        """Keys of the attempts that were taken up and have no outcome in the results dataset, but for dry runs."""
        query = "SELECT id, attempt FROM item WHERE waiting AND pinned IS NOT NULL"
        with self.db.reading() as db:
            return {f"{id_}-{n}" for id_, n in db.execute(query)}


def _first(ids: Iterable[str], limit: int) -> set[str]:
    return set(islice(ids, limit))


def _noting(ids: Iterable[str], offered: list[str]) -> Iterator[str]:
    for id_ in ids:
        offered.append(id_)
        yield id_
