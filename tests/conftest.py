"""Before anything of ours is imported: no variable of this machine reaches a test, and no test this checkout's home."""

import os
import tempfile
from collections.abc import Iterator

import pytest

for _name in list(os.environ):
    if _name.startswith(("AUTOCODER_", "HF_", "OPENAI_", "PREFECT_")):
        del os.environ[_name]

_home = tempfile.TemporaryDirectory(prefix="autocoder-tests-")
os.environ["AUTOCODER_HOME"] = _home.name
os.environ["HF_HOME"] = f"{_home.name}/hf"
os.environ["PREFECT_HOME"] = f"{_home.name}/prefect"

import flows  # noqa: E402, F401  # fills in what Prefect and huggingface_hub read at their import


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server for all tests of this process that want one: a second would take the first one's events."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
