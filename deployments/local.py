"""`make up`: the whole worker on this machine, until Ctrl-C."""

import os
import sys
from collections.abc import Iterator
from typing import NoReturn
from urllib.parse import urlsplit

from prefect.client.schemas.objects import FlowRun

from deployments import running
from deployments.checks import check, check_hub_port
from deployments.deploy import DEPLOYMENTS, automate, client, deployer, prepare
from deployments.follow import follow
from deployments.leftovers import Started
from deployments.prefect_server import start_prefect
from deployments.processes import Child
from deployments.running import environment_of, say
from deployments.worker import start_worker
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import answers, preflight
from flows.settings import Settings


def up(settings: Settings, started: Started) -> NoReturn:
    """Start what is missing, and follow the runs. Raises WorkerError."""
    environment = start(settings, started)
    ui = environment["PREFECT_API_URL"].removesuffix("/api")
    follow(settings, environment, started, lambda run: addresses(settings, ui, run))


def start(settings: Settings, started: Started) -> dict[str, str]:
    """Everything up, in order; returns the environment that flows run in."""
    environment = environment_of(settings)
    check(settings, environment)
    check_hub_port(settings)
    reached, wait_for_prefect = start_prefect(environment, settings.home, started)  # takes the longest
    environment |= reached
    deploy = deployer(environment)
    if not settings.on_real_hub:
        start_hub(settings, environment, started)
    hub = Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)
    if not settings.on_real_hub:
        from deployments.rehearse import build

        build(settings, hub)
    for line in preflight(settings, hub):
        say(line)
    wait_for_prefect()
    with client(environment) as prefect:
        prepare(prefect, settings)
        start_worker(prefect, settings, environment, started)
        deploy()
        automate(prefect, settings)
    say(f"deployed  {', '.join(DEPLOYMENTS)}")
    return environment


def start_hub(settings: Settings, environment: dict[str, str], started: Started) -> None:
    port = urlsplit(settings.local_hub).port or 0
    hub = Child(
        "The local Hub",
        [sys.executable, "-m", "flows.adapters.local_hub", str(settings.home / "hub"), "--port", str(port)],
        settings.home / "logs" / "hub.log",
        environment,
    )
    started.start(hub)
    hub.wait_until(lambda: answers(f"{settings.local_hub}/api/whoami-v2"), 30)
    say(f"hub       {settings.local_hub}, in {settings.home / 'hub'}")


def addresses(settings: Settings, ui: str, run: FlowRun) -> Iterator[str]:
    """Where to look."""
    dataset = settings.datasets[2]
    python = os.path.relpath(sys.executable)
    local = "" if settings.on_real_hub else f"HF_ENDPOINT={settings.local_hub} "
    yield ""
    yield f"Prefect UI   {ui}"
    yield f"deployment   {ui}/v2/deployments/deployment/{run.deployment_id}"
    yield f"dataset      {settings.hub_address}/datasets/{dataset}"
    code = f'from datasets import load_dataset; print(load_dataset("{dataset}")["train"][-1])'
    yield f"  {local}{python} -c '{code}'"
    yield ""
    yield "A run every 120 s; Ctrl-C stops everything that was started here."


def main() -> int:
    settings = load()
    return running.until_stopped(settings.home, "up", lambda started: up(settings, started))


if __name__ == "__main__":
    sys.exit(running.main(main))
