"""The processes of compose.yaml, each killed in turn: every item is published once. Needs root and Debian's servers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.docker.debian import missing

pytest.importorskip("prefect_redis", reason="prefect-redis missing: `make ha` installs it")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]


def test_whatever_is_killed_every_item_is_published_once():
    command = [sys.executable, "-m", "deployments.docker.ha"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("an API server (api-1)", "a worker, with its run", "the background services", "Redis"):
        assert f"killed    {what}" in done.stdout
    assert "held      8 rows, each item once" in done.stdout
