"""What is started together is stopped together, and nothing else."""

import os
import sys

import psutil
import pytest

from deployments.processes import Child, stop
from stages.errors import Permanent


def child(tmp_path, code: str, name: str = "The child") -> Child:
    made = Child(name, [sys.executable, "-c", code], tmp_path / "log", dict(os.environ))
    made.start()
    return made


def test_stopping_ends_what_the_child_started_even_in_a_session_of_its_own(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    parent = child(tmp_path, code)
    parent.wait_until(lambda: bool(parent.log.read_text()), 10)
    grandchild = int(parent.log.read_text())
    stop([parent])
    assert not psutil.pid_exists(parent.process.pid) or parent.process.poll() is not None
    assert not psutil.pid_exists(grandchild)


def test_stopping_what_has_ended_is_harmless(tmp_path):
    ended = child(tmp_path, "pass")
    ended.process.wait()
    stop([ended])


def test_a_child_that_ends_too_early_is_told_with_its_last_words(tmp_path):
    early = child(tmp_path, "raise SystemExit('port 1 is in use')")
    with pytest.raises(Permanent, match=r"ended \(exit code 1\)(.|\n)*port 1 is in use"):
        early.wait_until(lambda: False, 10)


def test_a_child_that_is_never_ready_is_told(tmp_path):
    slow = child(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(Permanent, match=r"The child was not ready after 0 s"):
        slow.wait_until(lambda: False, 0.1)
    stop([slow])
