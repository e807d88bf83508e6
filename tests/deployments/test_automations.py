"""Each automation is seen to fire, on a server of its own, and not where it must not."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import Event, Resource
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from deployments.automations import put_in_place, wanted
from deployments.deploy import client
from deployments.prefect_server import SERVER
from deployments.processes import Child, stop
from flows import streaks
from flows.preflight import answers
from stages.errors import Misconfigured
from tests.deployments.make_up import free_port

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0
STUCK = "autocoder: cancel runs that are stuck"


@flow(name="implement")
def implement() -> None: ...


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server as `make up` starts it."""

    folder, port = tmp_path_factory.mktemp("server"), free_port()
    api = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    own = {**SERVER, "PREFECT_HOME": str(folder), "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT2S"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    child = Child("The Prefect server", command, folder / "server.log", {**kept, **own})
    child.start()
    try:
        child.wait_until(lambda: answers(f"{api}/health"), 240)
        yield api
    finally:
        stop([child])


@pytest.fixture
def prefect(server: str) -> Iterator[SyncPrefectClient]:
    with client({"PREFECT_API_URL": server}) as made:
        yield made
        for run in made.read_flow_runs(limit=200):
            made.delete_flow_run(run.id)
        for automation in made.read_automations():
            made.delete_automation(automation.id)


@pytest.fixture
def deployments(prefect: SyncPrefectClient) -> dict[str, UUID]:
    flow_id = prefect.create_flow(implement)
    return {name: prefect.create_deployment(flow_id, name, tags=["autocoder"]) for name in ("every-120s", "on-demand")}


@pytest.fixture
def heard(server: str) -> Iterator[list[dict[str, Any]]]:
    """What a notification block `custom-webhook/ops` has sent."""
    bodies: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base class has it so
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    listener = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    block = CustomWebhookNotificationBlock(
        name="ops",
        url=f"http://127.0.0.1:{listener.server_port}/",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
    )
    with temporary_settings({PREFECT_API_URL: server}):
        block.save("ops", overwrite=True, _sync=True)
    yield bodies
    listener.shutdown()
    listener.server_close()


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.5)
    return False


def placed(prefect: SyncPrefectClient, notify: str = "") -> None:
    """The automations, in place and known to the part of the server that looks at events: it hears of them later."""
    put_in_place(prefect, notify)
    time.sleep(10)


def ended(prefect: SyncPrefectClient, deployment: UUID, *states: State[Any]) -> None:
    """Runs of `implement` that come to these states, one after the other."""
    for state in states:
        run = prefect.create_flow_run_from_deployment(deployment, state=Pending())
        prefect.set_flow_run_state(run.id, Running(), force=True)
        prefect.set_flow_run_state(run.id, state, force=True)


def is_paused(prefect: SyncPrefectClient) -> bool:
    return bool(prefect.read_deployment_by_name("implement/every-120s").paused)


def emit(prefect: SyncPrefectClient, name: str, **payload: str) -> None:
    """An event of ours about a dataset, as a run or a webhook server emits it."""
    resource = Resource({"prefect.resource.id": "autocoder.dataset.ada/some-results"})
    event = Event(event=name, resource=resource, payload=payload, id=uuid4())
    prefect.request("POST", "/events", json=[event.model_dump(mode="json")])


def test_three_failures_in_a_row_pause_the_schedule_and_tell_it_and_a_resumed_one_stays(
    prefect: SyncPrefectClient, deployments: dict[str, UUID], heard: list[dict[str, Any]]
):
    placed(prefect, "custom-webhook/ops")
    ended(prefect, deployments["every-120s"], Failed(), Crashed(), Cancelled(), Failed())
    assert streaks.tell(prefect)
    assert until(lambda: is_paused(prefect))
    assert until(lambda: bool(heard))
    assert heard[0]["subject"] == "autocoder: the schedule is paused"
    prefect.resume_deployment(deployments["every-120s"])
    assert streaks.tell(prefect)
    time.sleep(10)
    assert not is_paused(prefect)


def test_a_run_that_came_to_its_end_between_them_breaks_the_row_and_so_do_budget_and_credits(
    prefect: SyncPrefectClient, deployments: dict[str, UUID]
):
    placed(prefect)
    bounds = [Completed(name=name) for name in ("Budget", "OutOfCredits", "Budget")]
    for states in ([Failed(), Completed(name="Idle"), Failed(), Failed()], bounds):
        ended(prefect, deployments["every-120s"], *states)
        assert not streaks.tell(prefect)
    time.sleep(10)
    assert not is_paused(prefect)


def test_three_ticks_that_crash_before_a_line_of_ours_is_run_pause_the_schedule(
    prefect: SyncPrefectClient, deployments: dict[str, UUID]
):
    placed(prefect)
    ended(prefect, deployments["every-120s"], *(Crashed(message="Its process died.") for _ in range(4)))
    time.sleep(10)
    assert not is_paused(prefect), "a power cut may end several at once"
    exited = ("Process exited with status code: 1.", "Flow run process exited with non-zero status code 1.") * 2
    ended(prefect, deployments["every-120s"], *(Crashed(message=message) for message in exited[:3]))
    assert until(lambda: is_paused(prefect))


def test_a_run_that_is_stuck_is_cancelled_though_it_tells_that_it_lives(
    prefect: SyncPrefectClient, deployments: dict[str, UUID]
):
    placed(prefect)
    (known,) = prefect.read_automations_by_name(STUCK)
    (ours,) = (each for each in wanted(deployments_by_name(deployments)) if each.name == STUCK)
    sooner = ours.trigger.model_copy(update={"within": timedelta(seconds=20)})
    prefect.update_automation(known.id, ours.model_copy(update={"trigger": sooner}))
    stuck, quick = (prefect.create_flow_run_from_deployment(deployments["on-demand"], state=Pending()) for _ in "ab")
    for run in (stuck, quick):
        prefect.set_flow_run_state(run.id, Running(), force=True)
    prefect.set_flow_run_state(quick.id, Completed(name="Published 1 of 1"), force=True)
    assert until(lambda: beats(prefect, stuck) == "Cancelling")
    assert prefect.read_flow_run(quick.id).state_name == "Published 1 of 1"


def beats(prefect: SyncPrefectClient, run: FlowRun) -> str:
    """The run's state, after a heartbeat of it."""
    resource = Resource({"prefect.resource.id": f"prefect.flow-run.{run.id}"})
    related = [{"prefect.resource.id": "prefect.tag.autocoder", "prefect.resource.role": "tag"}]
    event = Event.model_validate({"event": "prefect.flow-run.heartbeat", "resource": resource, "related": related})
    prefect.request("POST", "/events", json=[event.model_dump(mode="json")])
    return prefect.read_flow_run(run.id).state_name or ""


def deployments_by_name(deployments: dict[str, UUID]) -> dict[str, UUID]:
    return {f"implement/{name}": id_ for name, id_ in deployments.items()}


def test_a_quota_that_is_near_is_told(
    prefect: SyncPrefectClient, deployments: dict[str, UUID], heard: list[dict[str, Any]]
):
    placed(prefect, "custom-webhook/ops")
    emit(prefect, "autocoder.quota-near", message="Half of it is taken.")
    assert until(lambda: bool(heard))
    assert heard == [{"subject": "autocoder: a quota is near", "body": "Half of it is taken."}]


def test_an_upstreams_commit_starts_a_run(prefect: SyncPrefectClient, deployments: dict[str, UUID]):
    placed(prefect)
    emit(prefect, "autocoder.upstream-commit")
    assert until(lambda: bool(prefect.read_flow_runs()))
    (run,) = prefect.read_flow_runs()
    assert run.deployment_id == deployments["every-120s"]


def test_a_notification_block_that_is_not_there_is_told_by_its_name(
    prefect: SyncPrefectClient, deployments: dict[str, UUID]
):
    with pytest.raises(Misconfigured, match="slack-webhook/nobody, which the Prefect server does not have"):
        put_in_place(prefect, "slack-webhook/nobody")
