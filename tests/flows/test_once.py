"""`python -m flows.implement --once`: one run without a deployment."""

import subprocess
import sys

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterTags

from flows import upkeep_once
from flows.adapters.local_hub import LocalHub
from flows.once import main
from tests.flows.conftest import World, record


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """One run in this process, on the server of the tests: its exit code, and all that it said."""

    def run(*flags: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["flows.implement", "--once", *flags])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code  # a text is printed to standard error, and 1 returned
        said = capsys.readouterr().out + (code if isinstance(code, str) else "")
        return (1 if isinstance(code, str) else int(code or 0)), said

    return run


@pytest.mark.slow
def test_without_a_server_a_run_starts_one_of_its_own_and_publishes(world: World):
    world.publish(record("a", "b"))
    done = subprocess.run(
        [sys.executable, "-m", "flows.implement", "--once", "--limit", "1"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "writes    autocoder/autocoder-implementation-results" in done.stdout
    assert "Published 1 of 1: " in done.stdout
    assert len(world.rows()) == 1


def test_a_worker_that_cannot_work_says_why_and_ends_with_1(world: World, once):
    world.publish(record("a"))
    code, said = once("--item", "ffff")
    assert code == 1
    assert "There is no work item 'ffff'" in said
    assert "Traceback" not in said


def test_an_idle_run_ends_with_0_and_has_the_tag_by_which_automations_close_it_should_it_fall_silent(
    world: World, once
):
    world.publish()
    before = tagged("implement")
    code, said = once()
    assert code == 0
    assert "Idle: " in said
    assert tagged("implement") == before + 1


def test_housekeeping_by_hand_has_the_tag_too(world: World, monkeypatch: pytest.MonkeyPatch):
    before = tagged("maintain")
    monkeypatch.setattr(sys, "argv", ["flows.maintain"])
    with pytest.raises(SystemExit):
        upkeep_once.main()
    assert tagged("maintain") == before + 1


def tagged(flow: str) -> int:
    """How many runs of the flow automations know."""
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=["autocoder"]))
    with get_client(sync_client=True) as prefect:
        named = FlowFilter(name=FlowFilterName(any_=[flow]))
        return len(prefect.read_flow_runs(flow_filter=named, flow_run_filter=ours))


def test_a_wrong_setting_is_a_sentence_and_no_traceback(world: World, once, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOCODER_TRIES", "none")
    code, said = once()
    assert code == 1
    assert "AUTOCODER_TRIES: " in said


def test_a_hub_that_is_not_there_is_a_sentence_and_no_traceback(world: World, once, monkeypatch, tmp_path):
    with LocalHub(tmp_path / "hub") as gone:
        monkeypatch.setenv("AUTOCODER_LOCAL_HUB", gone.address)
    code, said = once()
    assert code == 1
    assert gone.address in said


def test_a_prefect_server_that_is_not_there_is_a_sentence_at_once(world: World, once, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    code, said = once()
    assert code == 1
    assert "No Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api." in said
