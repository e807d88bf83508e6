"""Records of the siblings: as files of a dataset, or told to a backlog without a Hub."""

import json
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from flows.adapters.backlog import Backlog
from flows.adapters.catalog import SeenFile
from flows.adapters.hub import Entry
from flows.adapters.intake import Taken, take_in
from stages.records import Kind, read_record
from tests.adapters.faults import Fault

SHA = "c" * 40


def finding(title: str, **fields: Any) -> dict[str, Any]:
    """A finding that can be acted on."""
    return {"title": title, "description": f"{title}.", **fields}


def tell(
    backlog: Backlog, kind: Kind, path: str, record: dict[str, Any], now: float = 1_000_000.0, asked_for: str = ""
) -> Taken:
    """The backlog has read a file of this one record."""
    entry = Entry(path, f"{abs(hash(str(record))):040x}"[:40], 100)
    backlog.catalog.mark(kind, [entry], SHA, now)
    file = SeenFile(kind, path, entry.blob_id, entry.size, SHA, now)
    return take_in(
        backlog.db, file, [read_record(kind, record, file.source("a/b"))], remember=True, asked_for=asked_for
    )


def tell_findings(
    backlog: Backlog, *findings: dict[str, Any], path: str = "iteration_1.json", **record: Any
) -> list[str]:
    """Ids of the items that a record with these findings makes."""
    now, asked_for = record.pop("now", 1_000_000.0), record.pop("asked_for", "")
    return tell(backlog, Kind.ANALYSIS, path, {"findings": list(findings), **record}, now, asked_for).new


def record(*titles: str, **fields: Any) -> bytes:
    """An analysis with a finding of each title."""
    return json.dumps({**fields, "findings": [finding(title) for title in titles]}).encode()


def plan(case: str, **fields: Any) -> bytes:
    """A plan that names one case."""
    return json.dumps({**fields, "analysis": {"tests": [case]}}).encode()


def iterations(count: int) -> dict[str, bytes]:
    """As many files with a finding each."""
    return {f"iteration_{n}.json": record(f"number {n}") for n in range(1, count + 1)}


def says(body: str) -> Fault:
    """That JSON, in the Hub's stead."""

    async def fault(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        start = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": body.encode()})

    return fault
