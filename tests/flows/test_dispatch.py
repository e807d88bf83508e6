"""Items handed to runs of their own: each once, published by a later tick in one commit, whatever dies."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from threading import Event

import pytest
from prefect.filesystems import RemoteFileSystem
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect.states import Crashed, Running

from flows import item_runs
from flows.adapters.spending import Spending
from stages.models import Usage
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import refuses
from tests.adapters.faults import Faults, answer
from tests.flows.conftest import World, record
from tests.flows.pool import Pool, another_machine, pool


@pytest.fixture
def shared(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    monkeypatch.setenv("AUTOCODER_SCALE", "2")
    with pool(world) as made:
        yield made


def asked_once(world: World) -> bool:
    """Whether no question was put to the model twice."""
    return set(Counter((call.item, call.step) for call in world.model.calls).values()) == {1}


def titles(world: World) -> list[str]:
    return sorted(row["work_item"]["finding"]["title"] for row in world.rows())


def test_items_are_handed_out_worked_on_by_others_and_published_by_a_later_tick(world: World, shared: Pool):
    world.publish(record("a", "b", "c"))
    first = shared.tick()
    assert (first.name, [run.name for run in shared.waiting()]) == ("Under way", ["a", "b"])
    assert shared.tick().message == "2 items are worked on by item runs; 0 of them were handed out now."
    assert world.asked() == [], "a dispatcher asks no model"
    world.requests.clear()
    assert {state.name for state in shared.work()} == {"Applies"}
    assert world.requests == [], "an item run has no business with the Hub"
    assert shared.tick().name == "Published 2 of 2"
    assert [run.name for run in shared.waiting()] == ["c"]
    shared.work()
    assert shared.tick().name == "Published 1 of 1"
    assert shared.tick().name == "Idle"
    assert [row["iteration"] for row in world.rows()] == [1, 2, 3]
    assert titles(world) == ["a", "b", "c"]
    assert asked_once(world)
    assert shared.handed_out() == ["spent.json"], "what is published is forgotten"
    assert not any(tag.startswith("handed-out") for run in shared.runs() for tag in run.tags)


@pytest.mark.slow
def test_a_dead_item_run_is_handed_out_again_and_nothing_is_paid_for_twice(world: World, shared: Pool):
    world.publish(record("a"))
    shared.tick()
    (run,) = shared.waiting()
    shared.end(run, Running())
    assert shared.tick().name == "Under way"
    shared.end(run, Crashed(message="Its process died."))
    assert shared.tick().name == "Under way"
    assert [run.parameters["number"] for run in shared.runs()] == [1, 2]
    shared.work()
    assert shared.tick().name == "Published 1 of 1"
    assert asked_once(world)
    assert shared.handed_out() == ["spent.json"]


@pytest.mark.slow
def test_an_item_run_that_was_closed_too_early_and_its_successor_ask_nothing_twice(world: World, shared: Pool):
    world.publish(record("a"))
    shared.tick()
    (first,) = shared.waiting()
    shared.end(first, Crashed(message="It has not been heard of."))
    shared.tick()
    (second,) = shared.waiting()
    assert {state.name for state in shared.work(first, second)} == {"Applies"}
    assert asked_once(world)
    assert shared.tick().name == "Published 1 of 1"


@pytest.mark.slow
def test_a_tick_commits_once_while_item_runs_spend(world: World, shared: Pool):
    world.publish(record("a", "b", "c"))
    shared.tick()
    shared.work()
    spending, ended = Spending(world.home, {}, run="another"), Event()

    def spend() -> None:
        while not ended.wait(0.005):
            spending.settle(spending.reserve("0" * 16, Usage()), Usage(prompt_tokens=1))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(spend)
        world.requests.clear()
        assert shared.tick().name == "Published 2 of 2"
        assert len([asked for asked in world.requests if "/commit/" in asked]) == 1
        ended.set()
    spending.close()


@pytest.mark.slow
def test_two_dispatchers_of_two_homes_hand_nothing_out_twice(world: World, shared: Pool, tmp_path: Path):
    world.publish(record("a", "b", "c"))
    shared.tick()
    with another_machine(str(tmp_path / "other")):
        assert shared.tick().message == "2 items are worked on by item runs; 0 of them were handed out now."
        shared.work(shared.waiting()[0])
    shared.work(shared.waiting()[0])
    with another_machine(str(tmp_path / "other")):
        assert shared.tick().name == "Published 2 of 2"
        shared.work()
    assert shared.tick().name == "Published 1 of 1"
    assert titles(world) == ["a", "b", "c"]
    assert [run.parameters["number"] for run in shared.runs()] == [1, 1, 1]
    assert asked_once(world)


@pytest.mark.slow
def test_results_travel_through_a_storage_block(world: World, shared: Pool):
    block = RemoteFileSystem(basepath="memory://bucket")
    block.save("ours", overwrite=True, _sync=True)
    world.publish(record("a", "b"))
    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: "remote-file-system/ours"}):
        shared.tick()
        shared.work()
        assert shared.tick().name == "Published 2 of 2"
    kept = [PurePath(path).parts[2:] for path in block.filesystem.find("/bucket")]
    assert {folder for folder, *_ in kept} == {"handed-out", *(row["id"] for row in world.rows())}
    assert [name for folder, *_, name in kept if folder == "handed-out"] == ["spent.json"]
    assert not (world.home / "results").exists()


@pytest.mark.slow
def test_an_outcome_that_a_tick_could_not_publish_is_published_by_another_machine(
    world: World, shared: Pool, faults: Faults, tmp_path: Path
):
    world.publish(record("a"))
    shared.tick()
    shared.work()
    faults.on(r"POST .*/commit/", answer(403), times=1)
    assert shared.tick().is_failed()
    with another_machine(str(tmp_path / "other")):
        assert shared.tick().name == "Published 1 of 1"
    assert titles(world) == ["a"]


@pytest.mark.slow
def test_an_item_whose_runs_die_again_and_again_counts_as_one_that_broke_off(
    world: World, shared: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_TRIES", "2")
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    world.publish(record("a"))
    shared.tick()
    for _ in range(3):
        (run,) = shared.waiting()
        shared.end(run, Crashed(message="Killed."))
        last = shared.tick()
    assert last.name == "Published 1 of 1"
    assert [run.parameters["number"] for run in shared.runs()] == [1, 2, 3]
    (row,) = world.rows()
    assert "Set aside after 2 tries" in row["verdict"]["reason"]
    assert "ended without a word, the last of 3 (Crashed: Killed.)" in row["verdict"]["reason"]


@pytest.mark.slow
def test_an_item_is_handed_out_anew_however_many_runs_there_were(
    world: World, shared: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(item_runs, "PAGE", 2)
    monkeypatch.setenv("AUTOCODER_TRIES", "9")
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    world.publish(record("a", "b"))
    for number in range(1, 5):
        shared.tick()
        waiting = shared.waiting()
        assert [run.parameters["number"] for run in waiting] == [number, number]
        for run in waiting:
            shared.end(run, Crashed(message="Killed."))


@pytest.mark.slow
def test_no_more_is_handed_out_than_may_wait_on_disk(world: World, shared: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_SCALE", "4")
    monkeypatch.setenv("AUTOCODER_WAITING_OUTCOMES", "3")
    world.publish(record("a", "b", "c", "d"))
    for _ in range(2):
        shared.tick()
        assert len(shared.waiting()) == 3
    shared.work()
    assert shared.tick().name == "Published 3 of 3"
    assert len(shared.waiting()) == 1


@pytest.mark.slow
def test_what_was_thought_before_an_item_broke_off_stands_in_the_row_that_sets_it_aside(
    world: World, shared: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_TRIES", "1")
    world.publish(record("a"))
    world.odd["risk_analysis"] = lambda call: refuses(400, openai_error("This model's maximum context length is 10"))
    shared.tick()
    (state,) = shared.work()
    assert state.name == "Broke off"
    assert shared.tick().name == "Published 1 of 1"
    (row,) = world.rows()
    assert row["verdict"]["grade"] == "unverified"
    assert row["deep_understanding"]["real_problem"]
    assert row["usage"]["requests"] >= 3


@pytest.mark.slow
def test_a_bound_on_the_day_holds_for_all_together(
    world: World, shared: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_TOKENS_PER_DAY", "1000")
    world.publish(record("a", "b", "c"))
    shared.tick()
    with another_machine(str(tmp_path / "other")):
        states = shared.work()
    assert {state.name for state in states} == {"Broke off"}
    assert shared.tick().name == "Budget", "this home spent nothing; the other told of it"
    assert shared.waiting() == []
    with another_machine(str(tmp_path / "third")):
        assert shared.tick().name == "Budget"
    assert shared.waiting() == []


@pytest.mark.slow
def test_one_item_whose_repository_is_not_to_be_had_keeps_none_back(world: World, shared: Pool):
    world.publish(record("a") | {"repository": "http://127.0.0.1:9/none.git"}, record("b"))
    assert "none.git" in (shared.tick().message or "")
    assert [run.name for run in shared.waiting()] == ["b"]


@pytest.mark.slow
def test_a_person_who_asks_for_one_item_is_served_by_the_run_itself(world: World, shared: Pool):
    world.publish(record("a"))
    shared.tick()
    (run,) = shared.waiting()
    assert world.run(item=run.parameters["key"][:16]).name == "Published 1 of 1"
    world.asked()
    assert [state.name for state in shared.work(run)] == ["Ended before"]
    assert world.asked() == []
    assert shared.tick().name == "Idle"
    assert len(shared.runs()) == 1
