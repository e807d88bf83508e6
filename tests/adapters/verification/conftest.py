"""A bench to verify on; without a confinement on this machine, these tests are skipped with the reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.adapters.sandbox import choose
from tests.adapters.verification import wheels
from tests.adapters.verification.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if isinstance(reason := choose(), str):
        pytest.skip(reason)
    return Bench(tmp_path)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of wheels, which is all that pip knows."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in wheels.FOR_PYTEST:
        wheels.repack(folder, name)
    wheels.make(folder, "planted", "1.0", "three = 3\n")
    wheels.make(folder, "planted", "2.0", "three = 4\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
