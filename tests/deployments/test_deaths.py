"""Real runs, in hand while the model does not answer: the dead are closed, the living are not."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.states import Pending

from deployments.automations import wanted
from deployments.deploy import PROJECT
from deployments.leftovers import leftovers
from deployments.processes import end
from deployments.sightings import run_of
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import Answer, Call, Wire, says
from tests.deployments.make_up import Up, free_port

pytestmark = pytest.mark.slow

SILENT = "autocoder: close runs that have fallen silent"
PATIENCE_S = 240.0
"""For what has no bound of its own, on a busy machine."""


class Held(FakeModel):
    """A model that lets all calls wait until it is told to answer."""

    answers = False

    def __init__(self) -> None:
        super().__init__(self._held)

    def _held(self, call: Call) -> Answer:
        async def answer(call: Call, wire: Wire) -> None:
            while not self.answers:
                await asyncio.sleep(0.1)
            await says(answer_for(call.step, call.prompt, call.item))(call, wire)

        return answer


@pytest.fixture
def model() -> Iterator[Held]:
    with Held() as held:
        yield held


@pytest.fixture
def up(tmp_path: Path, model: Held) -> Iterator[Up]:
    own = {"OPENAI_BASE_URL": model.address, "OPENAI_API_KEY": "none", "AUTOCODER_MODEL": "fake-1"}
    started = Up(tmp_path / "home", (free_port(), free_port()), settings=own | {"AUTOCODER_SILENCE_SECONDS": "900"})
    started.start().read_until("worker    started")
    yield started
    started.stop()
    for left in leftovers(started.home / "up.json").values():
        end(left)


@pytest.fixture
def prefect(up: Up) -> Iterator[SyncPrefectClient]:
    with up.client() as client:
        yield client


def until(found: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Whether it came to be so within so many seconds."""
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        if found():
            return True
        time.sleep(0.5)
    return found()


def in_hand(prefect: SyncPrefectClient, model: Held) -> FlowRun:
    """A run that a worker started, and that waits for the model."""
    assert until(lambda: bool(model.calls)), "nobody asked the model"
    for run in prefect.read_flow_runs():
        if run.state_name == "Running" and run.infrastructure_pid:
            return run
    raise AssertionError("no run is Running")


def state(prefect: SyncPrefectClient, run: FlowRun) -> str:
    return prefect.read_flow_run(run.id).state_name or ""


def task_states(prefect: SyncPrefectClient, run: FlowRun) -> set[str]:
    ours = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    return {task_run.state_name or "" for task_run in prefect.read_task_runs(flow_run_filter=ours)}


def test_a_run_that_dies_with_its_worker_is_closed_within_a_minute_with_its_task_runs(
    up: Up, prefect: SyncPrefectClient, model: Held
):
    run = in_hand(prefect, model)
    assert until(lambda: "Running" in task_states(prefect, run))
    flow = psutil.Process(int(run.infrastructure_pid or 0))
    for process in (psutil.Process(up.pid("The Prefect worker")), flow):
        process.kill()
    assert until(lambda: state(prefect, run) == "Crashed", 60)
    assert until(lambda: task_states(prefect, run) <= {"Completed", "Cached", "Crashed"})
    model.answers = True
    assert "finished successfully" in up.prefect("deployment", "run", "implement/on-demand", "--watch")


def test_a_run_lives_on_while_the_server_is_away_and_ends_as_it_would_have(
    up: Up, prefect: SyncPrefectClient, model: Held
):
    run = in_hand(prefect, model)
    before = up.pid("The Prefect server")
    psutil.Process(before).kill()
    assert "The Prefect server ended (exit code -9), and is started again" in "\n".join(up.read_until("restart"))
    up.wait_for_server()
    time.sleep(40)  # two looks for dead runs, and a heartbeat
    assert state(prefect, run) == "Running"
    model.answers = True
    assert until(lambda: state(prefect, run) != "Running")
    assert state(prefect, run).startswith("Published")


def test_a_run_that_dies_elsewhere_is_closed_when_it_has_fallen_silent(
    up: Up, prefect: SyncPrefectClient, model: Held, tmp_path: Path
):
    up.read_until("deployed")
    (automation,) = (each for each in wanted(defaultdict(uuid4)) if each.name == SILENT)
    sooner = automation.trigger.model_copy(update={"within": timedelta(seconds=45)})
    (known,) = prefect.read_automations_by_name(automation.name)
    prefect.update_automation(known.id, automation.model_copy(update={"trigger": sooner}))
    deployment = prefect.read_deployment_by_name("implement/on-demand")
    runs = [prefect.create_flow_run_from_deployment(deployment.id, state=Pending()) for _ in range(2)]
    dying, living = runs
    processes = [elsewhere(up, run, tmp_path / run.name) for run in runs]
    try:
        assert until(lambda: {state(prefect, run) for run in runs} == {"Running"})
        processes[0].kill()
        assert until(lambda: state(prefect, dying) == "Crashed")
        assert "It has not been heard of" in (prefect.read_flow_run(dying.id).state.message or "")  # type: ignore[union-attr]
        time.sleep(60)  # more than the bound: who tells that it lives is left alone
        assert state(prefect, living) == "Running"
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_run_that_dies_beside_a_worker_of_its_own_is_closed_within_a_minute(
    up: Up, prefect: SyncPrefectClient, model: Held, tmp_path: Path
):
    up.read_until("deployed")
    deployment = prefect.read_deployment_by_name("implement/on-demand")
    run = prefect.create_flow_run_from_deployment(deployment.id, state=Pending())
    process = elsewhere(up, run, tmp_path / "other")
    worker = subprocess.Popen(
        [sys.executable, "-m", "deployments.worker"],
        env={**up.env, "PREFECT_API_URL": up.api, "AUTOCODER_HOME": str(tmp_path / "other")},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert worker.stdout
        assert any("Ctrl-C" in line for line in worker.stdout)
        assert until(lambda: "Running" in task_states(prefect, run))
        process.kill()
        assert until(lambda: state(prefect, run) == "Crashed", 60)
        assert (prefect.read_flow_run(run.id).state.message or "") == "Its process died."  # type: ignore[union-attr]
        assert until(lambda: task_states(prefect, run) <= {"Completed", "Cached", "Crashed"})
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
        process.kill()
        process.wait()


def test_a_run_that_dies_before_it_took_its_lock_is_closed_by_the_worker_that_saw_it_begin(
    up: Up, prefect: SyncPrefectClient, tmp_path: Path
):
    up.read_until("deployed")
    others = [psutil.Process(up.process.pid), psutil.Process(up.pid("The Prefect worker"))]
    for other in others:
        other.suspend()  # it would take the run, and knows process ids of its server's runs
    home = tmp_path / "other"
    env = {**up.env, "PREFECT_API_URL": up.api, "AUTOCODER_HOME": str(home)}
    argv = [sys.executable, "-m", "deployments.worker"]
    worker = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout
        assert any("Ctrl-C" in line for line in worker.stdout)
        run = prefect.create_flow_run_from_deployment(prefect.read_deployment_by_name("maintain/daily").id)
        process = beneath(worker.pid, run)
        process.suspend()
        time.sleep(5)  # more than one look
        assert not (home / "runs" / f"{run.id}.lock").exists()
        parent = process.parent()
        assert parent
        for dying in (parent, process):
            dying.kill()
        assert until(lambda: state(prefect, run) == "Crashed", 75)
        assert (prefect.read_flow_run(run.id).state.message or "") == "Its process died before it began."  # type: ignore[union-attr]
    finally:
        for other in others:
            other.resume()
        worker.terminate()
        assert worker.wait(60) == 0


def beneath(worker: int, run: FlowRun) -> psutil.Process:
    """The process that this worker starts for the run."""
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        for process in psutil.Process(worker).children(recursive=True):
            if run_of(process) == run.id:
                return process
        time.sleep(0.1)
    raise AssertionError("the worker starts nothing")


def elsewhere(up: Up, run: FlowRun, home: Path) -> "subprocess.Popen[bytes]":
    """The run's process, as another machine's worker starts it: `make up` knows neither its lock nor its process id."""
    shutil.copytree(up.home / "rehearsal", home / "rehearsal")  # the findings name their repository by this path
    env = {**up.env, "PREFECT_API_URL": up.api, "AUTOCODER_HOME": str(home)}
    argv = [sys.executable, "-m", "prefect.engine", str(run.id)]
    return subprocess.Popen(
        argv, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
