"""The test plans in a worker's database: which may belong to a finding, which are to be read, which fit nothing."""

import sqlite3
from collections.abc import Iterable

from stages.models import Source
from stages.records import NAMED_BY_PLAN, Found, PassedOver, Planned

NAMED = 200
"""Plans looked at for one item by each of its names, and of those that name nothing; the latest first."""
GENERAL = 1_000
"""Of plans that name nothing, so many of the latest are gone through: an item costs the same however many there are."""

_LATEST = f"""
SELECT place, max(at) AS at FROM (
    SELECT rowid AS place, alike, at FROM plan INDEXED BY {{index}}
    WHERE finding_id = '' AND analysis_id = '' AND file = '' AND {{which}} ORDER BY at DESC LIMIT {GENERAL}
) GROUP BY alike ORDER BY at DESC LIMIT {NAMED}"""  # noqa: S608  # numbers, and words from below
_LATEST_READ = _LATEST.format(index="plan_latest_read", which="planned IS NOT NULL")
_LATEST_KNOWN = _LATEST.format(index="plan_latest", which="true")

NEEDED_PLANS = f"""
UPDATE file SET state = 'pending' WHERE kind = 'plans' AND state = 'known' AND path IN (
    WITH wanting AS (
        SELECT finding_id, analysis_id, file FROM item
        WHERE (waiting AND pinned IS NULL) OR (id >= :from AND id < :to)
    )
    SELECT p.path FROM wanting i JOIN plan p ON p.finding_id <> '' AND p.finding_id = i.finding_id
    UNION SELECT p.path FROM wanting i JOIN plan p ON p.analysis_id <> '' AND p.analysis_id = i.analysis_id
    UNION SELECT p.path FROM wanting i JOIN plan p ON p.file <> '' AND p.file = i.file
    UNION SELECT path FROM ({_LATEST_KNOWN}) JOIN plan ON plan.rowid = place WHERE EXISTS (SELECT 1 FROM wanting)
)"""  # noqa: S608
"""Has the plans read that some waiting item needs, or items between :from and :to."""

_STRAYS = """
SELECT rowid FROM plan p WHERE path = ? AND (finding_id <> '' OR analysis_id <> '' OR file <> '') AND NOT CASE
    WHEN p.finding_id <> '' THEN EXISTS (
        SELECT 1 FROM item i WHERE i.finding_id <> '' AND i.finding_id = p.finding_id
        AND p.analysis_id IN ('', i.analysis_id))
    WHEN p.analysis_id <> '' THEN EXISTS (
        SELECT 1 FROM item i WHERE i.analysis_id <> '' AND i.analysis_id = p.analysis_id AND p.file IN ('', i.file))
    ELSE EXISTS (SELECT 1 FROM item i WHERE i.file <> '' AND i.file = p.file)
END"""
"""The negation of stages.matching.reason, for every item at once."""
_GENERAL = "SELECT rowid FROM plan WHERE path = ? AND finding_id = '' AND analysis_id = '' AND file = ''"
_TOLD = """SELECT perspective, finding_id, analysis_id, file, json_extract(planned, '$.plan.source') FROM plan
           WHERE rowid = ?"""


def plans_for(db: sqlite3.Connection, found: Found) -> list[Planned]:
    """Those plans that may belong to the finding, the oldest first."""
    names = {"finding_id": found.finding.id, "analysis_id": found.finding.analysis_id, "file": found.finding.file}
    rows: set[tuple[float, str]] = set()
    for column, value in names.items():
        query = f"SELECT at, planned FROM plan WHERE {column} = ? AND {column} <> '' AND planned IS NOT NULL"  # noqa: S608
        rows |= set(db.execute(f"{query} ORDER BY at DESC LIMIT {NAMED}", (value,))) if value else set()
    latest = f"SELECT plan.at, planned FROM ({_LATEST_READ}) JOIN plan ON plan.rowid = place"  # noqa: S608
    rows |= set(db.execute(latest))
    return [Planned.model_validate_json(planned) for _, planned in sorted(rows)]


def unused_plans(db: sqlite3.Connection, paths: Iterable[str], most: int) -> tuple[list[PassedOver], int]:
    """Plans of these files that no item takes as things stand, each with the reason: up to `most`, and their count.

    Those first that name what nobody has.
    """
    holding = {place for place, _ in db.execute(_LATEST_READ)}
    strays: list[int] = []
    replaced: list[int] = []
    for path in paths:
        strays += (place for (place,) in db.execute(_STRAYS, (path,)))
        replaced += (place for (place,) in db.execute(_GENERAL, (path,)) if place not in holding)
    unused = [*strays, *replaced]
    return [_unused(db, place) for place in unused[:most]], len(unused)


def _unused(db: sqlite3.Connection, place: int) -> PassedOver:
    perspective, *values, source = db.execute(_TOLD, (place,)).fetchone()
    named = [f"{name} {value}" for name, value in zip(NAMED_BY_PLAN, values, strict=True) if value]
    why = "it names nothing, and later ones like it took its place"
    return PassedOver(
        what=f"plan ({perspective})" if perspective else "plan",
        reason=f"no finding read so far fits {', '.join(named)}" if named else why,
        source=Source.model_validate_json(source),
    )
