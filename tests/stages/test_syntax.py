"""Python's parser in many threads at once."""

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from stages.syntax import parse

TEXT = "y = [" + "f(1)," * 300 + "]\n" + "x = " + "-" * 40 + "1\n"


@pytest.fixture
def switching() -> Iterator[None]:
    """A collection every few objects, in which another thread comes to run."""

    def switch(phase: str, info: object) -> None:
        time.sleep(0)

    thresholds = gc.get_threshold()
    gc.callbacks.append(switch)
    gc.set_threshold(20)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(switch)


def test_threads_that_parse_at_once_do_not_fail_each_other(switching: None):
    with ThreadPoolExecutor(4) as pool:
        assert all(len(tree.body) == 2 for tree in pool.map(parse, [TEXT] * 8))
