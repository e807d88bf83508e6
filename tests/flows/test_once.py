"""`python -m flows.implement --once`: one run without a deployment."""

import os
import subprocess
import sys

from flows.adapters.local_hub import LocalHub
from tests.flows.conftest import World, record


def once(world: World, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.implement", "--once", *flags], capture_output=True, text=True, timeout=200
    )


def test_a_run_publishes_and_ends_with_0(world: World):
    world.publish(record("a", "b"))
    done = once(world, "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "writes    autocoder/autocoder-implementation-results" in done.stdout
    assert "Published 1 of 1: " in done.stdout
    assert len(world.rows()) == 1


def test_a_worker_that_cannot_work_says_why_and_ends_with_1(world: World, monkeypatch):
    world.publish(record("a"))
    done = once(world, "--item", "ffff")
    assert done.returncode == 1
    assert "There is no work item 'ffff'" in done.stdout


def test_a_wrong_setting_is_a_sentence_and_no_traceback(world: World, monkeypatch):
    monkeypatch.setenv("AUTOCODER_TRIES", "none")
    done = once(world)
    assert done.returncode == 1
    assert "AUTOCODER_TRIES: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hub_that_is_not_there_is_a_sentence_and_no_traceback(world: World, monkeypatch, tmp_path):
    with LocalHub(tmp_path / "hub") as gone:
        monkeypatch.setenv("AUTOCODER_LOCAL_HUB", gone.address)
    done = once(world)
    assert done.returncode == 1
    assert gone.address in done.stderr
    assert "Traceback" not in done.stderr
    assert os.environ["AUTOCODER_LOCAL_HUB"] == gone.address


def test_a_prefect_server_that_is_not_there_is_a_sentence_at_once(world: World, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    done = once(world)
    assert done.returncode == 1
    assert "No Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api." in done.stderr
