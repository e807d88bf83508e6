"""`make up` as a newcomer meets it: real server, real worker, the rehearsal, from start to Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

LAST_LINE = "Ctrl-C stops everything"


@dataclass
class Up:
    """One `make up` with ports and a home of its own."""

    home: Path
    ports: tuple[int, int]
    lines: list[str] = field(default_factory=list)

    @property
    def env(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AUTOCODER_"))},
            "AUTOCODER_HOME": str(self.home),
            "AUTOCODER_LOCAL_HUB": f"http://127.0.0.1:{self.ports[0]}",
            "PREFECT_SERVER_API_PORT": str(self.ports[1]),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}/api"

    def start(self) -> "Up":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deployments.local"],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return self

    def read_until(self, words: str) -> list[str]:
        """Lines printed up to the one with these words, or to the end."""
        assert self.process.stdout is not None
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if words in line:
                break
        return self.lines

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def prefect(self, *args: str) -> str:
        """What Prefect's own command line says."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *args], env={**self.env, "PREFECT_API_URL": self.api},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    def client(self) -> SyncPrefectClient:
        with temporary_settings({PREFECT_API_URL: self.api}):
            return get_client(sync_client=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("up") / "home", (free_port(), free_port())).start()
    started.read_until(LAST_LINE)
    yield started
    if started.process.poll() is None:
        started.interrupt()


def test_the_screen_says_what_is_used_what_came_of_each_item_and_where_to_look(up: Up):
    screen = "\n".join(up.lines)
    assert "account   none: everything stays on this machine" in screen
    assert "writes    autocoder/autocoder-implementation-results (not there yet: will be made public)" in screen
    assert "recorded conversations: no model is called" in screen
    items = [line for line in up.lines if re.match(r"[0-9a-f]{16}-1  \S+ +[\d,]+ tokens +[\d.]+ s  \S", line)]
    assert len(items) == 8
    assert f"Prefect UI   http://127.0.0.1:{up.ports[1]}" in screen
    assert re.search(r"deployment   http://\S+/deployments/deployment/[0-9a-f-]{36}", screen)


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
            end = time.monotonic() + 90
            done: list[str] = []
            while not done and time.monotonic() < end:
                runs = prefect.read_flow_runs(flow_run_filter=ours, limit=200)
                done = [r.state_name or "" for r in runs if r.auto_scheduled and r.state and r.state.is_completed()]
                time.sleep(0.5)
        finally:
            prefect._client.delete(f"/deployments/{deployment.id}/schedules/{extra}")
    assert done


def test_prefects_own_commands_work_as_the_readme_says(up: Up):
    said = up.prefect("deployment", "run", "implement/on-demand", "--param", "limit=1", "--watch")
    assert "finished successfully" in said
    up.prefect("--no-prompt", "deployment", "schedule", "pause", "--all")
    assert "False" in up.prefect("deployment", "schedule", "ls", "implement/every-120s")
    up.prefect("--no-prompt", "deployment", "schedule", "resume", "--all")
    assert "True" in up.prefect("deployment", "schedule", "ls", "implement/every-120s")


def test_the_run_form_explains_each_parameter(up: Up):
    with up.client() as prefect:
        schema = prefect.read_deployment_by_name("implement/on-demand").parameter_openapi_schema or {}
    assert set(schema["properties"]) == {"limit", "item", "dry_run"}
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


def test_ctrl_c_stops_everything_it_started_and_the_next_goes_on(up: Up):
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert len(family) >= 3
    assert up.interrupt() == 0
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    up.start()
    lines = up.read_until(LAST_LINE)
    assert any(line.startswith("Idle: ") for line in lines), "\n".join(lines)
    with up.client() as prefect:
        deployments = prefect.read_deployments()
    assert sorted(each.name for each in deployments) == ["every-120s", "on-demand"], "deploying again changes nothing"
    assert [len(each.schedules) for each in sorted(deployments, key=lambda each: each.name)] == [1, 0]
    assert up.interrupt() == 0
