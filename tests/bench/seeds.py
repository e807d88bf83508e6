"""`python -m tests.bench.seeds FOLDER OWNER FILES FINDINGS [--decided]`: upstream datasets for a bench, in bulk.

FILES analyses of FINDINGS findings each, and a few plans; with `--decided` as many plans as analyses, and a results
dataset that has a row for every finding and knows every file, as the worker's own commits would have left it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.adapters.commits import Batch, compose
from flows.adapters.ledger import Ledger
from flows.adapters.ledger_copy import LedgerCopy
from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import git_sha1
from flows.adapters.shards import ROWS_CAP
from stages.matching import item_id, likeness
from stages.models import Source
from stages.records import Kind, read_record
from stages.rows import row
from tests.outcomes import full

NAMES = ("analysis", "test-planning", "implementation")
CODE = "\n\n".join(f"def step_{n}(value: int) -> int:\n    return value * {n} + len(str(value))" for n in range(160))
"""About what a prompt shows of a repository: 12 kB."""
PLANS = 5
SEEN = 10_000
"""Files told of in one commit: as many as the backlog hands out."""


def main() -> None:
    folder, owner, files, findings = sys.argv[1:5]
    decided = sys.argv[5:] == ["--decided"]
    analyses = {f"iteration_{n}.json": analysis(n, int(findings), bare=decided) for n in range(1, int(files) + 1)}
    plans = {f"test_plan_iteration_{n}.json": plan(n) for n in range(1, (int(files) if decided else PLANS) + 1)}
    hub = LocalHub(Path(folder))
    for name, content in zip(NAMES, (analyses, plans), strict=False):
        hub.put(f"{owner}/autocoder-{name}-results", content)
    if decided:
        publish(hub, f"{owner}/autocoder-implementation-results", analyses, plans)


def analysis(number: int, findings: int, bare: bool) -> bytes:
    """A record with findings that bring their code, or no more than words."""
    more: dict[str, Any] = {} if bare else {"files": {f"module_{number}.py": CODE}}
    told = [
        {"title": f"Finding {number}.{n}", "description": f"Step {n} of module {number} is wrong. " * 20, **more}
        for n in range(findings)
    ]
    return json.dumps({"iteration": number, "timestamp": "2026-01-01T00:00:00", "findings": told}).encode()


def plan(number: int) -> bytes:
    """A plan that holds for all findings, of one of a few perspectives."""
    cases = [f"case {number}.{n}: zero, negative, huge" for n in range(4)]
    body = {"perspective": f"Perspective {number % PLANS}", "tests": cases}
    return json.dumps({"iteration": number, "timestamp": "2026-01-01T00:00:00", "analysis": body}).encode()


def publish(hub: LocalHub, dataset: str, analyses: dict[str, bytes], plans: dict[str, bytes]) -> None:
    """Rows in full shards, a commit each, composed as the worker composes them."""
    hub.put(dataset, {})
    seen, ids = list(_seen_plans(plans)), []
    for path, content in analyses.items():
        items = [item_id("", found.finding) for found in _read(Kind.ANALYSIS, path, content).found]
        seen.append({"kind": "analysis", "path": path, "blob": git_sha1(content), "items": items})
        ids += items
    template = row(full())
    ledger, copy = Ledger(epoch="bench", first=1, next=1), LedgerCopy(None)
    for start in range(0, len(ids), ROWS_CAP):
        part = ids[start : start + ROWS_CAP]
        rows = tuple({**template, "id": f"{i}-1", "work_item": {**template["work_item"], "id": i}} for i in part)
        batch, seen = Batch(rows, tuple(seen[:SEEN]), {}), seen[SEEN:]
        commit = compose(dataset, batch, ledger, copy, lambda path: b"", merge=True)
        head = hub.put(dataset, commit.operations, commit.message)
        copy.take(head, commit.ledger, commit.shards, [(commit.span, commit.lines)])
        ledger = commit.ledger


def _seen_plans(plans: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    for path, content in plans.items():
        (planned,) = _read(Kind.PLANS, path, content).planned
        about = [planned.plan.perspective, planned.finding_id, planned.analysis_id, planned.file]
        told = {"about": about, "at": planned.written, "alike": likeness(planned.plan)}
        yield {"kind": "plans", "path": path, "blob": git_sha1(content), **told}


def _read(kind: Kind, path: str, content: bytes) -> Any:
    source = Source(dataset="a/b", revision="a" * 40, path=path, blob_id=git_sha1(content))
    return read_record(kind, json.loads(content), source)


if __name__ == "__main__":
    main()
