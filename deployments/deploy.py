"""`make deploy`: pool, automations and deployments in place, again and again with the same result."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments import automations, limits
from flows.environment import load
from flows.preflight import check_prefect
from flows.settings import Settings
from stages.errors import Permanent, WorkerError

POOL = "autocoder"
DEPLOYMENTS = ("implement/every-120s", "implement/on-demand", "implement-item/pool", "maintain/daily")
PROJECT = Path(__file__).parent.parent
DEPLOY_S = 300.0
"""It takes some ten seconds."""
_ON_THE_WORD = """
import sys
import prefect.cli.deploy, flows.implement, flows.item, flows.maintain
if sys.stdin.read() == "go":  # nothing is said where who started it has ended
    from prefect.cli import app
    app()
"""


def prepare(prefect: SyncPrefectClient, settings: Settings) -> None:
    """What deployments and runs need to be there: the pool, the limits."""
    make_pool(prefect)
    limits.put_in_place(prefect, settings.calls_per_minute)


def deployer(environment: Mapping[str, str]) -> Callable[[], None]:
    """Deploys, when called, what prefect.yaml says, on the server that `environment` names; the pool must be there.

    Its process is started at once: what it imports takes as long as a server needs to start. What it returns raises
    Permanent with what Prefect printed when it refuses.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _ON_THE_WORD, "--no-prompt", "deploy", "--all"], cwd=PROJECT, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip

    def deploy() -> None:
        try:
            said, _ = process.communicate("go", timeout=DEPLOY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Permanent(f"prefect deploy --all was not done after {DEPLOY_S:g} s in {PROJECT}.") from None
        if process.returncode:
            raise Permanent(f"prefect deploy --all failed in {PROJECT}:\n{said[-4000:]}")

    return deploy


def automate(prefect: SyncPrefectClient, settings: Settings) -> None:
    """The automations, once the deployments are there. Raises Misconfigured for a block that is not."""
    automations.put_in_place(prefect, settings.notify)


def forget_missed(prefect: SyncPrefectClient) -> int:
    """How many scheduled runs were removed whose time passed while no worker ran; what a person asked for stays.

    A worker would start all of them at once, and all but one would be cancelled. That one is wanted of the daily run
    alone: a machine that is off every night would never do it.
    """
    return sum(_forget_missed(prefect, name) for name in DEPLOYMENTS if name.startswith("implement/"))


def _forget_missed(prefect: SyncPrefectClient, name: str) -> int:
    try:
        deployment = prefect.read_deployment_by_name(name)
    except ObjectNotFound:
        return 0
    missed = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled", "Late"])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
    )
    before = prefect.count_flow_runs(flow_run_filter=missed)
    if not before or deployment.paused:
        return 0
    # This removes them in one statement; one by one, a hundred can take a minute while the server marks them as late.
    # The client's own `pause_deployment` is another request, which leaves those whose time has passed.
    which = {"id": deployment.id}
    try:
        prefect.request("POST", "/deployments/{id}/pause_deployment", path_params=which)
    finally:
        prefect.request("POST", "/deployments/{id}/resume_deployment", path_params=which)
    return before - prefect.count_flow_runs(flow_run_filter=missed)


def client(environment: dict[str, str]) -> SyncPrefectClient:
    """A client of the server that the environment names, with the password that it holds."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    named = (PREFECT_API_URL, PREFECT_API_AUTH_STRING)
    with temporary_settings({each: environment[each.name] for each in named if each.name in environment}):
        return get_client(sync_client=True)


def make_pool(prefect: SyncPrefectClient) -> None:
    """A process pool, unless a pool of that name exists: its owner may have chosen another type."""
    try:
        prefect.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


def main() -> None:
    if "PREFECT_API_URL" not in os.environ:
        sys.exit("Set PREFECT_API_URL to the Prefect server to deploy to, or run `make up`, which starts one.")
    try:
        settings, environment = load(), dict(os.environ)
        check_prefect(environment["PREFECT_API_URL"])
        with client(environment) as prefect:
            prepare(prefect, settings)
            deployer(environment)()
            automate(prefect, settings)
    except WorkerError as error:
        sys.exit(str(error))
    print(f"In place: pool {POOL}, limits, automations, deployments {', '.join(DEPLOYMENTS)}.")


if __name__ == "__main__":
    main()
