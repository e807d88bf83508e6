"""The two sibling workers: they write findings and plans, restart, and write over their files from 1 on."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import git_sha1
from stages.matching import item_id
from stages.models import Source
from stages.records import Kind, read_record

ANALYSES, PLANS = "autocoder/autocoder-analysis-results", "autocoder/autocoder-test-planning-results"


@dataclass
class Siblings:
    """Both datasets at a Hub over `folder`, written past its server, as other people's commits are."""

    folder: Path
    random: Random
    repository: str = ""
    """Of every other analysis; the rest bring no code."""
    expected: dict[str, str] = field(default_factory=dict)
    """Id of every work item that must come to a row → its title."""
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path → the analysis that lies there."""
    is_seen: Callable[[str, str], bool] = lambda path, blob: False
    """Whether a worker knows of this version of a file: its findings may vanish then, and are expected all the same."""
    cursor: int = 0
    """The number of the last file; a restart sets it back to 0."""
    findings: int = 0

    def __post_init__(self) -> None:
        self.hub = LocalHub(self.folder)  # not served: only to commit
        self.hub.put(PLANS, {"README.md": b"plans"})

    def write(self, findings: int = 2) -> None:
        """One analysis and one plan; over an earlier one after a restart, whose findings it repeats or leaves out."""
        self.cursor += 1
        path = f"iteration_{self.cursor}.json"
        record = self._before(path)
        record = {**record, "findings": [*record["findings"], *(self._finding() for _ in range(findings))]}
        self.written[path] = record
        content = _content(record)
        self._expect(path, content)
        self.hub.put(ANALYSES, {path: content})
        self.hub.put(PLANS, {f"test_plan_iteration_{self.cursor}.json": self._plan()})

    def restart(self) -> None:
        """Begin at 1 again."""
        self.cursor = 0

    def spoil(self) -> None:
        """A record that nobody can read."""
        self.hub.put(ANALYSES, {f"iteration_{1000 + self.random.randrange(1000)}.json": b'{"findings": [{"title": "'})

    def _before(self, path: str) -> dict[str, Any]:
        before = self.written.get(path)
        if before is None or (self.random.random() < 0.5 and self.is_seen(path, git_sha1(_content(before)))):
            return self._empty()
        return before

    def _empty(self) -> dict[str, Any]:
        at = {"repository": self.repository} if self.repository and self.cursor % 2 else {}
        return {"iteration": self.cursor, "timestamp": "2026-01-01T00:00:00", "findings": [], **at}

    def _finding(self) -> dict[str, Any]:
        self.findings += 1
        title = f"Finding {self.findings}"
        return {"title": title, "description": f"{title}: a step is wrong. " * 10, "severity": "high"}

    def _plan(self) -> bytes:
        cases = [f"case {self.findings}.{n}: zero, negative, huge" for n in range(3)]
        body = {"perspective": f"Perspective {self.cursor % 5}", "tests": cases}
        return json.dumps({"iteration": self.cursor, "timestamp": "2026-01-01T00:00:00", "analysis": body}).encode()

    def _expect(self, path: str, content: bytes) -> None:
        source = Source(dataset=ANALYSES, revision="a" * 40, path=path, blob_id=git_sha1(content))
        for found in read_record(Kind.ANALYSIS, json.loads(content), source).found:
            self.expected[item_id(found.repository, found.finding)] = found.finding.title


def _content(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=1).encode()
