"""Runs that fail one after the other are told by the last of them."""

import time
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Crashed, Running

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
