"""Runs whose process died are closed, and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from prefect import flow, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Completed, Pending, Running
from pytest_mock import MockerFixture

from deployments import dead_runs
from deployments.automations import put_in_place
from deployments.dead_runs import close_dead_runs
from deployments.sightings import RUN_ID, Sightings
from flows import orphans
from flows.presence import is_alive, present

HOLD = """
import sys, time, uuid, pathlib
from flows.presence import present
with present(pathlib.Path(sys.argv[1]), uuid.UUID(sys.argv[2])):
    print("held", flush=True)
    time.sleep(600)
"""
WORKER = """
import os, subprocess, sys
run = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env={**os.environ, sys.argv[2]: sys.argv[3]})
run.wait()
print("reaped", flush=True)
sys.stdin.read()
"""
RUN = """
import subprocess, sys
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("begun", flush=True)
helper.wait()
"""


@flow(name="implement")
def implement() -> None: ...


@task
def think() -> None: ...


@pytest.fixture
def prefect(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client
        for run in client.read_flow_runs(flow_filter=orphans.OURS):
            client.delete_flow_run(run.id)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_runs, "PATIENCE", timedelta(0))
    monkeypatch.setattr(orphans, "LAG", timedelta(0))
    monkeypatch.setattr("flows.presence.YOUNG_S", 0)


@contextmanager
def started_for(run: FlowRun) -> Iterator[int]:
    """The id of a process that a worker started for this run, and that has not come far."""
    environment = {**os.environ, RUN_ID: str(run.id)}
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=environment)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def run_in(prefect: SyncPrefectClient, state: State) -> FlowRun:
    run = prefect.create_flow_run(implement, state=Pending())
    prefect.set_flow_run_state(run.id, state, force=True)
    return run


def holder(home: Path, run: UUID) -> subprocess.Popen[str]:
    """A process that works on the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home), str(run)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def state_of(prefect: SyncPrefectClient, run: FlowRun) -> str:
    return prefect.read_flow_run(run.id).state_name or ""


def test_a_run_whose_process_was_killed_is_closed_with_its_task_runs(prefect: SyncPrefectClient, tmp_path: Path):
    run = run_in(prefect, Running())
    left = prefect.create_task_run(think, run.id, dynamic_key="0", state=Running())
    process = holder(tmp_path, run.id)
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=False)) == []
    assert state_of(prefect, run) == "Running", "it lives"
    process.kill()
    process.wait()
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=False)) == [
        f"closed    {run.name}: Its process died."
    ]
    assert state_of(prefect, run) == "Crashed"
    assert prefect.read_task_run(left.id).state_name == "Crashed"
    assert list((tmp_path / "runs").iterdir()) == []
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=False)) == []


def test_a_run_that_ended_in_order_leaves_nothing(tmp_path: Path):
    run = UUID(int=1)
    with present(tmp_path, run):
        assert is_alive(tmp_path, run) is True
    assert is_alive(tmp_path, run) is None
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_is_about_to_take_its_lock_is_not_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.presence.YOUNG_S", 5)
    run = UUID(int=1)
    with present(tmp_path, run):
        (file,) = (tmp_path / "runs").iterdir()
    file.touch()
    assert is_alive(tmp_path, run) is True
    os.utime(file, (1, 1))
    assert is_alive(tmp_path, run) is False
    file.unlink()
    assert is_alive(tmp_path, run) is None
    assert not file.exists(), "looking makes nothing"


def test_a_dead_run_that_was_being_cancelled_is_cancelled(prefect: SyncPrefectClient, tmp_path: Path):
    run = run_in(prefect, Cancelling())
    process = holder(tmp_path, run.id)
    process.kill()
    process.wait()
    assert len(list(close_dead_runs(prefect, tmp_path, Sightings(), alone=False))) == 1
    assert state_of(prefect, run) == "Cancelled"


@pytest.mark.parametrize("state", [Pending(), Cancelling()])
def test_a_run_that_never_began_is_closed_where_its_process_is_gone_whoever_has_its_id_now(
    prefect: SyncPrefectClient, tmp_path: Path, state: State
):
    lives, dead = run_in(prefect, state), run_in(prefect, state)
    with started_for(lives) as pid:
        for run in (lives, dead):
            prefect.update_flow_run(run.id, infrastructure_pid=str(pid))
        (line,) = close_dead_runs(prefect, tmp_path, Sightings(), alone=True)
    assert line == f"closed    {dead.name}: Its process died before it began."
    assert state_of(prefect, lives) == state.name
    prefect.update_flow_run(lives.id, infrastructure_pid=str(2**22 - 1))
    assert len(list(close_dead_runs(prefect, tmp_path, Sightings(), alone=True))) == 1


def test_a_run_that_no_worker_started_is_closed_where_nobody_else_could(prefect: SyncPrefectClient, tmp_path: Path):
    run = run_in(prefect, Pending())
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=False)) == [], "another machine may be about to"
    assert len(list(close_dead_runs(prefect, tmp_path, Sightings(), alone=True))) == 1
    assert state_of(prefect, run) == "Crashed"


@pytest.mark.parametrize("state", [Pending(), Running()])
def test_a_run_that_began_beneath_us_is_closed_where_its_process_is_gone_though_what_it_started_lives(
    prefect: SyncPrefectClient, tmp_path: Path, state: State
):
    run, seen = run_in(prefect, state), Sightings()
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", WORKER, RUN, RUN_ID, str(run.id)]
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "begun\n"
        process, helper = psutil.Process(worker.pid).children(recursive=True)
        try:
            seen.look()
            assert list(close_dead_runs(prefect, tmp_path, seen, alone=False)) == [], "it lives"
            process.kill()
            assert worker.stdout.readline() == "reaped\n"
            seen.look()
            (line,) = close_dead_runs(prefect, tmp_path, seen, alone=False)
        finally:
            helper.kill()
            worker.kill()
    assert line == f"closed    {run.name}: Its process died before it began."
    assert state_of(prefect, run) == "Crashed"
    list(close_dead_runs(prefect, tmp_path, seen, alone=False))
    assert run.id not in seen, "it is forgotten"


def test_a_run_that_ends_while_we_look_is_left_as_it_ended(
    prefect: SyncPrefectClient, tmp_path: Path, mocker: MockerFixture
):
    run = run_in(prefect, Pending())

    def ends(*given: object) -> str:
        prefect.set_flow_run_state(run.id, Completed(), force=True)
        return "It is gone."

    mocker.patch.object(dead_runs, "_death", ends)
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=True)) == []
    assert state_of(prefect, run) == "Completed"


def test_a_run_started_by_hand_in_another_home_is_left_alone(prefect: SyncPrefectClient, tmp_path: Path):
    run = run_in(prefect, Running())
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=True)) == []
    assert state_of(prefect, run) == "Running"


def test_a_run_that_has_just_begun_is_given_time(
    prefect: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dead_runs, "PATIENCE", timedelta(seconds=600))
    run_in(prefect, Pending())
    assert list(close_dead_runs(prefect, tmp_path, Sightings(), alone=True)) == []


def test_automations_are_put_in_place_once_and_one_that_was_paused_stays_so(prefect: SyncPrefectClient):
    for name in ("every-120s", "on-demand"):
        prefect.create_deployment(prefect.create_flow(implement), name)
    names = put_in_place(prefect)
    (known,) = prefect.read_automations_by_name(names[0])
    prefect.pause_automation(known.id)
    assert put_in_place(prefect) == names
    (again,) = prefect.read_automations_by_name(names[0])
    assert (again.id, again.enabled) == (known.id, False)
