"""What a killed `make up` left is found again, and nothing else is taken for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deployments.leftovers import Started, leftovers
from deployments.processes import RESTARTS, Child, end
from stages.errors import Permanent


@pytest.fixture
def started(tmp_path: Path):
    made = Started(tmp_path / "up.json")
    yield made
    made.stop()


def child(folder: Path, name: str, code: str = "import time; time.sleep(60)") -> Child:
    return Child(name, [sys.executable, "-c", code], folder / "log", dict(os.environ))


def test_what_still_lives_is_found_the_last_first(started: Started, tmp_path: Path):
    for name in ("The Hub", "The server", "The worker"):
        started.start(child(tmp_path, name))
    end(started.children[1].identity)
    assert list(leftovers(started.record)) == ["The worker", "The Hub"]
    assert leftovers(started.record)["The Hub"].pid == started.children[0].process.pid


def test_a_later_process_of_the_same_id_is_left_alone(started: Started):
    ours = psutil.Process()
    started.record.write_text(json.dumps([["The Hub", ours.pid, ours.create_time() - 60]]))
    assert leftovers(started.record) == {}


def test_after_an_orderly_end_there_is_nothing_to_find(started: Started, tmp_path: Path):
    started.start(child(tmp_path, "The Hub"))
    assert leftovers(started.record)
    started.stop()
    assert not started.record.exists()
    assert leftovers(started.record) == {}


def test_one_that_has_ended_is_started_again_until_that_was_too_often(started: Started, tmp_path: Path):
    started.start(child(tmp_path, "The Hub"))
    started.start(child(tmp_path, "The server", "raise SystemExit('no space left')"))
    for _ in range(RESTARTS):
        started.children[1].process.wait()
        assert list(started.revive()) == ["restart   The server ended (exit code 1), and is started again"]
        assert json.loads(started.record.read_text())[1][1] == started.children[1].process.pid
    started.children[1].process.wait()
    with pytest.raises(Permanent, match=r"The server ended \(exit code 1\)(.|\n)*no space left"):
        list(started.revive())
    assert not started.children[0].ended


def test_who_dies_before_a_child_is_written_down_leaves_none(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from deployments.processes import Child\n"
        "child = Child('The Hub', [sys.executable, '-c', 'open(\"begun\", \"w\")'], Path('log'), dict(os.environ))\n"
        "child.start(lambda: (print(child.process.pid, flush=True), os.kill(os.getpid(), 9)))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    died = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=subprocess.PIPE, check=False)
    psutil.wait_procs([psutil.Process(pid) for pid in [int(died.stdout)] if psutil.pid_exists(pid)], timeout=10)
    assert died.returncode == -9
    assert not psutil.pid_exists(int(died.stdout)), "it has ended"
    assert not (tmp_path / "begun").exists()


def test_a_record_that_a_power_cut_emptied_tells_of_nothing(tmp_path: Path):
    (tmp_path / "up.json").touch()
    assert leftovers(tmp_path / "up.json") == {}
