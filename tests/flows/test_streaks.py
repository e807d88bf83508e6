"""Runs that fail one after the other are told by the last of them."""

import time
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Crashed, Failed, Running

from flows import streaks
from flows.implement import implement
from tests.adapters.faults import Faults, answer
from tests.flows.conftest import World, record


def told_of(run: UUID) -> list[list[str]]:
    """The states that the event about this last run tells of; the server writes events down a moment later."""
    asked = {"filter": {"event": {"name": [streaks.EVENT]}}}
    with get_client(sync_client=True) as prefect:
        for _ in range(100):
            events = prefect.request("POST", "/events/filter", json=asked).json()["events"]
            if found := [e["payload"]["runs"] for e in events if e["payload"]["runs"][0]["id"] == str(run)]:
                return [[each["state"] for each in runs] for runs in found]
            time.sleep(0.2)
    return []


def run_of(began: int, ended: int, state: State[None], never_began: bool = False) -> FlowRun:
    at = [datetime(2030, 5, 17, 10, minute, tzinfo=UTC) for minute in (began, ended)]
    times = {"expected_start_time" if never_began else "start_time": at[0], "end_time": at[1]}
    return FlowRun(flow_id=uuid4(), state=state, state_type=state.type, state_name=state.name, **times)


def test_runs_that_a_power_cut_ended_together_count_as_one():
    cut = [run_of(19, 21, Crashed(), never_began=True)] + [run_of(minute, 20, Crashed()) for minute in (18, 17, 15)]
    before = [run_of(10, 12, Failed()), run_of(7, 9, Failed()), run_of(3, 5, Failed())]
    assert [run.end_time.minute for run in streaks.one_after_the_other(cut + before)] == [21, 12, 9]
    assert [run.end_time.minute for run in streaks.one_after_the_other(cut)] == [21]


def test_one_that_did_its_work_beside_others_that_failed_ends_the_row():
    runs = [run_of(15, 20, Failed()), run_of(16, 18, Completed()), run_of(10, 12, Failed()), run_of(5, 8, Failed())]
    assert [streaks.is_reason(run) for run in streaks.one_after_the_other(runs)] == [False, True, True]


@pytest.mark.slow
def test_the_third_run_that_fails_tells_it(world: World, monkeypatch: pytest.MonkeyPatch):
    assert world.run().is_completed()
    monkeypatch.setenv("AUTOCODER_TRIES", "many")
    for _ in range(3):
        assert world.run().is_failed()
    last = world.last.state_details.flow_run_id
    assert last
    assert told_of(last) == [["Failed"] * 3]


@pytest.mark.slow
def test_three_that_were_closed_by_others_are_told_by_the_next_run_that_finds_work(world: World):
    with get_client(sync_client=True) as prefect:
        for _ in range(3):
            run = prefect.create_flow_run(implement, parameters={})
            prefect.set_flow_run_state(run.id, Running(), force=True)
            prefect.set_flow_run_state(run.id, Crashed(message="It has not been heard of."), force=True)
    world.publish(record("a"))
    assert world.run().name == "Published 1 of 1"
    assert told_of(run.id) == [["Crashed"] * 3]


@pytest.mark.slow
def test_three_runs_that_met_a_hub_that_is_away_are_told_by_nobody(world: World, faults: Faults):
    faults.on("GET /api/datasets/", answer(503), times=99)
    for _ in range(3):
        assert world.run().name == streaks.AWAY
    with get_client(sync_client=True) as prefect:
        assert not streaks.tell(prefect)
