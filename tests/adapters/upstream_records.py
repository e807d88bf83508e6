"""Records of the siblings, told to a backlog without a Hub."""

from typing import Any

from flows.adapters.backlog import Backlog
from flows.adapters.catalog import SeenFile
from flows.adapters.hub import Entry
from flows.adapters.intake import Taken, take_in
from stages.records import Kind, read_record

SHA = "c" * 40


def finding(title: str, **fields: Any) -> dict[str, Any]:
    """A finding that can be acted on."""
    return {"title": title, "description": f"{title}.", **fields}


def tell(backlog: Backlog, kind: Kind, path: str, record: dict[str, Any], now: float = 1_000_000.0) -> Taken:
    """The backlog has read a file of this one record."""
    entry = Entry(path, f"{abs(hash(str(record))):040x}"[:40], 100)
    backlog.catalog.mark(kind, [entry], SHA, now)
    file = SeenFile(kind, path, entry.blob_id, entry.size, SHA, now)
    return take_in(backlog.db, file, [read_record(kind, record, file.source("a/b"))], remember=True)


def tell_findings(
    backlog: Backlog, *findings: dict[str, Any], path: str = "iteration_1.json", **record: Any
) -> list[str]:
    """Ids of the items that a record with these findings makes."""
    now = record.pop("now", 1_000_000.0)
    return tell(backlog, Kind.ANALYSIS, path, {"findings": list(findings), **record}, now).new
