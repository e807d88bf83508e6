"""A Hub for every test that asks for one: real server, real folder, real client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from tests.adapters.faults import Faults


@pytest.fixture
def faults() -> Faults:
    """What goes wrong at `hub_server`, and what was asked of it."""
    return Faults()


@pytest.fixture
def hub_server(tmp_path: Path, faults: Faults) -> Iterator[LocalHub]:
    """A local Hub over an empty folder, at a free port."""
    with LocalHub(tmp_path / "hub", wrap=faults) as server:
        yield server


@pytest.fixture
def hub(hub_server: LocalHub) -> Hub:
    """The worker's client of `hub_server`."""
    return Hub(hub_server.address)
