"""A bench to verify on; without a confinement on this machine, these tests are skipped with the reason."""

from pathlib import Path

import pytest

from flows.adapters.sandbox import choose
from tests.adapters.verification.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if isinstance(reason := choose(), str):
        pytest.skip(reason)
    return Bench(tmp_path)
