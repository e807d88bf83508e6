"""`make up` as a newcomer meets it: real server, real worker, the rehearsal, from start to Ctrl-C."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.schedules import IntervalSchedule

from deployments.processes import end
from flows.adapters.sandbox import choose
from tests.deployments.make_up import LAST_LINE, Up, alive, free_port, running

ACCEPTANCE, REGRESSION, OWN = "acceptance tests", "regression", "own tests"
VERDICTS = {
    "TL-1": [("failed", ACCEPTANCE), ("proven", ACCEPTANCE)],
    "TL-2": [("proven", ACCEPTANCE)],
    "TL-3": [("proven", ACCEPTANCE)],
    "TL-4": [("self-tested", OWN)],
    "TL-5": [("failed", REGRESSION), ("proven", ACCEPTANCE)],
    "TL-6": [("failed", ACCEPTANCE), ("failed", ACCEPTANCE), ("failed", ACCEPTANCE)],
    "TL-7": [("proven", ACCEPTANCE)],
    "": [("self-tested", OWN)],
}
"""Finding of the rehearsal → grade of the draft and of each repair, and what decided."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up") / "home") as started:
        yield started


def test_the_screen_says_what_is_used_what_came_of_each_item_and_where_to_look(up: Up):
    screen = "\n".join(up.lines)
    assert "account   none: everything stays on this machine" in screen
    assert "writes    autocoder/autocoder-implementation-results (not there yet: will be made public)" in screen
    assert "recorded conversations: no model is called" in screen
    items = [line for line in up.lines if re.match(r"[0-9a-f]{16}-1  \S+ +[\d,]+ tokens +[\d.]+ s  \S", line)]
    assert len(items) == 8
    assert f"Prefect UI   http://127.0.0.1:{up.ports[1]}" in screen
    assert re.search(r"deployment   http://\S+/deployments/deployment/[0-9a-f-]{36}", screen)


@pytest.mark.skipif(isinstance(choose(), str), reason=f"nothing confines code here: {choose()}")
def test_the_rehearsal_comes_to_its_true_verdicts(up: Up):
    rows = {row["work_item"]["finding"]["id"]: row for row in up.rows()}
    found = {
        finding: [(a["verdict"]["grade"], a["verdict"]["by"]) for a in row["attempts"]] for finding, row in rows.items()
    }
    assert found == VERDICTS
    for finding, row in rows.items():
        last = row["attempts"][-1]
        assert row["verdict"] == last["verdict"], f"{finding}: every repair of the rehearsal comes closer"
        assert row["verdict"]["mechanism"]
        assert row["verdict"]["tests"]
        assert [a["step"] for a in row["attempts"]] == ["draft", "repair-1", "repair-2"][: len(row["attempts"])]
    (broken,) = rows["TL-5"]["attempts"][0]["verdict"]["broke"]
    assert broken == "tests/test_storage.py::test_no_file_yet_is_an_empty_book"
    assert "test_nine_people_in_three_groups_need_six_payments" in rows["TL-6"]["verdict"]["reason"]
    checks = [t for t in rows["TL-7"]["verdict"]["tests"] if t["id"].startswith("check: python -c")]
    assert [(t["before"], t["after"]) for t in checks] == [("failed", "passed")]


def test_the_line_of_python_that_is_printed_loads_the_newest_row(up: Up, tmp_path: Path):
    (line,) = [line.strip() for line in up.lines if "load_dataset" in line]
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={**up.env, "HF_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert "'iteration': 8" in done.stdout
    assert "'model': 'replay:" in done.stdout


def test_a_scheduled_run_comes_by_itself(up: Up):
    """An unpinned install of Prefect has a scheduler that makes no runs, and says so nowhere but in its log."""
    with up.client() as prefect:
        deployment = prefect.read_deployment_by_name("implement/every-120s")
        assert [schedule.schedule.interval.total_seconds() for schedule in deployment.schedules] == [120]
        often = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=5), active=True, slug="often")
        extra = prefect._client.post(
            f"/deployments/{deployment.id}/schedules", json=[often.model_dump(mode="json", exclude_unset=True)]
        ).json()[0]["id"]
        try:
            ours = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]))
            patience = time.monotonic() + 90
            done: list[str] = []
            while not done and time.monotonic() < patience:
                runs = prefect.read_flow_runs(flow_run_filter=ours, limit=200)
                done = [r.state_name or "" for r in runs if r.auto_scheduled and r.state and r.state.is_completed()]
                time.sleep(0.5)
        finally:
            prefect._client.delete(f"/deployments/{deployment.id}/schedules/{extra}")
    assert done


@pytest.mark.slow
def test_prefects_own_commands_work_as_the_readme_says(up: Up):
    said = up.prefect("deployment", "run", "implement/on-demand", "--param", "limit=1", "--watch")
    assert "finished successfully" in said
    up.prefect("--no-prompt", "deployment", "schedule", "pause", "--all")
    assert "False" in up.prefect("deployment", "schedule", "ls", "implement/every-120s")
    up.prefect("--no-prompt", "deployment", "schedule", "resume", "--all")
    assert "True" in up.prefect("deployment", "schedule", "ls", "implement/every-120s")


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        ("implement/on-demand", {"limit", "item", "dry_run"}),
        ("implement-item/pool", {"key", "number"}),
        ("maintain/daily", {"squash", "rebuild_state", "dry_run"}),
    ],
)
def test_the_run_form_explains_each_parameter(up: Up, deployment: str, parameters: set[str]):
    with up.client() as prefect:
        schema = prefect.read_deployment_by_name(deployment).parameter_openapi_schema or {}
    assert set(schema["properties"]) == parameters
    assert all(len(each["description"]) > 20 for each in schema["properties"].values())


def test_a_second_make_up_in_the_same_place_is_told_of_the_first(up: Up):
    second = Up(up.home, up.ports).start()
    said = "\n".join(second.read_until("never"))
    assert second.process.wait(60) == 1
    assert "`make up` already runs here" in said
    assert "Traceback" not in said


def test_a_prefect_server_that_is_there_already_is_told_with_what_to_set(up: Up, tmp_path: Path):
    other = Up(tmp_path, (free_port(), up.ports[1])).start()
    said = "\n".join(other.read_until("never"))
    assert other.process.wait(60) == 1
    assert f"A Prefect server already runs on port {up.ports[1]}. Set PREFECT_API_URL={up.api}" in said
    assert "Traceback" not in said


def test_a_port_in_use_is_told_with_what_to_set(up: Up, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = Up(tmp_path, (taken.getsockname()[1], free_port())).start()
        said = "\n".join(other.read_until("never"))
        assert other.process.wait(60) == 1
    assert "which the local Hub wants, is in use by another program" in said
    assert "AUTOCODER_LOCAL_HUB" in said
    assert "Traceback" not in said


def test_ctrl_c_stops_everything_it_started_however_often_it_is_pressed(up: Up):
    family = up.family()
    assert len(family) >= 3
    up.process.send_signal(signal.SIGINT)
    up.read_until("Stopping what was started")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        up.process.send_signal(number)
    assert up.process.wait(60) == 0
    assert alive(family) == []


@pytest.mark.slow
def test_the_next_make_up_goes_on(up: Up):
    up.stop()
    lines = up.start().read_until(LAST_LINE)
    assert any(line.startswith("Idle: ") for line in lines), "\n".join(lines)
    with up.client() as prefect:
        deployments = prefect.read_deployments()
    found = {each.name: len(each.schedules) for each in deployments}
    assert found == {"every-120s": 1, "on-demand": 0, "pool": 0, "daily": 1}, "deploying again changes nothing"


@pytest.mark.slow
def test_what_a_killed_make_up_left_is_stopped_and_the_ticks_it_missed_are_dropped(up: Up):
    family = up.family()
    up.process.kill()
    end(psutil.Process(up.pid("The Prefect worker")))
    assert len(alive(family)) == 2
    asked_for = up.miss_ticks(hours=1)
    lines = up.start().read_until(LAST_LINE)
    assert "stopping  what a killed `make up` left: the local Hub, the Prefect server" in lines
    assert any(line.endswith("scheduled runs whose time passed while no worker ran") for line in lines)
    assert alive(family) == []
    with up.client() as prefect:
        assert prefect.read_flow_run(asked_for).state, "what a person asked for stays"
        of_late = datetime.now(UTC) - timedelta(minutes=5)
        late = [run for run in prefect.read_flow_runs(limit=200) if run.state and run.state.is_scheduled()]
        assert [run.id for run in late if run.expected_start_time < of_late and run.id != asked_for] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["The Prefect worker", "The local Hub", "The Prefect server"])
def test_what_is_killed_is_started_again_and_the_next_run_goes_on(up: Up, name: str):
    before = up.pid(name)
    psutil.Process(before).kill()
    assert f"restart   {name} ended (exit code -9), and is started again" in up.read_until("restart")
    assert up.pid(name) != before
    up.wait_for_server()
    said = up.prefect("deployment", "run", "implement/on-demand", "--watch")
    assert "finished successfully" in said


@pytest.mark.slow
def test_what_ends_again_and_again_is_told_and_the_others_are_stopped(up: Up):
    family = up.family()
    while up.process.poll() is None:
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            psutil.Process(up.pid("The local Hub")).kill()
        time.sleep(0.2)
    said = "\n".join(up.read_until("never"))
    assert up.process.wait(60) == 1
    assert re.search(r"The local Hub ended \(exit code -9\)\. The end of \S+hub\.log:\n  ", said)
    assert "Traceback" not in said
    assert alive(family) == []


@pytest.mark.slow
def test_a_closed_terminal_stops_everything(up: Up):
    terminal, inside = pty.openpty()
    up.process = subprocess.Popen(
        [sys.executable, "-m", "deployments.local"], env=up.env, preexec_fn=lambda: os.login_tty(inside)
    )
    os.close(inside)
    seen = b""
    while b"worker    started" not in seen:
        seen += os.read(terminal, 4096)
    family = up.family()
    assert len(family) >= 3
    os.close(terminal)
    up.process.wait(60)
    assert alive(family) == []
