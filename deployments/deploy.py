"""`make deploy`: pool and deployments in place, again and again with the same result."""

import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from flows.preflight import check_prefect
from stages.errors import Permanent, WorkerError

POOL = "autocoder"
DEPLOYMENTS = ["every-120s", "on-demand"]
PROJECT = Path(__file__).parent.parent


def deploy(environment: dict[str, str]) -> None:
    """Make the pool and deploy what prefect.yaml says, on the server that `environment` names.

    Raises Permanent with what Prefect printed when it refuses.
    """
    with client(environment) as prefect:
        make_pool(prefect)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Permanent(f"prefect deploy --all failed in {PROJECT}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def forget_missed(environment: dict[str, str]) -> int:
    """How many scheduled runs were removed whose time passed while no worker ran; what a person asked for stays.

    A worker would start all of them at once, and all but one would be cancelled.
    """
    missed = FlowRunFilter(
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled", "Late"])),
        next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
    )
    flow = FlowFilter(name=FlowFilterName(any_=["implement"]))
    ours = DeploymentFilter(name=DeploymentFilterName(any_=DEPLOYMENTS))
    removed = kept = 0
    with client(environment) as prefect:
        while runs := prefect.read_flow_runs(
            flow_filter=flow, deployment_filter=ours, flow_run_filter=missed, limit=200, offset=kept
        ):
            for run in runs:
                if run.auto_scheduled:
                    with suppress(ObjectNotFound):  # another `make up` was faster
                        prefect.delete_flow_run(run.id)
                    removed += 1
                else:
                    kept += 1
    return removed


def client(environment: dict[str, str]) -> SyncPrefectClient:
    """A client of the server that the environment names."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}):
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
        check_prefect(os.environ["PREFECT_API_URL"])
        deploy(dict(os.environ))
    except WorkerError as error:
        sys.exit(str(error))
    print("In place: pool autocoder, deployments implement/every-120s and implement/on-demand.")


if __name__ == "__main__":
    main()
