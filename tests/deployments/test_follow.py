"""What the terminal says of runs, where the runs of `test_local.py` do not come by."""

import socket
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Completed, Crashed, Failed

from deployments.deploy import client
from deployments.follow import Follower, first_parameters, told
from flows.settings import REHEARSAL, Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch):
    for name in ("HF_TOKEN", "HF_USERNAME", "AUTOCODER_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_failed_runs_message_is_told_whole_each_fault_on_a_line_of_its_own():
    faults = [f"item-{number}: the endpoint said {'x' * 300}." for number in range(12)]
    lines = list(told(Failed(message="\n- ".join(["Nothing could be done.", *faults]))))
    assert lines == ["Failed: Nothing could be done.", *(f"  - {fault}" for fault in faults)]


@pytest.mark.parametrize(
    ("state", "line"),
    [(Completed(name="Idle", message="Nothing waits."), "Idle: Nothing waits."), (Crashed(), "Crashed: no message")],
)
def test_every_end_is_told_by_its_name(state: State, line: str):
    assert list(told(state)) == [line]


def test_a_server_that_does_not_answer_is_no_news(tmp_path: Path):
    with socket.socket() as silent:  # bound, but it does not listen
        silent.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with client({"PREFECT_API_URL": api}) as prefect:
            assert list(Follower(prefect, Settings(home=tmp_path), lambda run: iter(())).news()) == []


def test_only_the_rehearsal_is_worked_off_in_one_run(tmp_path: Path):
    rehearsal = Settings(home=tmp_path, local=True)
    assert first_parameters(rehearsal) == {"limit": 8}
    recorded = f"replay:{REHEARSAL}"
    assert first_parameters(Settings(home=tmp_path, HF_TOKEN="hf_x", HF_USERNAME="me", model=recorded)) == {}
    assert (
        first_parameters(Settings(home=tmp_path, local=True, model="llama", OPENAI_BASE_URL="http://127.0.0.1:9/v1"))
        == {}
    )
