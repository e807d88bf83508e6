"""What a run leaves behind in its process."""

import gc
import weakref
from pathlib import Path

import pytest

from flows.workshop import open_workshop


class Loop:
    """Something that only a collection frees, as a client and its connections are."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_is_left_between_two_runs_of_a_process_is_freed_in_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path))
    async with open_workshop():
        pass
    left = Loop()
    gone = weakref.ref(left)
    del left
    async with open_workshop():
        gc.collect(1)  # the young ones, as it happens all the time
    assert gone() is None
