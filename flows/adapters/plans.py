"""The test plans in a worker's database: which may belong to a finding, and which must be read for that first."""

import sqlite3

from stages.records import Found, Planned

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
