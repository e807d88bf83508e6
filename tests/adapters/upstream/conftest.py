"""Machines that read the two upstream datasets of `hub_server`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.backlog import Backlog
from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.looks import Look
from flows.adapters.upstream import Upstream
from flows.settings import Settings

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
ANALYSIS = "autocoder/autocoder-analysis-results"
PLANS = "autocoder/autocoder-test-planning-results"
NOW = 1_800_000_000.0
TICK = 120.0


class Machine:
    """One home, and its view of the two datasets."""

    def __init__(self, home: Path, hub: Hub, settings: Settings) -> None:
        self.backlog = Backlog(home)
        self.upstream = Upstream(hub, self.backlog, settings)

    def look(self, item: str | None = None, now: float = NOW) -> Look:
        """What the next look finds."""
        return self.upstream.look(item, now)

    def waiting(self) -> list[str]:
        """Titles of the items that wait, in order."""
        return [item.finding.title for item in self.backlog.next(1_000, NOW + 1e6)]


Machines = Callable[..., Machine]


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Iterator[Machines]:
    """Makes a machine, by the name of its home, with these settings."""
    made: list[Machine] = []

    def make(home: str = "home", **settings: Any) -> Machine:
        made.append(Machine(tmp_path / home, hub, Settings(**settings)))
        return made[-1]

    yield make
    for one in made:
        one.backlog.close()


@pytest.fixture
def fleet(hub_server: LocalHub) -> LocalHub:
    """Both datasets as the siblings left them after twenty iterations."""
    hub_server.put(ANALYSIS, {path.name: path.read_bytes() for path in (FIXTURES / "analysis").iterdir()})
    hub_server.put(PLANS, {path.name: path.read_bytes() for path in (FIXTURES / "test_plans").iterdir()})
    return hub_server
