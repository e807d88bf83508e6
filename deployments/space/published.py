"""What the results dataset shows to everybody: asked for without a token, so that nothing private becomes public."""

import asyncio
import json
import time
from dataclasses import dataclass, replace

from flows.adapters.hub import Hub, Missing
from flows.adapters.ledger import WORKER, read_worker
from stages.errors import WorkerError

EVERY_S = 4.0
"""Between two looks, while anybody looks at the page at all: each time that it comes anew, after 5 s, it is up to date.

A look is two small requests; the Hub allows 500 anonymous ones in five minutes.
"""
LARGEST = 8 << 20
"""Bytes of `latest.json` that are read."""


@dataclass(frozen=True)
class Row:
    """The newest row."""

    iteration: int
    timestamp: str
    title: str
    grade: str


@dataclass(frozen=True)
class Published:
    """The dataset at its head."""

    is_public: bool = False
    head: str = ""
    iterations: int = 0
    verdicts: tuple[tuple[str, int], ...] = ()
    newest: Row | None = None
    titles_are_public: bool = False
    """Those of findings without a row, too: the dataset that they come from is open to everybody as well."""


class Shelf:
    """Reads the dataset now and then; `source` is the one that its findings come from."""

    def __init__(self, hub: Hub, dataset: str, source: str) -> None:
        self._hub = hub
        self._dataset = dataset
        self._source = source
        self._known = Published()
        self._asked = -EVERY_S
        self._one = asyncio.Lock()

    async def look(self) -> Published:
        """What is published, as of some seconds ago; as it was last while the Hub is away."""
        async with self._one:
            if time.monotonic() - self._asked >= EVERY_S:
                self._known = await asyncio.to_thread(self._read)
                self._asked = time.monotonic()
        return self._known

    def _read(self) -> Published:
        try:
            head = self._open_head(self._dataset)
            if not head:
                return Published()
            known = self._known if head == self._known.head else self._at(head)
            return replace(known, titles_are_public=bool(self._open_head(self._source)))
        except WorkerError:
            return self._known

    def _open_head(self, dataset: str) -> str:
        """The dataset's commit; empty where it is not there, or not open to everybody. Raises WorkerError."""
        try:
            info = self._hub.info(dataset)
        except Missing:  # nothing yet, or private
            return ""
        return "" if info.private or info.gated else info.sha

    def _at(self, head: str) -> Published:
        found = Published(is_public=True, head=head)
        there = {entry.path for entry in self._hub.entries(self._dataset, head, [WORKER, "latest.json"])}
        if WORKER in there and (worker := read_worker(self._hub.read(self._dataset, head, WORKER), self._dataset)):
            found = replace(found, iterations=worker.next - 1, verdicts=tuple(sorted(worker.verdicts.items())))
        if "latest.json" in there:
            found = replace(found, newest=row(self._hub.read(self._dataset, head, "latest.json", LARGEST)))
        return found


def row(latest: bytes) -> Row | None:
    """The row of `latest.json`; None for what another program wrote there."""
    try:
        said = json.loads(latest)
        title = said["work_item"]["finding"]["title"]
        return Row(int(said["iteration"]), str(said["timestamp"]), str(title), str(said["verdict"]["grade"]))
    except (ValueError, KeyError, TypeError):
        return None
