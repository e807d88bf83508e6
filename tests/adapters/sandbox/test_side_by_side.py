"""Two runs of one user at the same time: neither takes the other's processes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.landlock import Landlock
from flows.adapters.sandbox.testing import run_tests

CODE = """
import threading, time
def together(count):
    time.sleep(3)  # by now the other run has begun, too, and neither has more than a thread or two
    ready = threading.Barrier(count + 1)
    threads = [threading.Thread(target=ready.wait, args=(8,)) for _ in range(count)]
    for thread in threads: thread.start()
    time.sleep(3)
    ready.wait(8)
    for thread in threads: thread.join()
    return count
"""
TESTS = """
from solution import together
def test_together(): assert together(40) == 40
"""


@pytest.mark.slow
def test_two_runs_side_by_side_start_all_the_threads_that_each_may(place: Path) -> None:
    sandbox = Landlock()
    if reason := sandbox.self_test():
        pytest.skip(reason)
    limits = Limits(wall_s=30.0, pids=60)

    def verified(name: str) -> str:
        code = place / name
        code.mkdir()
        (code / "solution.py").write_text(CODE)
        run = run_tests(sandbox, code, {"test_solution.py": TESTS}, limits, home=("solution",))
        return f"{run.outcome} {run.reason}"

    with ThreadPoolExecutor(2) as pool:
        assert [said.split()[0] for said in pool.map(verified, ("one", "two"))] == ["passed", "passed"]
