"""`make deploy`: pool and deployments in place, again and again with the same result."""

import os
import subprocess
import sys
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from stages.errors import Permanent

POOL = "autocoder"
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
    deploy(dict(os.environ))
    print("In place: pool autocoder, deployments implement/every-120s and implement/on-demand.")


if __name__ == "__main__":
    main()
