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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay together, and all tests that want a Prefect server: one is enough for them."""
    for item in items:
        wants_server = "prefect_server" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("prefect" if wants_server else str(item.path)))


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server for all tests of this process that want one: a second would take the first one's events."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
