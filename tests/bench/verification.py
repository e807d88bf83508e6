"""A confined run of trusted tests, canaries and all, against bare pytest on the same files."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from flows.adapters.sandbox import choose
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.judging import Outcome
from flows.adapters.sandbox.testing import run_tests
from stages.errors import SandboxBroken
from tests.bench.table import Figure

SOLUTION = "import time\n\n\ndef slow(number, seconds):\n    time.sleep(seconds)\n    return number + 1\n"
TESTS = """import pytest
from solution import slow


@pytest.mark.parametrize("number", range(10))
def test_slow(number):
    assert slow(number, {each}) == number + 1
"""
NAME = "test_solution.py"


def verification(times: int, seconds: float, bound: float, *, canaries: bool) -> Iterator[Figure]:
    """The median of so many runs, in turn, of a suite whose ten tests take so long together. Raises SandboxBroken."""
    sandbox = choose()
    if isinstance(sandbox, str):
        raise SandboxBroken(sandbox)
    tests = TESTS.format(each=seconds / 10)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "solution.py").write_text(SOLUTION)
        (folder / NAME).write_text(tests)
        pairs = [
            (_took(lambda: _bare(folder)), _took(lambda: _confined(sandbox, folder, tests, canaries)))
            for _ in range(times)
        ]
    bare, confined = (median(column) for column in zip(*pairs, strict=True))
    what = "with its canary runs" if canaries else "its canary runs aside"
    raw = f"{confined:.2f} s; bare pytest {bare:.2f} s; medians of {times} pairs"
    yield Figure(f"tests of {seconds * 1000:.0f} ms: verified, {what} ÷ bare", confined / bare, bound, raw)


def _bare(folder: Path) -> None:
    argv = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", NAME]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def _confined(sandbox: Sandbox, folder: Path, tests: str, canaries: bool) -> None:
    run = run_tests(sandbox, folder, {NAME: tests}, home=("solution",), canaries=canaries)
    if run.outcome is not Outcome.PASSED:
        raise RuntimeError(f"the tests of the bench came to {run.outcome}: {run.reason}")


def _took(job: Callable[[], None]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began
