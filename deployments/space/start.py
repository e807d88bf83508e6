"""`python -m deployments.space.start`: what the container of a Space runs, until it is stopped."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

from prefect.client.schemas.objects import FlowRun

from deployments import running
from deployments.checks import check, prefect_port
from deployments.deploy import automate, client, deployer, prepare
from deployments.follow import follow
from deployments.leftovers import Started
from deployments.prefect_server import start_prefect
from deployments.processes import Child
from deployments.running import environment_of, say
from deployments.space.status import MISSING
from deployments.worker import start_worker
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import answers, preflight
from flows.settings import Settings
from stages.errors import Misconfigured, Transient

PORT = "7860"
AGAIN_S = 60.0
"""Between two tries to reach the Hub."""


def space(settings: Settings, started: Started) -> NoReturn:
    """Server and public port at once; worker and schedule as soon as there is a token and the Hub answers."""
    environment = environment_of(settings) | open_to_the_world(settings)
    check(settings, environment)
    reached, wait_for_prefect = start_prefect(environment, settings.home, started)
    start_front(settings, environment, started)
    environment |= reached
    wait_for_prefect()
    if settings.on_real_hub:
        wait_for_the_hub(settings, started)
        with client(environment) as prefect:
            prepare(prefect, settings)
            start_worker(prefect, settings, environment, started)
            deployer(environment)()
            automate(prefect, settings)
        follow(settings, environment, started, lambda run: addresses(settings, run))
    say(MISSING)
    while True:
        revive(started)
        time.sleep(1)


def revive(started: Started) -> None:
    """Start again what has ended. Raises Permanent when one ends again and again."""
    for line in started.revive():
        say(line)


def open_to_the_world(settings: Settings) -> dict[str, str]:
    """What the Prefect server and its clients need where strangers can reach it. Raises Misconfigured."""
    if "PREFECT_API_URL" in os.environ:
        raise Misconfigured("PREFECT_API_URL: a Space runs a Prefect server of its own; unset it.")
    password = settings.password.get_secret_value() if settings.password else secrets.token_urlsafe(24)
    if not settings.password:
        say(f"password  {password} (made for this start, since AUTOCODER_PASSWORD is unset)")
    return {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
        "AUTOCODER_PASSWORD": password,  # so that it is known for a secret
        "PREFECT_UI_API_URL": "/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(settings.home / "ui"),  # by default in the installed package
    }


def start_front(settings: Settings, environment: dict[str, str], started: Started) -> None:
    """The public port."""
    port = os.environ.get("PORT", PORT)
    api = f"http://127.0.0.1:{prefect_port(environment)}/api"
    front = Child(
        "The front",
        [sys.executable, "-m", "deployments.space.front"],
        settings.home / "logs" / "front.log",
        {**environment, "PREFECT_API_URL": api, "PORT": port},
    )
    started.start(front)
    front.wait_until(lambda: answers(f"http://127.0.0.1:{port}/status"), 120)
    say(f"front     port {port}: /status is open to everybody, the rest asks for the password")


def wait_for_the_hub(settings: Settings, started: Started) -> None:
    """Say what is about to be used, once the Hub answers: a Space that ends is not started again by anybody."""
    while True:
        try:
            lines = preflight(settings, Hub(settings.hub_address, settings.hf_token))
        except Transient as error:
            say(f"waiting   {error}")
            revive(started)
            time.sleep(AGAIN_S)
        else:
            say("\n".join(lines))
            return


def addresses(settings: Settings, run: FlowRun) -> Iterator[str]:
    """Where to look."""
    space = os.environ.get("SPACE_HOST", "localhost")
    yield f"page         https://{space}/status"
    yield f"deployment   https://{space}/v2/deployments/deployment/{run.deployment_id}"
    yield f"dataset      {settings.hub_address}/datasets/{settings.datasets[2]}"


def main() -> int:
    settings = load()
    return running.until_stopped(settings.home, "up", lambda started: space(settings, started))


if __name__ == "__main__":
    sys.exit(running.main(main))
