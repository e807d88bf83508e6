"""`make ha`: compose.yaml's processes on this machine, each in turn killed in mid-run; every item is published once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from deployments.deploy import PROJECT, client
from deployments.docker import debian, passwords
from deployments.docker.cluster import Cluster, cluster
from deployments.docker.containers import inside
from deployments.docker.trial import Trial
from deployments.follow import REHEARSAL_ITEMS
from deployments.running import say, tell
from flows.adapters.hub import Hub
from stages.errors import WorkerError

FOLDER = PROJECT / "build" / "ha"
HUB, API = "http://hub:8765", "http://balancer:8080/api"
OURS = ("PREFECT_", "AUTOCODER_", "HF_", "OPENAI_")


def outside() -> int:
    """Make passwords and go inside. Returns the exit code."""
    if lacking := debian.missing():
        say(f"skipped   {lacking}")
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    passwords.make(FOLDER / "secrets", {})
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment |= {"PATH": path, "PYTHONPATH": str(PROJECT), "PREFECT_API_URL": API}
    environment["PREFECT_API_AUTH_STRING"] = (FOLDER / "secrets" / "api_auth").read_text(encoding="utf-8")
    command = inside([sys.executable, "-m", "deployments.docker.ha", "--inside"])
    with subprocess.Popen(command, env=environment, cwd=PROJECT) as running:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the process inside, whose end is the end of all
        signal.signal(signal.SIGTERM, lambda *_: running.kill())
        return running.wait()


def within(environment: Mapping[str, str]) -> None:
    """Everything up, the rounds, and what came of it. Raises WorkerError."""
    began = time.monotonic()
    made = cluster(FOLDER, FOLDER / "secrets", environment)
    start(made, {"worker"})
    made.wait_for(made.services["deploy"], "service_completed_successfully")
    with client(dict(environment)) as prefect:
        schedule = prefect.read_deployment_by_name("implement/every-120s").id
        prefect.request("POST", "/deployments/{id}/pause_deployment", path_params={"id": schedule})
        start(made, made.services.keys() - {"worker"})
        wait_for_all(made)
        say(f"started   {len(made.containers)} containers in {time.monotonic() - began:.0f} s")
        trial = Trial(made, prefect, Hub(HUB))
        trial.round(3, "an API server (api-1)", lambda: trial.kill("api-1"))
        trial.round(2, "a worker, with its run", trial.kill_a_busy_worker)
        trial.round(1, "the background services", lambda: trial.kill("services"))
        trial.round(1, "Redis", lambda: trial.kill("redis"))
        prefect.request("POST", "/deployments/{id}/resume_deployment", path_params={"id": schedule})
        trial.until_all_is_published(REHEARSAL_ITEMS)
        wait_for_all(made)
        say(f"held      {trial.check(REHEARSAL_ITEMS)}; {time.monotonic() - began:.0f} s in all")


def start(made: Cluster, without: set[str]) -> None:
    """All services but these, in order. Raises Permanent."""
    for service in made.services.values():
        if service.name not in without:
            made.start(service)
            say(f"started   {service.name}" + f" × {service.replicas}" * (service.replicas > 1))


def wait_for_all(made: Cluster) -> None:
    """Until everything that is to stay up runs and answers its health check. Raises Permanent."""
    for service in made.services.values():
        if service.restarted:
            made.wait_for(service, "service_healthy")


def main() -> int:
    if "--inside" not in sys.argv[1:]:
        return outside()
    try:
        within(os.environ)
    except WorkerError as error:
        return tell(error)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
