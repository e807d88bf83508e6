"""People name a work item by its id, by the beginning of it, or by the id of one of its rows."""

import sqlite3

from stages.errors import Permanent


def prefix(name: str) -> str:
    """How the id begins that is meant."""
    return name.strip().lower().partition("-")[0]


def the_item(db: sqlite3.Connection, name: str) -> str:
    """Id of the one item that is meant. Raises Permanent where that is none, or several."""
    known = _beginning(db, "SELECT id FROM item WHERE id >= ? AND id < ? || 'g' AND found IS NOT NULL LIMIT 6", name)
    every = known | _beginning(db, "SELECT item FROM decided WHERE item >= ? AND item < ? || 'g' LIMIT 6", name)
    if not every:
        raise Permanent(
            f"There is no work item {name!r}: no finding read from the analysis dataset has such an id. "
            "Ids are 16 hex digits; those with an outcome are in the column work_item of the results dataset."
        )
    if len(every) > 1:
        several = ", ".join(sorted(every)[:5])
        raise Permanent(f"Several work items begin with {name!r} ({several}, …): give more digits.")
    if not known:
        raise Permanent(
            f"Work item {every.pop()} has an outcome, but its finding is no longer in the analysis dataset "
            "(its file was written over or deleted), so that it cannot be worked on again."
        )
    return known.pop()


def _beginning(db: sqlite3.Connection, query: str, name: str) -> set[str]:
    return {id_ for (id_,) in db.execute(query, (prefix(name), prefix(name)))} if prefix(name) else set()
