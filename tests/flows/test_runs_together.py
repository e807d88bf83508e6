"""Two runs at once are harmless, whatever the scheduler promises."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows import policy
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import refuses
from tests.flows.conftest import World, record


def test_two_runs_of_one_home_share_the_items_and_double_no_row(world: World):
    from flows.implement import implement

    world.publish(record("a", "b", "c", "d"))

    async def both() -> list[Any]:
        return await asyncio.gather(implement(limit=3, return_state=True), implement(limit=3, return_state=True))

    with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: world.home / "results"}):
        states = asyncio.run(both())
    assert all(state.is_completed() for state in states)
    rows = world.rows()
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    assert sorted(row["work_item"]["finding"]["title"] for row in rows) == ["a", "b", "c", "d"]
    asked = Counter((call.item, call.step) for call in world.model.calls)
    assert set(asked.values()) == {1}


@pytest.mark.slow
def test_two_workers_of_two_homes_double_no_row_and_leave_no_gap(world: World, tmp_path: Path):
    world.publish(record(*"abcd"))

    def begin(home: str) -> "subprocess.Popen[str]":
        env = {**os.environ, "AUTOCODER_HOME": str(tmp_path / home), "PREFECT_API_URL": PREFECT_API_URL.value() or ""}
        argv = [sys.executable, "-m", "flows.implement", "--once", "--limit", "2"]
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    for _ in range(2):
        for process in [begin("one"), begin("two")]:
            said, _ = process.communicate(timeout=300)
            assert process.returncode == 0, said
    rows = world.rows()
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    assert sorted(row["work_item"]["finding"]["title"] for row in rows) == ["a", "b", "c", "d"]


@pytest.mark.slow
def test_what_may_pass_is_tried_again_at_the_pace_that_is_asked_for(world: World):
    world.publish(record("a"))
    first = iter([True])
    world.odd["risk_analysis"] = lambda call: (
        refuses(429, openai_error("slow down"), {"retry-after": "1"}) if next(first, False) else None
    )
    assert world.run().name == "Published 1 of 1"
    times = Counter(world.asked())
    assert times["risk_analysis"] == 2
    assert times["draft"] == 1


@pytest.mark.slow
def test_an_endpoint_that_fails_again_and_again_is_left_alone_and_every_item_keeps_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_FAILURES", "6")
    monkeypatch.setattr(policy, "_named", lambda name: policy._stored.with_options(name=name, retry_delay_seconds=0))
    world.publish(record(*"abc"))
    world.odd["deep_understanding"] = lambda call: refuses(503, openai_error("overloaded"))
    state = world.run(limit=3)
    assert state.is_failed()
    assert "failed again and again and is left alone until" in (state.message or "")
    assert 6 <= len(world.asked()) <= 6 + 3, "those under way when it opened, and no more"
    rests = world.run(limit=3)
    assert (rests.name, world.asked()) == ("Resting", [])
    (kept,) = (world.home / "breakers").iterdir()
    kept.write_text(kept.read_text().replace('"until": ', '"until": 0, "was": '))
    world.odd.clear()
    assert world.run(limit=3).name == "Published 3 of 3"


@pytest.mark.slow
def test_an_outage_that_meets_one_item_alone_opens_the_breaker_and_eats_nothing_of_its_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    monkeypatch.setenv("AUTOCODER_FAILURES", "12")
    monkeypatch.setenv("AUTOCODER_REST_MINUTES", "0.00001")
    monkeypatch.setenv("AUTOCODER_TOKENS_PER_ITEM", "60000")
    monkeypatch.setattr(policy, "_named", lambda name: policy._stored.with_options(name=name, retry_delay_seconds=0))
    world.publish(record("a"))
    world.odd["deep_understanding"] = lambda call: refuses(504, openai_error("the gateway lost patience"))
    said = ""
    while "bound on spending per item" not in said or "is left alone by it until" not in said:
        state = world.run()
        assert "Set aside" not in (state.message or "")
        said += state.message or ""
    world.odd.clear()
    while (state := world.run()).name != "Published 1 of 1":
        assert "Set aside" not in (state.message or "")
    assert world.rows()[0]["verdict"]["grade"] == "applies"


@pytest.mark.slow
def test_an_item_that_alone_gets_no_answer_is_set_aside_once_others_have_come_and_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    monkeypatch.setenv("AUTOCODER_TRIES", "2")
    monkeypatch.setattr(policy, "_named", lambda name: policy._stored.with_options(name=name, retry_delay_seconds=0))
    world.publish(record("bad"))
    world.odd["deep_understanding"] = lambda call: (
        refuses(503, openai_error("overloaded")) if "bad in full" in call.prompt else None
    )
    for _ in range(3):
        assert (world.run().name, len(world.asked())) == ("Away", 5), "the endpoint may be down"
    for other in ("good", "better"):
        world.publish(record(other, severity="critical"))
        assert world.run(limit=1).name == "Published 1 of 1"
        world.run(limit=1)
    good, better, bad = world.rows()
    assert bad["verdict"]["reason"].startswith("Set aside after 2 tries")
    assert [row["work_item"]["finding"]["title"] for row in (good, better, bad)] == ["good", "better", "bad"]


def test_what_wont_pass_is_not_tried_again(world: World):
    world.publish(record("a"))
    world.odd["risk_analysis"] = lambda call: refuses(400, openai_error("This model's maximum context length is 10"))
    world.run()
    assert Counter(world.asked())["risk_analysis"] == 1
