"""Runs of the flow, on the real engine, from two upstream datasets to a commit."""

import json
import os
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from prefect import task
from prefect.client.orchestration import get_client
from prefect.states import Running

from flows import policy
from flows.adapters.endpoint import Endpoint
from flows.adapters.local_hub import LocalHub
from flows.adapters.spending import Spending
from stages.models import Usage
from stages.outcome import STAGES
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import refuses, says
from tests.adapters.faults import Faults, answer
from tests.flows.conftest import TOKEN, World, record
from tests.results import DATASET

SIX = [stage.step for stage in STAGES]


def test_findings_become_rows_by_six_named_thoughts_each(world: World):
    world.publish(record("Rounding loses a cent", "No time zone"))
    world.odd["draft"] = lambda call: says(answer_for("draft", call.prompt, call.item))
    assert world.run().name == "Published 2 of 2"
    rows = world.rows()
    assert [row["iteration"] for row in rows] == [1, 2]
    assert {row["work_item"]["finding"]["title"] for row in rows} == {"Rounding loses a cent", "No time zone"}
    assert all(row["deep_understanding"] and row["implementation"] and row["tests"] for row in rows)
    names = [run.name for run in world.task_runs()]
    for title in ("Rounding loses a cent", "No time zone"):
        for verb in (*(stage.title for stage in STAGES), "write", "verify"):
            assert f"{verb} · {title}" in names
    assert names.count("pull") == 1
    assert "publish · 2 outcomes" in names
    assert world.last.name == "Published 2 of 2"


def test_a_second_run_has_nothing_to_do_and_asks_the_hub_three_times(world: World):
    world.publish(record("a"), plans=[{"perspective_name": "Edge Case Analysis", "analysis": {"tests": ["test_a()"]}}])
    world.run()
    world.asked()
    state = world.run()
    assert (state.name, state.message) == ("Idle", "Nothing waits: every work item has an outcome.")
    assert len(world.requests) == 3
    assert world.asked() == []
    assert world.artifacts() == []


def test_what_was_thought_before_a_failure_is_not_asked_again(world: World):
    world.publish(record("a"))
    world.odd["draft"] = lambda call: refuses(401, openai_error("Incorrect API key provided"))
    state = world.run()
    assert state.is_failed()
    assert "401" in (state.message or "") or "key" in (state.message or "")
    assert sorted(world.asked()) == sorted([*SIX, "draft"])
    del world.odd["draft"]
    assert world.run().name == "Published 1 of 1"
    assert world.asked() == ["draft"]
    assert {r.state_name for r in world.task_runs() if r.name.startswith("Deep")} == {"Cached"}


def think_it_through(world: World) -> None:
    """A run that has the six thoughts of an item, and no draft."""
    world.publish(record("a"))
    world.odd["draft"] = lambda call: refuses(401, openai_error("no"))
    world.run()
    world.asked()


@pytest.mark.slow
def test_a_changed_model_asks_again(world: World, monkeypatch: pytest.MonkeyPatch):
    think_it_through(world)
    monkeypatch.setenv("AUTOCODER_MODEL", "fake-2")
    world.odd.clear()
    world.run()
    assert sorted(world.asked()) == sorted([*SIX, "draft"])


@pytest.mark.slow
def test_another_model_behind_an_address_asks_again_where_none_is_named(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AUTOCODER_MODEL")
    think_it_through(world)
    world.odd.clear()
    monkeypatch.setattr("flows.adapters.endpoint.Endpoint._only_model", another)
    world.run()
    assert sorted(world.asked()) == sorted([*SIX, "draft"])


async def another(endpoint: Endpoint, asked: str) -> str:
    return "another"


@pytest.mark.slow
def test_a_changed_answer_type_asks_again(world: World, monkeypatch: pytest.MonkeyPatch):
    think_it_through(world)
    world.odd.clear()
    monkeypatch.setattr("flows.policy._shape", lambda kind: "of another version")
    world.run()
    assert sorted(world.asked()) == sorted([*SIX, "draft"])


@pytest.mark.slow
def test_a_changed_template_asks_again_and_what_comes_before_it_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    think_it_through(world)
    template = "implementation_plan.j2"
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / template).write_text((Path(__file__).parents[2] / "templates" / template).read_text() + "\nBe brief.\n")
    monkeypatch.setenv("AUTOCODER_TEMPLATES", str(folder))
    world.odd.clear()
    assert world.run().name == "Published 1 of 1"
    assert sorted(world.asked()) == ["draft", "implementation_plan"]


def test_one_item_that_cannot_be_done_leaves_the_others_alone(world: World):
    world.publish(record("good", "bad"))
    world.odd["risk_analysis"] = lambda call: says("I cannot say.") if "bad in full" in call.prompt else None
    state = world.run()
    assert state.name == "Published 1 of 2"
    assert "risk_analysis" in (state.message or "")
    assert [row["work_item"]["finding"]["title"] for row in world.rows()] == ["good"]
    state = world.run()
    assert state.name == "Idle", "it is tried again later, not at once"
    assert "1 items that broke off rest" in (state.message or "")


def test_an_item_that_stays_unusable_is_set_aside_with_a_row_that_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    monkeypatch.setenv("AUTOCODER_TRIES", "2")
    world.publish(record("bad"))
    world.odd["risk_analysis"] = lambda call: says("I cannot say.")
    assert world.run().name == "Published 0 of 1"
    assert world.run().name == "Published 1 of 1"
    (row,) = world.rows()
    assert row["verdict"]["grade"] == "unverified"
    assert row["verdict"]["reason"].startswith("Set aside after 2 tries")
    assert row["risk_analysis"] is None
    assert row["approach_evaluation"]["selected"], "what was thought before is not lost"
    assert row["model"] == "fake-1"
    assert row["usage"]["requests"] >= 5
    assert world.run().name == "Idle"


@pytest.mark.slow
def test_a_reply_that_is_shown_back_is_paid_for_once_whatever_meets_the_second_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_RETRY_MINUTES", "0")
    monkeypatch.setattr(policy, "_named", lambda name: policy._stored.with_options(name=name, retry_delay_seconds=0))
    world.publish(record("a"))
    world.odd["risk_analysis"] = lambda call: (
        says("I cannot say.") if call.turn == "1" else refuses(503, openai_error("overloaded"))
    )
    assert world.run().name == "Away"
    world.odd["risk_analysis"] = lambda call: says("I cannot say.") if call.turn == "1" else None
    assert world.run().name == "Published 1 of 1"
    turns = Counter(call.turn for call in world.model.calls if call.step == "risk_analysis")
    assert turns == {"1": 1, "2": 6}


def test_no_credit_ends_the_run_and_breaks_nothing(world: World):
    world.publish(record("a", "b"))
    world.odd["deep_understanding"] = lambda call: refuses(402, openai_error("You have exceeded your credits"))
    state = world.run()
    assert (state.name, state.is_completed()) == ("OutOfCredits", True)
    world.odd.clear()
    assert world.run().name == "Published 2 of 2", "the items kept their places"


def test_a_bound_on_spending_ends_the_run_and_says_when_it_opens_again(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_TOKENS_PER_DAY", "1000")
    world.publish(record("a"))
    state = world.run()
    assert (state.name, state.is_completed()) == ("Budget", True)
    assert "opens again at" in (state.message or "")


@pytest.mark.slow
def test_what_is_spent_on_no_row_is_told_in_the_datasets_state(world: World, faults: Faults):
    world.publish(record("a"))
    world.run()
    published = told(world)
    world.publish(record("b"))
    world.odd["draft"] = lambda call: refuses(401, openai_error("Incorrect API key provided"))
    faults.on(r"POST .*/commit/", answer(403), times=1)
    state = world.run()
    assert "key" in (state.message or ""), "what cannot be told does not hide why the run failed"
    assert told(world) == published
    world.run(dry_run=True)
    assert told(world) == published
    world.run()
    assert told(world) > published
    assert len(world.rows()) == 1
    world.odd.clear()
    assert world.run().name == "Published 1 of 1"
    assert world.run().name == "Idle"
    assert len(world.requests) == 3


def test_what_a_dead_run_spent_is_told_before_anything_is_asked(world: World, faults: Faults):
    world.publish(record("a"))
    world.run()
    published, seen = told(world), []
    dead = Spending(world.home, {}, run="dead")
    dead.settle(dead.reserve("0" * 16, Usage()), Usage(prompt_tokens=5_000))
    dead.close()
    world.publish(record("a", "b"))
    world.asked()
    faults.on(r"POST .*/commit/", answer(403), times=2)
    assert world.run().is_failed(), "nothing is taken up where it cannot be told"
    assert (told(world), world.asked()) == (published, [])
    world.odd["deep_understanding"] = lambda call: seen.append(told(world))
    assert world.run().name == "Published 1 of 1"
    assert seen == [published + 5_000]


def test_what_a_run_spent_that_died_before_the_first_row_is_told(world: World):
    world.publish(record("a"))
    dead = Spending(world.home, {}, run="dead")
    dead.reserve("0" * 16, Usage(prompt_tokens=5_000, requests=1))
    dead.close()
    seen: list[int] = []
    world.odd["deep_understanding"] = lambda call: seen.append(told(world))
    assert world.run().name == "Published 1 of 1"
    assert seen == [5_000]
    assert len(world.rows()) == 1


def test_what_was_spent_is_told_also_where_the_dataset_was_deleted(world: World, hub_server: LocalHub):
    world.publish(record("a"))
    world.run()
    shutil.rmtree(hub_server.path(DATASET).parent)
    dead = Spending(world.home, {}, run="dead")
    dead.reserve("0" * 16, Usage(prompt_tokens=5_000, requests=1))
    dead.close()
    world.publish(record("a", "b"))
    seen: list[int] = []
    world.odd["deep_understanding"] = lambda call: seen.append(told(world))
    assert world.run().name == "Published 1 of 1"
    assert [tokens > 5_000 for tokens in seen] == [True]


def told(world: World) -> int:
    """The tokens that the results dataset knows to be spent."""
    worker = json.loads(world.hub.read(DATASET, world.hub.head(DATASET), "_state/worker.json"))
    return sum(tokens for day in worker["spent"].values() for tokens in day.values())


@pytest.mark.slow
def test_a_closed_purse_takes_up_nothing(world: World, monkeypatch: pytest.MonkeyPatch):
    world.publish(record("a"))
    monkeypatch.setenv("AUTOCODER_TOKENS_PER_DAY", "1000")
    world.run()
    world.asked()
    assert world.run().name == "Budget"
    assert world.asked() == []
    assert [run.name for run in world.task_runs()] == ["pull"]


@pytest.mark.slow
def test_nothing_new_is_paid_for_while_what_is_finished_cannot_go_out(world: World, faults: Faults):
    world.publish(record("a", "b"))
    faults.on(r"POST .*/commit/", answer(403), times=100)
    assert world.run(limit=1).is_failed()
    world.asked()
    assert world.run(limit=1).is_failed()
    assert world.asked() == []
    faults.forget()
    assert world.run().name == "Published 1 of 1"
    assert len(world.rows()) == 2


@pytest.mark.slow
def test_another_hub_sees_nothing_of_what_this_one_was_given(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world.publish(record("a"))
    monkeypatch.setenv("AUTOCODER_RESULTS_DATASET", "autocoder/second")
    world.run()
    monkeypatch.delenv("AUTOCODER_RESULTS_DATASET")
    world.asked()
    assert world.run().name == "Published 1 of 1", "decided there is not decided here"
    assert world.asked() == [], "but what was thought is not paid for twice"


def test_a_dry_run_commits_nothing_and_makes_the_real_run_cheap(world: World):
    world.publish(record("a"))
    assert world.run(dry_run=True).name == "Tried 1 of 1"
    assert not any("/commit/" in request for request in world.requests)
    world.asked()
    (thoughts,) = (world.home / "results").iterdir()
    os.utime(thoughts, (1, 1))
    assert world.run().name == "Published 1 of 1"
    assert world.asked() == []
    assert thoughts.stat().st_mtime > 1, "what is read is no cache to be tidied away"


def test_an_item_asked_for_by_name_gets_a_new_attempt(world: World):
    world.publish(record("a"))
    world.run()
    (row,) = world.rows()
    assert world.run(item=row["work_item"]["id"][:8]).name == "Published 1 of 1"
    assert [row["attempt"] for row in world.rows()] == [1, 2]
    assert world.run().name == "Idle"


def test_an_item_that_is_not_there_fails_the_run_with_a_sentence(world: World):
    world.publish(record("a"))
    state = world.run(item="ffff")
    assert state.is_failed()
    assert "There is no work item 'ffff'" in (state.message or "")


def test_what_a_dead_run_finished_is_published_by_the_next_and_its_task_runs_are_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.publish(record("a"))
    world.run(dry_run=True)
    monkeypatch.setattr("flows.orphans.LAG", timedelta(0))
    with get_client(sync_client=True) as prefect:
        run = world.last.state_details.flow_run_id
        left = prefect.create_task_run(orphan, run, dynamic_key="0", state=Running())  # type: ignore[arg-type]
    from flows.adapters.outbox import Outbox
    from tests.outcomes import small

    (place,) = (world.home / "at").iterdir()
    Outbox(place / "outbox").put(small())
    (place / "outbox" / "broken-1.json").write_text("{}")
    state = world.run(limit=1)
    assert state.name == "Published 1 of 1"
    assert "1 more rows, of outcomes that were finished before" in (state.message or "")
    assert world.rows()[0]["id"] == small().item.key, "it goes out before anything new"
    assert len(Outbox(place / "outbox")) == 0
    (page,) = (str(made.data) for made in world.artifacts() if made.key == "run")
    assert "broken-1.unreadable cannot be published" in page.replace("\\", "")
    assert "broken-1.unreadable cannot be published" in (world.run().message or "")
    with get_client(sync_client=True) as prefect:
        assert prefect.read_task_run(left.id).state_name == "Crashed"


@task
def orphan() -> None: ...


def test_a_key_is_nowhere_in_what_a_run_leaves(world: World, capfd: pytest.CaptureFixture[str]):
    world.publish(record(f"Hard-coded {TOKEN}"), record("a", "b"), {"findings": [{"title": f"Nothing to do {TOKEN}"}]})
    world.odd["draft"] = lambda call: (
        refuses(401, openai_error(f"Incorrect API key provided: {TOKEN}")) if "b in full" in call.prompt else None
    )
    world.run()
    seen = capfd.readouterr()
    shown = json.dumps([artifact.model_dump(mode="json") for artifact in world.artifacts()])
    names = [run.name for run in world.task_runs()]
    assert "deep understanding · Hard-coded [secret]" in [name.lower().replace("hard", "Hard") for name in names]
    for text in (seen.out, seen.err, shown, json.dumps(world.rows()), str(world.last.message), *names):
        assert TOKEN not in text.replace("\\", "")
    for path in world.home.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_an_item_has_a_page_and_the_run_a_table(world: World):
    plans = [{"analysis": {"tests": ["test_cent()"]}}, {"finding_id": "F9", "analysis": {"tests": ["test_x()"]}}]
    nothing = {"findings": [{"perspective": "Security", "recommendations": []}]}
    world.publish(record("Rounding loses a cent"), nothing, plans=plans)
    world.run()
    kinds = Counter(artifact.type for artifact in world.artifacts())
    assert kinds == {"markdown": 3, "progress": 1}, "the item, the run, and the link, which Prefect stores as markdown"
    (progress,) = [artifact.data for artifact in world.artifacts() if artifact.type == "progress"]
    assert progress == 100.0
    pages = {artifact.key: str(artifact.data) for artifact in world.artifacts()}
    (row,) = world.rows()
    page = pages[f"item-{row['id']}"]
    assert "Rounding loses a cent" in page
    assert "flowchart" in page
    assert "Security" in pages["run"], "what was passed over is told with the reason"
    assert "test_plan_iteration_1.json" in pages["run"].split("## Which plans, and why")[1].split("##")[0]
    assert "test_plan_iteration_2.json" in pages["run"].split("## Plans that no item takes")[1].split("##")[0]
    assert "commit" in pages


@pytest.mark.parametrize("key", ["test", "1", "none"])
@pytest.mark.slow
def test_a_key_that_is_an_ordinary_word_changes_nothing_in_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, key: str
):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    world.publish(record("1 test of none"))
    assert world.run().name == "Published 1 of 1"
    (row,) = world.rows()
    assert row["work_item"]["finding"]["title"] == "1 test of none"
    assert "[secret]" not in json.dumps(row)


@pytest.mark.slow
def test_a_failed_draft_is_published_where_no_repair_can_be_had(world: World):
    world.publish(record("a"))
    world.odd["draft"] = lambda call: says(answer_for("draft", item=call.item).replace("* 2", "* 3"))
    too_long = openai_error("This model's maximum context length is 10")
    world.odd["repair-1"] = lambda call: refuses(400, too_long)
    assert world.run().name == "Published 1 of 1"
    (row,) = world.rows()
    assert (row["verdict"]["grade"], row["verdict"]["by"]) == ("failed", "own tests")
    assert row["implementation"]
    assert any("No further repair" in note for note in row["notes"])


def test_no_more_is_taken_up_than_may_wait_on_disk(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_WAITING_OUTCOMES", "1")
    world.publish(record("a", "b"))
    assert [world.run().name, world.run().name] == ["Published 1 of 1"] * 2
