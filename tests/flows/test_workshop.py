"""What a run leaves behind in its process."""

import gc
import os
import weakref
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from flows.opening import open_workshop
from stages.models import WorkItem
from tests.adapters.upstream_records import finding, tell_findings
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


async def test_two_runs_at_the_same_instant_do_not_take_the_same_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path))
    monkeypatch.setenv("AUTOCODER_WAITING_OUTCOMES", "1")
    async with open_workshop() as here, open_workshop() as there:
        tell_findings(here.backlog, finding("1"), finding("2"))
        other = ThreadPoolExecutor(1)
        taken: list[Future[list[WorkItem]]] = []

        def claim(ids: Iterable[str], limit: int) -> set[str]:
            """The other run looks for room when this one has seen some, and has not taken it yet."""
            taken.append(other.submit(there.take_up, 4, None))
            wait(taken, timeout=0.3)
            return take(ids, limit)

        take = here.claims.take
        monkeypatch.setattr(here.claims, "take", claim)
        assert len(here.take_up(4, None)) == 1
        assert taken[0].result() == []
        other.shutdown()


async def test_thoughts_of_what_was_begun_for_any_hub_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path))
    keys = []
    for number, hub in enumerate(("http://127.0.0.1:1", "http://127.0.0.1:2")):
        monkeypatch.setenv("AUTOCODER_LOCAL_HUB", hub)
        async with open_workshop() as shop:
            tell_findings(shop.backlog, finding(f"number {number}"))
            keys += [item.key for item in shop.backlog.next(1, 1e9)]
    thoughts = [tmp_path / "results" / key for key in (*keys, "decided-1")]
    for folder in thoughts:
        folder.mkdir(parents=True)
        os.utime(folder, (1, 1))
    async with open_workshop() as shop:
        (tmp_path / "at" / "damaged").mkdir()
        (tmp_path / "at" / "damaged" / "worker.db").mkdir()
        assert shop.closed() is None
    assert [folder.exists() for folder in thoughts] == [True, True, False]


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
