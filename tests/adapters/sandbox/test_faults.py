"""What is no fault of the code: a supervisor that dies, a machine without room, what the sandbox only pretends."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.base import Job
from flows.adapters.sandbox.identity import may_change
from flows.adapters.sandbox.landlock import Landlock
from flows.adapters.sandbox.testing import run_tests
from stages.errors import SandboxBroken
from tests.adapters.sandbox.test_run import processes, wait_until

pytestmark = pytest.mark.skipif(Landlock().self_test() is not None, reason="no Landlock here")
DETACHED = """
import ctypes, os, time
if os.fork() == 0:
    os.setsid()
    ctypes.CDLL(None).prctl(1, 0)  # no signal when its parent dies
    if os.fork() == 0: os.execvp("sleep", ["sleep", "MARK"])
    os._exit(0)
time.sleep(3600)
"""


@pytest.fixture
def work(place: Path) -> Path:
    made = place / "work"
    made.mkdir()
    return made


def python(work: Path, code: str, limits: Limits) -> ExecResult:
    return Landlock().run([sys.executable, "-I", "-S", "-c", code], work, limits=limits)


@pytest.mark.parametrize("killed", ["supervisor", "keeper"])
def test_nothing_survives_the_death_of_the_supervisor(killed: str, work: Path) -> None:
    mark = str(10**9 + 2 * os.getpid() + (killed == "keeper"))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(python, work, DETACHED.replace("MARK", mark), Limits(wall_s=60))
        wait_until(lambda: bool(processes(mark)))
        (keeper,) = [child for child in psutil.Process().children() if "start.py" in " ".join(child.cmdline())]
        (keeper if killed == "keeper" else keeper.children()[0]).kill()
        with pytest.raises(SandboxBroken, match="without a reply"):
            running.result(30)
        wait_until(lambda: not processes(mark))


def test_a_run_needs_the_room_that_it_may_use(work: Path) -> None:
    with pytest.raises(SandboxBroken, match="MB left"):
        python(work, "", Limits(disk_mb=10**9))


FULL_DISK = """
import pathlib, subprocess, sys, threading
from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.landlock import Landlock
disk = pathlib.Path(sys.argv[1])
(disk / "work").mkdir()
others = f"with open('{disk}/others', 'wb') as file:\\n  while True: file.write(b'x' * 65536)"
fill = lambda: subprocess.run([sys.executable, "-c", others], stderr=subprocess.DEVNULL)
threading.Timer(1, fill).start()
program = "import time\\ntime.sleep(5)\\nfor n in range(8): open(f'{n}', 'wb').write(b'x' * (1 << 20))"
Landlock().run([sys.executable, "-I", "-S", "-c", program], disk / "work", limits=Limits(disk_mb=10))
"""


@pytest.mark.slow
@pytest.mark.skipif(not may_change(), reason="only root can mount a small disk")
def test_a_disk_that_others_fill_is_no_fault_of_what_is_run(place: Path) -> None:
    (place / "disk").mkdir()
    script = 'mount -t tmpfs -o size=20m,mode=755 none "$1" && exec "$0" -c "$2" "$1"'
    argv = ["unshare", "--mount", "sh", "-c", script, sys.executable, str(place / "disk"), FULL_DISK]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "SandboxBroken" in ran.stderr
    assert "no space left on the machine" in ran.stderr


class WithoutMounts(Landlock):
    """As in a container that may not mount anything."""

    def order(self, job: Job) -> dict[str, Any]:
        return super().order(job) | {"shared_memory": False}


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("os.utime('file', (1, 1)); assert os.stat('file').st_mtime == 1", "pretended"),
        ("__import__('multiprocessing').Lock()", "shared memory"),
    ],
)
def test_what_is_not_given_is_named(code: str, limit: str, work: Path) -> None:
    (work / "file").touch()
    test = f"import os\ndef test_it():\n    {code}\ndef test_other(): assert 1\n"
    run = run_tests(WithoutMounts(), work, {"test_it.py": test}, canaries=False)
    assert run.outcome == "unverified", run
    assert limit in run.reason


def test_times_that_are_pretended_excuse_no_other_test(work: Path) -> None:
    (work / "file").touch()
    test = "import os\ndef test_it(): os.utime('file', (1, 1))\ndef test_other(): assert 1 == 2\n"
    assert run_tests(WithoutMounts(), work, {"test_it.py": test}, canaries=False).outcome == "failed"


def test_shared_memory_is_empty_in_each_run_of_a_session(work: Path) -> None:
    code = """import os
def test_it():
    made = os.open("/dev/shm/left", os.O_CREAT | os.O_EXCL)
    assert made and not os.chmod("/dev/shm", 0o700) and 1
"""
    run = run_tests(Landlock(), work, {"test_it.py": code})
    assert run.outcome in ("passed", "unverified"), run
    assert "FileExistsError" not in f"{run.messages}"
