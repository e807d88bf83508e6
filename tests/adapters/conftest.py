"""A Hub for every test that asks for one: real server, real folder, real client.

One server serves all tests, each of which finds its folder empty: stopping one takes 0.2 s.
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from tests.adapters.faults import Faults
from tests.outcomes import small
from tests.results import DATASET


@pytest.fixture
def faults(_faults: Faults) -> Faults:
    """What goes wrong at `hub_server` and `lfs_hub_server`, and what was asked of them."""
    _faults.forget()
    return _faults


@pytest.fixture
def hub_server(_hub_server: LocalHub, faults: Faults) -> LocalHub:
    """A local Hub over an empty folder."""
    rmtree(_hub_server.folder, ignore_errors=True)
    return _hub_server


@pytest.fixture
def lfs_hub_server(_lfs_hub_server: LocalHub, faults: Faults) -> LocalHub:
    """The same, with Parquet and large files going by LFS."""
    rmtree(_lfs_hub_server.folder, ignore_errors=True)
    return _lfs_hub_server


@pytest.fixture
def hub(hub_server: LocalHub) -> Hub:
    """The worker's client of `hub_server`."""
    return Hub(hub_server.address)


@pytest.fixture
def lfs_hub(lfs_hub_server: LocalHub) -> Hub:
    """The worker's client of `lfs_hub_server`."""
    return Hub(lfs_hub_server.address)


@pytest.fixture(scope="session")
def three_shards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a results dataset of 24 rows in three shards of 8, each with something seen."""
    with LocalHub(_folder(tmp_path_factory)) as server:
        results = Results(Hub(server.address), DATASET)
        for first in (1, 9, 17):
            seen = [{"path": f"iteration_{first}.json", "blob": "b"}]
            results.append([small(n) for n in range(first, first + 8)], seen)
        return server.files(DATASET)


@pytest.fixture(scope="session")
def _faults() -> Faults:
    return Faults()


@pytest.fixture(scope="session")
def _hub_server(tmp_path_factory: pytest.TempPathFactory, _faults: Faults) -> Iterator[LocalHub]:
    with LocalHub(_folder(tmp_path_factory), wrap=_faults) as server:
        yield server


@pytest.fixture(scope="session")
def _lfs_hub_server(tmp_path_factory: pytest.TempPathFactory, _faults: Faults) -> Iterator[LocalHub]:
    with LocalHub(_folder(tmp_path_factory), wrap=_faults, lfs=True) as server:
        yield server


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("hub") / "folder"
