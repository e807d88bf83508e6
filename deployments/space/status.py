"""What strangers may know of the worker: names and numbers of our own, and titles that public datasets have, too."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

import httpx2

from deployments.space.published import Published, Shelf
from deployments.space.server import SCHEDULED, Server, is_active
from flows.adapters.hub import Hub
from flows.adapters.redaction import without
from flows.addresses import scrub
from flows.settings import Settings

IMPLEMENT = {"flows": {"name": {"any_": ["implement"]}}}
LINES = 20
FRESH_S = 2.0
"""So long a look is good enough for the next visitor."""


class Line(NamedTuple):
    """Of the log: ISO-8601 UTC, and what happened."""

    at: str
    text: str


@dataclass(frozen=True)
class Status:
    """The page."""

    state: str
    explained: str
    published: Published = field(default_factory=Published)
    log: tuple[Line, ...] = ()
    datasets: tuple[tuple[str, str], ...] = ()
    """Name and address of each."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Lookout:
    """Looks for all visitors together."""

    def __init__(self, settings: Settings, server: Server) -> None:
        self._settings = settings
        self._server = server
        self._shelf = Shelf(Hub(settings.hub_address), settings.datasets[2], settings.datasets[0])
        self._last: Status | None = None
        self._until = 0.0
        self._one = asyncio.Lock()

    async def status(self) -> Status:
        """As of two seconds ago at most."""
        async with self._one:
            if self._last is None or time.monotonic() > self._until:
                self._last = await self._look()
                self._until = time.monotonic() + FRESH_S
            return self._last

    async def _look(self) -> Status:
        settings = self._settings
        if not settings.on_real_hub:
            return Status("Not running", MISSING)
        datasets = tuple((name, f"{settings.hub_address}/datasets/{name}") for name in settings.datasets)
        published = await self._shelf.look()
        try:
            state, log = await asyncio.gather(self._state(), self._log(published.titles_are_public))
        except httpx2.HTTPError:
            return Status("Starting", "The Prefect server does not answer yet.", published, (), datasets)
        return Status(*state, published, log, datasets)

    async def _state(self) -> tuple[str, str]:
        deployment = await self._server.ask(SCHEDULED)
        runs = await self._runs(["RUNNING"], "START_TIME_DESC", 5)
        return told(deployment, runs, await self._percent() if runs else None)

    async def _percent(self) -> float | None:
        query = {"artifacts": {"key": {"any_": ["progress"]}}, "sort": "CREATED_DESC", "limit": 1}
        found = await self._server.ask("/artifacts/filter", query)
        return found[0]["data"] if found else None

    async def _log(self, titles: bool) -> tuple[Line, ...]:
        states = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}
        tasks = {**IMPLEMENT, "task_runs": states, "sort": "END_TIME_DESC", "limit": LINES}
        items = {"artifacts": {"key": {"like_": "item-%"}}, "sort": "CREATED_DESC", "limit": LINES}
        found = await asyncio.gather(
            self._runs(["COMPLETED", "FAILED", "CRASHED"], "END_TIME_DESC", LINES),
            self._server.ask("/task_runs/filter", tasks),
            self._server.ask("/artifacts/filter", items),
        )
        lines = tail(*found, titles=titles)
        return tuple(Line(line.at, without(self._settings.secrets, scrub(line.text))) for line in lines)

    async def _runs(self, types: Sequence[str], sort: str, limit: int) -> list[dict[str, Any]]:
        query = {**IMPLEMENT, "flow_runs": {"state": {"type": {"any_": types}}}, "sort": sort, "limit": limit}
        runs: list[dict[str, Any]] = await self._server.ask("/flow_runs/filter", query)
        return runs


MISSING = (
    "The secret HF_TOKEN is missing: nothing is read, nothing is published. The owner of this Space adds it under "
    "Settings → Variables and secrets (a token with write access); the Space then starts anew by itself."
)


def told(deployment: dict[str, Any], runs: Sequence[Any], percent: float | None) -> tuple[str, str]:
    """Running or paused, and a sentence. `percent`: how far the run that is under way has come."""
    working = f"A run is under way: {percent or 0:.0f} %." if runs else ""
    if not is_active(deployment):
        return "Paused", f"The schedule is paused; nothing new begins. {working}".strip()
    return "Running", working or "Waiting for the next tick; one comes every 120 seconds."


def tail(
    runs: Iterable[dict[str, Any]], tasks: Iterable[dict[str, Any]], items: Iterable[dict[str, Any]], *, titles: bool
) -> list[Line]:
    """The newest lines, oldest first; without `titles` they hold no word of a finding: not everybody may read those."""
    lines = [Line(run["end_time"], f"run: {run['state']['name']}") for run in runs if run["end_time"]]
    for task in tasks:
        if task["end_time"] and task["name"] != "pull":  # it comes with every tick, also when there is nothing
            name = task["name"] if titles else task["name"].partition(" · ")[0]
            lines.append(Line(task["end_time"], name if task["state_type"] == "COMPLETED" else f"{name}: failed"))
    for item in items:
        outcome = item["description"] or ""
        lines.append(Line(item["created"], outcome if titles else " ".join(outcome.split()[:2])))
    lines.sort(key=lambda line: datetime.fromisoformat(line.at))
    last_of_each = [list(same)[-1] for _, same in groupby(lines, key=lambda line: line.text)]  # an idle hour is a line
    return last_of_each[-LINES:]
