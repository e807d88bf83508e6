"""`python -m flows.adapters.sandbox WORKDIR LIMITS.json`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from flows.adapters import sandbox
from flows.adapters.sandbox import choose
from flows.adapters.sandbox.__main__ import read_limits, verdict
from flows.adapters.sandbox.landlock import Landlock

LIMITS = {"wall_s": 20, "memory_mb": 512, "disk_mb": 64, "pids": 32, "output_kb": 64, "nofile": 128}


def verify(folder: Path, files: dict[str, str], limits: Any = LIMITS) -> dict[str, Any]:
    work = folder / "work"
    work.mkdir()
    for name, text in files.items():
        (work / name).write_text(text)
    (folder / "limits.json").write_text(json.dumps(limits))
    argv = [sys.executable, "-m", "flows.adapters.sandbox", str(work), str(folder / "limits.json")]
    ran = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert sorted(path.name for path in work.iterdir()) == sorted(files), "the folder stays as it is"
    (line,) = ran.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_a_folder_gets_one_line_of_verdict(tmp_path: Path) -> None:
    test = "from solution import f\ndef test_x():\n    open('made', 'w').close()\n    assert f() == 1\n"
    told = verify(tmp_path, {"solution.py": "def f(): return 1\n", "test_solution.py": test})
    assert told["verdict"] == "passed"
    assert told["tests"] == {"test_solution.py::test_x": "passed"}
    assert told["reason"] == ""


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_a_folder_without_a_solution_has_failed(tmp_path: Path) -> None:
    told = verify(tmp_path, {"test_solution.py": "from solution import f\ndef test_x(): assert f() == 1\n"})
    assert (told["verdict"], told["tests"]) == ("failed", {"test_solution.py::test_x": "error"})
    assert told["reason"] == "WORKDIR holds no solution.py."


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_what_a_solution_ships_comes_before_an_installed_package_of_that_name(tmp_path: Path) -> None:
    files = {"solution.py": "from rich import f\n", "rich.py": "def f(): return 1\n", "json.py": "none of Python's\n"}
    files |= {"test_solution.py": "\ufefffrom solution import f\ndef test_x(): assert f() == 1\n"}
    told = verify(tmp_path, files, {**LIMITS, "memory_mb": 512.0})
    assert (told["verdict"], told["reason"]) == ("passed", "")


def test_processor_time_is_enough_for_the_wall_time_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text('{"wall_s": 1000}')
    assert read_limits(tmp_path / "limits.json").cpu_s >= 1000
    (tmp_path / "limits.json").write_text('{"wall_s": 1000, "cpu_s": 5}')
    assert read_limits(tmp_path / "limits.json").cpu_s == 5


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_a_wrong_solution_has_failed_and_says_where(tmp_path: Path) -> None:
    test = "from solution import f\ndef test_x(): assert f() == 1\ndef test_y(): assert f() == 2\n"
    told = verify(tmp_path, {"solution.py": "def f(): return 2\n", "test_solution.py": test})
    assert told["verdict"] == "failed"
    assert told["tests"] == {"test_solution.py::test_x": "failed", "test_solution.py::test_y": "passed"}
    assert "test_x" in told["reason"]


@pytest.mark.slow
@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_a_solution_without_end_runs_out_of_time(tmp_path: Path) -> None:
    test = "from solution import f\ndef test_x(): assert f() == 1\n"
    files = {"solution.py": "def f():\n    while True: pass\n", "test_solution.py": test}
    told = verify(tmp_path, files, {**LIMITS, "wall_s": 1})
    assert told["verdict"] == "timeout"
    assert "wall time: 1 s" in told["reason"]


def test_without_a_sandbox_nothing_is_executed_and_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Landlock, "_abi", lambda self: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    sandbox._choose.cache_clear()
    (tmp_path / "test_solution.py").write_text("def test_x(): assert 1\n")
    (tmp_path / "limits.json").write_text("{}")
    run = verdict(tmp_path, tmp_path / "limits.json")
    sandbox._choose.cache_clear()
    assert (run.outcome, run.tests) == ("unverified", {})
    assert "apt-get install bubblewrap" in run.reason


@pytest.mark.parametrize(
    ("files", "limits", "reason"),
    [
        ({"solution.py": ""}, LIMITS, "test_solution.py"),
        ({"test_solution.py": "def test_x(: pass"}, LIMITS, "cannot be read"),
        ({"test_solution.py": f"def test_x():\n    x = {'not ' * 20000}1"}, LIMITS, "too deep"),
        ({"test_solution.py": f"def test_x():\n    assert {'1+' * 3000}1"}, LIMITS, "too deep"),
        ({"test_solution.py": "x = 1\0"}, LIMITS, "cannot be read"),
        ({"test_solution.py": "x = 1"}, LIMITS, "no tests"),
        ({"test_solution.py": "def test_x(): pass"}, {"wall": 3}, "wall_s"),
        ({"test_solution.py": "def test_x(): pass"}, {"wall_s": 0}, "wall_s"),
        (
            {"test_solution.py": "def test_x(): pass"},
            {"wall_s": float("inf")},
            "wall_s is inf: a number above 0 and at most",
        ),
        (
            {"test_solution.py": "def test_x(): pass"},
            {"cpu_s": float("nan")},
            "cpu_s is nan: a number above 0 and at most",
        ),
        ({"test_solution.py": "def test_x(): pass"}, {"nofile": 0.5}, "nofile is 0.5: a whole number above 0"),
        ({"test_solution.py": "def test_x(): pass"}, {"pids": float("inf")}, "pids is inf: a whole number above 0"),
        ({"test_solution.py": "def test_x(): pass"}, {"memory_mb": 10**30}, "memory_mb"),
        ({"test_solution.py": "def test_x(): pass"}, [], "an object"),
    ],
)
def test_what_cannot_be_run_is_an_error_that_says_why(
    tmp_path: Path, files: dict[str, str], limits: Any, reason: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "limits.json").write_text(json.dumps(limits))
    run = verdict(tmp_path, tmp_path / "limits.json")
    assert run.outcome == "error"
    assert reason in run.reason


def begun(folder: Path, until: str) -> "subprocess.Popen[bytes]":
    """The command line, once a folder for temporary files has that in its name."""
    (folder / "temporary").mkdir()
    (folder / "temporary").chmod(0o711)
    (folder / "test_solution.py").write_text("def test_x(): assert 1\n")
    (folder / "limits.json").write_text("{}")
    argv = [sys.executable, "-m", "flows.adapters.sandbox", str(folder), str(folder / "limits.json")]
    env = os.environ | {"TMPDIR": str(folder / "temporary")}
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=env)
    while not list((folder / "temporary").glob(f"*{until}*")):
        assert process.poll() is None, "it ended too early"
        time.sleep(0.005)
    return process


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
@pytest.mark.parametrize("until", ["canary", "self-test", "sandbox"])
def test_it_leaves_nothing_behind_when_it_is_terminated(place: Path, until: str) -> None:
    process = begun(place, until)
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    assert list((place / "temporary").iterdir()) == []


@pytest.mark.skipif(isinstance(choose(), str), reason="no sandbox here")
def test_what_it_left_when_it_was_killed_goes_with_the_next(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = begun(place, "self-test")
    process.kill()
    process.wait(20)
    assert list((place / "temporary").iterdir()), "something is left"
    monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
    sandbox._choose.cache_clear()
    assert not isinstance(choose(), str)
    assert list((place / "temporary").iterdir()) == []
