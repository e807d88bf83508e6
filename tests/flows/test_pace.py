"""How a run spaces its calls, and what it writes of them."""

import asyncio

import pytest

from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import Answer, Call, Wire, refuses, says
from tests.flows.conftest import World, record

pytestmark = pytest.mark.slow


def test_as_many_calls_are_in_flight_as_the_settings_say(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_CALLS_IN_FLIGHT", "2")
    world.publish(record("a", "b", "c", "d"))
    now = most = 0

    async def answer(call: Call, wire: Wire) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.2)
        now -= 1
        await says(answer_for(call.step))(call, wire)

    world.odd["deep_understanding"] = lambda call: answer
    assert world.run().name == "Published 4 of 4"
    assert most == 2


def test_a_call_that_waits_for_its_next_try_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("AUTOCODER_CALLS_IN_FLIGHT", "1")
    world.publish(record("a", "b"))
    refused: list[str] = []

    def answer(call: Call) -> Answer | None:
        if refused:
            return None
        refused.append(call.item)
        return refuses(429, openai_error("slow down"), {"retry-after": "1"})

    world.odd["deep_understanding"] = answer
    assert world.run().name == "Published 2 of 2"
    first = [call.item for call in world.model.calls if call.step == "deep_understanding"]
    assert [item == refused[0] for item in first] == [True, False, True]
    written = "\n".join(caplog.messages)
    assert "Retry 1/4" in written
    assert "Finished in state Completed()" not in written, "the state of a task run says that already"
