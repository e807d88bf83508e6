"""Runs that fail one after the other are told by the last of them."""

import time

import pytest
from prefect.client.orchestration import get_client

from flows import streaks
from tests.flows.conftest import World


@pytest.mark.slow
def test_the_third_run_that_fails_tells_it(world: World, monkeypatch: pytest.MonkeyPatch):
    assert world.run().is_completed()
    monkeypatch.setenv("AUTOCODER_TRIES", "many")
    for _ in range(3):
        assert world.run().is_failed()
    last = world.last.state_details.flow_run_id
    asked = {"filter": {"event": {"name": [streaks.EVENT]}}}
    with get_client(sync_client=True) as prefect:
        for _ in range(100):  # the server writes events down a moment later
            told = [
                each["payload"]["runs"]
                for each in prefect.request("POST", "/events/filter", json=asked).json()["events"]
            ]
            if found := [runs for runs in told if runs[0]["id"] == str(last)]:
                break
            time.sleep(0.2)
    assert [[run["state"] for run in runs] for runs in found] == [["Failed"] * 3]
