"""What the results dataset shows to everybody: asked for without a token, so that nothing private becomes public."""

import asyncio
import json
import time
from dataclasses import dataclass, replace

from flows.adapters.hub import Hub, Missing
from flows.adapters.ledger import WORKER, read_worker
from stages.errors import WorkerError

EVERY_S = 15.0
"""Between two looks, while anybody looks at the page at all; the Hub allows 500 anonymous requests in five minutes."""
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


class Shelf:
    """Reads the dataset now and then."""

    def __init__(self, hub: Hub, dataset: str) -> None:
        self._hub = hub
        self._dataset = dataset
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
            info = self._hub.info(self._dataset)
            if info.private or info.gated:
                return Published()
            return self._known if info.sha == self._known.head else self._at(info.sha)
        except Missing:  # nothing yet, or private
            return Published()
        except WorkerError:
            return self._known

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
