"""The daily housekeeping, on the real engine, and what the command line says."""

import asyncio
import sys
import time
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows.adapters.local_hub import LocalHub
from flows.environment import load
from flows.places import outbox_of
from flows.upkeep_once import main
from tests.adapters.conftest import three_shards  # noqa: F401  # fixture
from tests.adapters.faults import Faults, answer
from tests.flows.conftest import World, record
from tests.results import DATASET

A, B = "data/000000000001-000000000008.parquet", "data/000000000009-000000000016.parquet"


@pytest.fixture
def kept(world: World, hub_server: LocalHub, three_shards: dict[str, bytes]) -> World:  # noqa: F811
    """A world with 24 rows in three shards."""
    hub_server.put(DATASET, three_shards)
    return world


def maintain(world: World, **parameters: Any) -> State[Any]:
    """One run of the flow: its final state."""
    from flows.maintain import maintain

    state: Any = asyncio.run(maintain(**parameters, return_state=True))
    world.last = state
    return state


def test_a_sound_dataset_is_reported_and_left_as_it_is(kept: World, hub_server: LocalHub):
    before = hub_server.head(DATASET)
    state = maintain(kept)
    assert (state.name, state.is_completed()) == ("Sound", True)
    assert state.message == f"{DATASET} is sound: 24 rows in 10 files."
    (page,) = kept.artifacts()
    assert page.key == "maintenance"
    assert "24 rows, iterations 1 to 24" in str(page.data)
    assert hub_server.head(DATASET) == before
    assert sorted(run.name for run in kept.task_runs()) == [f"look · {DATASET}"]


def test_a_damaged_dataset_fails_the_run_and_nothing_is_removed_or_squashed(
    kept: World, hub_server: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_KEEP_ROWS", "1")
    before = hub_server.put(DATASET, {B: None})
    state = maintain(kept, squash=True)
    assert state.is_failed()
    assert "Iterations 9 to 16 are missing: put the shard back" in (state.message or "")
    assert hub_server.head(DATASET) == before


@pytest.mark.slow
def test_retention_and_squash_say_what_they_did_and_the_worker_goes_on(
    kept: World, hub_server: LocalHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTOCODER_KEEP_ROWS", "10")
    state = maintain(kept, squash=True)
    assert state.name == "Retained, Squashed"
    assert "The rows of iterations 1 to 8 were removed" in (state.message or "")
    assert "16 rows" in (state.message or "")
    assert A not in hub_server.files(DATASET)
    kept.publish(record("Something new"))
    assert kept.run().name == "Published 1 of 1"
    assert [row["iteration"] for row in kept.rows()] == list(range(9, 26))
    assert maintain(kept).name == "Sound"


def test_a_dry_run_changes_nothing(kept: World, hub_server: LocalHub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_KEEP_ROWS", "1")
    before = hub_server.head(DATASET)
    assert maintain(kept, squash=True, rebuild_state=True, dry_run=True).name == "Sound"
    assert hub_server.head(DATASET) == before


def test_a_state_is_rebuilt_when_asked_for(kept: World, hub_server: LocalHub):
    hub_server.put(DATASET, {"_state/worker.json": None})
    assert maintain(kept).is_failed()
    assert maintain(kept, rebuild_state=True).name == "Rebuilt"
    assert maintain(kept).name == "Sound"


def test_without_a_dataset_there_is_nothing_to_do(world: World, hub_server: LocalHub):
    assert maintain(world).name == "Nothing yet"
    assert not hub_server.path(DATASET).exists()


def test_a_hub_that_refuses_fails_the_run_with_its_sentence(kept: World, faults: Faults):
    faults.on("super-squash", answer(403))
    state = maintain(kept, squash=True)
    assert state.is_failed()
    assert "The token may not do this" in (state.message or "")


def test_a_quota_that_is_near_is_an_event_long_before(kept: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_QUOTA_FILES", "15")
    state = maintain(kept)
    assert state.name == "Sound"
    assert "67% of the 15 that a dataset may have" in (state.message or "")
    event = asyncio.run(_event("autocoder.quota-near"))
    assert event["resource"]["prefect.resource.id"] == f"autocoder.dataset.{DATASET}"
    assert event["payload"]["files"] == 10


async def _event(name: str) -> dict[str, Any]:
    """The newest event of that name, once the server has it."""
    end = time.monotonic() + 20
    async with get_client() as client:
        while True:
            asked = {"filter": {"event": {"name": [name]}}}
            found: list[dict[str, Any]] = (await client._client.post("/events/filter", json=asked)).json()["events"]
            if found:
                return found[0]
            if time.monotonic() > end:
                raise AssertionError(f"no {name} within 20 s")
            await asyncio.sleep(0.1)


# --- the command line --------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The command: its exit code, and all that it said."""

    def run(*flags: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["flows.maintain", *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        said = capsys.readouterr().out + (code if isinstance(code, str) else "")
        return (1 if isinstance(code, str) else int(code or 0)), said

    return run


def test_the_check_says_sound_and_ends_with_0(kept: World, command):
    code, said = command("--check")
    assert code == 0
    assert said.startswith(f"{DATASET} is sound: 24 rows in 10 files.\n")
    assert "24 rows, iterations 1 to 24" in said


def test_the_check_and_the_daily_run_name_outcomes_that_cannot_be_published(kept: World, command):
    outbox = outbox_of(load())
    outbox.folder.mkdir(parents=True)
    (outbox.folder / "broken-1.unreadable").write_text("{}")
    code, said = command("--check")
    assert code == 0
    assert f"To know:\n- The finished outcome {outbox.folder}/broken-1.unreadable cannot be published" in said
    assert maintain(kept).name == "Sound"
    (page,) = kept.artifacts()
    assert "broken-1.unreadable cannot be published" in str(page.data).replace("\\", "")


def test_the_check_names_what_is_not_sound_writes_nothing_and_ends_with_1(
    kept: World, hub_server: LocalHub, faults: Faults, command
):
    hub_server.put(DATASET, {B: None, "_state/worker.json": None})
    faults.forget()
    code, said = command("--check")
    assert code == 1
    assert said.startswith(f"{DATASET} is not sound.\n\nNot sound:\n- Iterations 9 to 16 are missing: ")
    assert "- _state/worker.json is missing, damaged, or does not fit the shards: " in said
    assert {asked.split()[0] for asked in faults.seen} == {"GET"}


def test_the_other_jobs_are_done_without_a_deployment(kept: World, hub_server: LocalHub, command):
    before = hub_server.head(DATASET)
    code, said = command("--squash", "--rebuild-state")
    assert (code, said.split(":")[0]) == (0, "Rebuilt, Squashed")
    assert hub_server.head(DATASET) != before


def test_a_hub_that_is_not_there_is_a_sentence_and_no_traceback(world: World, command, monkeypatch, tmp_path):
    with LocalHub(tmp_path / "hub") as gone:
        monkeypatch.setenv("AUTOCODER_LOCAL_HUB", gone.address)
    code, said = command("--check")
    assert code == 1
    assert gone.address in said
