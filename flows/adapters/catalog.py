"""Which files of the two upstream datasets were seen, in which version, and what is still to be read."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from flows.adapters.hub import Entry
from flows.adapters.lately import rests
from flows.adapters.plans import NEEDED_PLANS
from flows.adapters.worker_db import WorkerDb
from stages.models import Source
from stages.records import Kind

NUMBERED = {
    Kind.ANALYSIS: re.compile(r"iteration_(\d{1,12})\.json"),
    Kind.PLANS: re.compile(r"test_plan_iteration_(\d{1,12})\.json"),
}
"""As the siblings name their files."""
HEADS = 500
"""Heads remembered per dataset, to notice one that comes back."""
_LEAVE = """INSERT OR IGNORE INTO earlier SELECT path, blob, size, revision, seen_at FROM file
            WHERE kind = :kind AND kind = 'analysis' AND path = :path AND state = 'pending' AND blob <> :blob"""

WITHHELD_S = 3_600.0
"""So long at most a version waits that the Hub did not give out."""
_NOT_WITHHELD = f"""NOT EXISTS (SELECT 1 FROM withheld WHERE withheld.kind = ? AND withheld.path = {{table}}.path
                    AND withheld.blob = {{table}}.blob AND {rests("withheld.again", WITHHELD_S)})"""  # noqa: S608  # our words


@dataclass(frozen=True)
class Dataset:
    """Where we stand with one dataset."""

    name: str
    head: str = ""
    """Whose changes are all in the catalogue, or the quick look would say; empty before the first look."""
    listed: str = ""
    """The head that was last listed in full."""
    listed_at: float = 0.0
    cursor: int = 0
    """Number of the file that was last written over: a restarted sibling goes on from there."""
    refused_at: float = 0.0
    """When a file was last refused because the dataset is gated; 0 once one was given out."""


@dataclass(frozen=True)
class SeenFile:
    """One version of one file."""

    kind: Kind
    path: str
    blob: str
    size: int
    revision: str
    seen_at: float
    """Seconds since the epoch, in natural order of names within one look."""

    def source(self, dataset: str, row: int | None = None) -> Source:
        """Where a record of this file comes from."""
        return Source(dataset=dataset, revision=self.revision, path=self.path, blob_id=self.blob, row=row)


def number(kind: Kind, path: str) -> int | None:
    """The number in a sibling's file name; None for any other name."""
    found = NUMBERED[kind].fullmatch(path)
    return int(found[1]) if found else None


class Catalog:
    """The files seen, in a worker's database."""

    def __init__(self, db: WorkerDb) -> None:
        self._db = db

    def dataset(self, kind: Kind, name: str) -> Dataset:
        """Where we stand; at the beginning when the setting names another dataset than before."""
        query = "SELECT name, head, listed, listed_at, cursor, refused_at FROM dataset WHERE kind = ? AND name = ?"
        with self._db.reading() as db:
            row = db.execute(query, (kind, name)).fetchone()
        return Dataset(*row) if row else Dataset(name)

    def stand(self, kind: Kind, dataset: Dataset) -> bool:
        """Note where we stand; whether this head was there before, some other one in between."""
        with self._db.writing() as db:
            before = db.execute("SELECT head FROM dataset WHERE kind = ?", (kind,)).fetchone()
            db.execute("INSERT OR REPLACE INTO dataset VALUES (?, ?, ?, ?, ?, ?, ?)", (kind, *astuple(dataset)))
            new = db.execute("INSERT OR IGNORE INTO head VALUES (?, ?)", (kind, dataset.head)).rowcount
            db.execute("DELETE FROM head WHERE rowid <= (SELECT max(rowid) FROM head) - ?", (2 * HEADS,))
            return bool(before and before[0] not in ("", dataset.head) and not new)

    def refused(self, kind: Kind, at: float) -> None:
        """Note when a file was refused because the dataset is gated; 0: it gives out its files."""
        with self._db.writing() as db:
            db.execute("UPDATE dataset SET refused_at = ? WHERE kind = ?", (at, kind))

    def highest(self, kind: Kind) -> int:
        """The highest number of a sibling's file, 0 without any."""
        with self._db.reading() as db:
            found = db.execute("SELECT max(number) FROM file WHERE kind = ? AND state <> 'gone'", (kind,)).fetchone()
        return found[0] or 0

    def blobs(self, kind: Kind, paths: Iterable[str] | None = None) -> dict[str, str]:
        """Path → blob id of the files seen and not gone; of all, or of these."""
        query = "SELECT path, blob FROM file WHERE kind = ? AND state <> 'gone'"
        with self._db.reading() as db:
            if paths is None:
                return dict(db.execute(query, (kind,)))
            query += " AND path = ?"
            return dict(row for path in paths for row in db.execute(query, (kind, path)))

    def holds_tables(self, kind: Kind) -> bool:
        """Whether some file holds many records, so that only a listing finds out which of them changed.

        Other names that tell no number (config.json, say) wait for the listing that is due by the clock.
        """
        query = """SELECT 1 FROM file WHERE kind = ? AND number IS NULL AND state <> 'gone'
                   AND path NOT LIKE '%.json' LIMIT 1"""
        with self._db.reading() as db:
            return db.execute(query, (kind,)).fetchone() is not None

    def is_empty(self, kind: Kind) -> bool:
        """Whether no file of this dataset was ever seen."""
        with self._db.reading() as db:
            return db.execute("SELECT 1 FROM file WHERE kind = ? LIMIT 1", (kind,)).fetchone() is None

    def mark(self, kind: Kind, changed: Sequence[Entry], revision: str, now: float) -> None:
        """Have these files read, and findings in versions that nobody read before. `changed`: in natural order."""
        query = """INSERT OR REPLACE INTO file (kind, path, blob, size, revision, number, seen_at, state, published)
                   VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0)"""
        rows = (
            (kind, entry.path, entry.blob_id, entry.size, revision, number(kind, entry.path), now + place / 1e3)
            for place, entry in enumerate(changed)
        )
        before = [{"kind": kind, "path": entry.path, "blob": entry.blob_id} for entry in changed]
        with self._db.writing() as db:
            db.executemany(_LEAVE, before)
            db.executemany(query, rows)

    def listed(self, kind: Kind, paths: set[str], revision: str) -> None:
        """Take in a full listing, whose changes are marked already: what is not in it is gone."""
        with self._db.writing() as db:
            known = db.execute("SELECT path FROM file WHERE kind = ? AND state <> 'gone'", (kind,)).fetchall()
            gone = [{"kind": kind, "path": path, "blob": ""} for (path,) in known if path not in paths]
            db.executemany(_LEAVE, gone)
            db.executemany("UPDATE file SET state = 'gone' WHERE kind = :kind AND path = :path", gone)
            query = "UPDATE file SET revision = ? WHERE kind = ? AND state IN ('pending', 'known')"
            db.execute(query, (revision, kind))  # blob ids are the same, and an older revision may be gone some day

    def pending(self, kind: Kind, limit: int, newest_first: bool, now: float) -> list[SeenFile]:
        """The files to be read next, in natural order of names; those that are withheld when their time has come."""
        order = "DESC" if newest_first else "ASC"
        query = f"""SELECT kind, path, blob, size, revision, seen_at FROM file WHERE kind = ? AND state = 'pending'
                    AND {_NOT_WITHHELD.format(table="file")} ORDER BY seen_at {order} LIMIT ?"""  # noqa: S608  # our words
        with self._db.reading() as db:
            rows = db.execute(query, (kind, kind, now, limit)).fetchall()
        return sorted((SeenFile(Kind(row[0]), *row[1:]) for row in rows), key=lambda file: file.seen_at)

    def earlier(self, limit: int, now: float) -> list[SeenFile]:
        """Versions of analyses that were written over or deleted before they were read, the oldest first."""
        query = f"""SELECT path, blob, size, revision, seen_at FROM earlier
                    WHERE {_NOT_WITHHELD.format(table="earlier")} ORDER BY seen_at LIMIT ?"""  # noqa: S608  # our words
        with self._db.reading() as db:
            return [SeenFile(Kind.ANALYSIS, *row) for row in db.execute(query, (Kind.ANALYSIS, now, limit))]

    def drop_earlier(self, file: SeenFile) -> None:
        """This version is read, or can be no more."""
        with self._db.writing() as db:
            for table in ("earlier", "withheld"):
                db.execute(f"DELETE FROM {table} WHERE path = ? AND blob = ?", (file.path, file.blob))  # noqa: S608  # ours

    def withheld_since(self, file: SeenFile) -> float | None:
        """When the Hub first did not give out a version that it has not given out since; None where it was not so."""
        query = "SELECT since FROM withheld WHERE kind = ? AND path = ? AND blob = ?"
        with self._db.reading() as db:
            found = db.execute(query, (file.kind, file.path, file.blob)).fetchone()
        return found[0] if found else None

    def withholds(self) -> bool:
        """Whether the Hub has not given out some version since it was first asked for."""
        with self._db.reading() as db:
            return db.execute("SELECT 1 FROM withheld LIMIT 1").fetchone() is not None

    def withhold(self, file: SeenFile, since: float, again: float) -> None:
        """The Hub has not given out a version since then: it is not asked for again before `again`."""
        with self._db.writing() as db:
            values = (file.kind, file.path, file.blob, since, again)
            db.execute("INSERT OR REPLACE INTO withheld VALUES (?, ?, ?, ?, ?)", values)

    def count_pending(self, kind: Kind) -> int:
        """How many files are still to be read."""
        query = """SELECT (SELECT count(*) FROM file WHERE kind = ?1 AND state = 'pending')
                   + (SELECT count(*) FROM earlier WHERE ?1 = 'analysis')"""
        with self._db.reading() as db:
            return int(db.execute(query, (kind,)).fetchone()[0])

    def read_again(self, item: str) -> None:
        """Have the files read that hold items whose id begins so, where their texts are not here."""
        with self._db.writing() as db:
            query = """UPDATE file SET state = 'pending', revision = coalesce(
                           (SELECT nullif(head, '') FROM dataset WHERE dataset.kind = file.kind), revision)
                       WHERE kind = ? AND state IN ('known', 'read') AND path IN
                       (SELECT path FROM occurrence WHERE item >= ? AND item < ? || 'g'
                        AND NOT EXISTS (SELECT 1 FROM item WHERE id = occurrence.item AND found IS NOT NULL))"""
            db.execute(query, (Kind.ANALYSIS, item, item))

    def read_plans(self, item: str) -> bool:
        """Have the plans read that some waiting item needs, or items whose id begins so; whether there are any."""
        with self._db.reading() as db:
            if not db.execute("SELECT 1 FROM plan WHERE planned IS NULL LIMIT 1").fetchone():
                return False
        with self._db.writing() as db:
            return db.execute(NEEDED_PLANS, {"from": item or "~", "to": f"{item or '~'}g"}).rowcount > 0

    def sweep(self, kind: Kind) -> None:
        """Forget files that are gone, and the plans in them; findings stay, wherever they were read."""
        with self._db.reading() as db:
            gone = db.execute("SELECT kind, path FROM file WHERE kind = ? AND state = 'gone'", (kind,)).fetchall()
        if not gone:
            return
        with self._db.writing() as db:
            db.executemany("DELETE FROM file WHERE kind = ? AND path = ? AND state = 'gone'", gone)
            db.executemany("DELETE FROM refused WHERE kind = ? AND path = ?", gone)
            held = "DELETE FROM plan" if kind is Kind.PLANS else "DELETE FROM occurrence"
            db.executemany(f"{held} WHERE path = ?", [(path,) for _, path in gone])
