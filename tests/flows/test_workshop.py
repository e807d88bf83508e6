"""What a run leaves behind in its process."""

import gc
import weakref
from pathlib import Path

import pytest

from flows.opening import open_workshop
from tests.outcomes import small


class Loop:
    """Something that only a collection frees, as a client and its connections are."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_other_runs_work_on_takes_room_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path))
    monkeypatch.setenv("AUTOCODER_WAITING_OUTCOMES", "3")
    one, two = small(1), small(2)
    async with open_workshop() as here, open_workshop() as there:
        there.claims.take([one.item.id, two.item.id], limit=2)
        assert here.room() == 1
        there.outbox.put(one)
        assert here.room() == 1
        assert there.room() == 2


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
