"""`make up`: the whole worker on this machine, until Ctrl-C."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments import running
from deployments.checks import check, prefect_port
from deployments.deploy import DEPLOYMENTS, client, deploy, prepare
from deployments.follow import Follower
from deployments.leftovers import Started
from deployments.processes import Child
from deployments.running import environment_of, say
from deployments.worker import Watch, start_worker
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import answers, preflight
from flows.settings import Settings

# Each was found to matter: without the first two a busy run's task states reach the UI half a minute late; with leases
# in memory a restarted server cancels the living run.
SERVER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def up(settings: Settings, started: Started) -> NoReturn:
    """Start what is missing, and follow the runs. Raises WorkerError."""
    follow(settings, start(settings, started), started)


def start(settings: Settings, started: Started) -> dict[str, str]:
    """Everything up, in order; returns the environment that flows run in."""
    environment = environment_of(settings)
    check(settings, environment)
    prefect_is_up = start_prefect(environment, settings.home, started)  # takes the longest
    if not settings.on_real_hub:
        start_hub(settings, environment, started)
    hub = Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)
    if not settings.on_real_hub:
        from deployments.rehearse import build

        build(settings, hub)
    for line in preflight(settings, hub):
        say(line)
    environment |= prefect_is_up()
    with client(environment) as prefect:
        prepare(prefect)
        start_worker(prefect, settings, environment, started)
    deploy(environment)
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


def start_prefect(environment: dict[str, str], home: Path, started: Started) -> Callable[[], dict[str, str]]:
    """Use the server that PREFECT_API_URL names, else start one. Returns what waits for it and gives its address."""
    if address := environment.get("PREFECT_API_URL"):
        say(f"prefect   {address} (already running)")
        return dict
    port = prefect_port(environment)
    address = f"http://127.0.0.1:{port}/api"
    ours = {**SERVER, "PREFECT_HOME": str(home / "prefect"), "PREFECT_SERVER_API_PORT": str(port)}
    server = Child(
        "The Prefect server",
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        home / "logs" / "prefect.log",
        {**ours, **environment, "PREFECT_HOME": ours["PREFECT_HOME"]},
    )
    began = time.monotonic()
    started.start(server)

    def is_up() -> dict[str, str]:
        server.wait_until(lambda: answers(f"{address}/health"), 120)
        say(f"prefect   {address} (started in {time.monotonic() - began:.0f} s)")
        return {"PREFECT_API_URL": address, "PREFECT_HOME": ours["PREFECT_HOME"]}

    return is_up


def follow(settings: Settings, environment: dict[str, str], started: Started) -> NoReturn:
    """Start a first run and print what comes of items. Raises Permanent when a child ends again and again."""
    # A client that tries again is silent for minutes when the server has ended.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), client(environment) as prefect:
        follower = Follower(prefect, settings, environment["PREFECT_API_URL"])
        watch = Watch(prefect, settings)
        while True:
            for line in (*started.revive(), *follower.news(), *watch.news()):
                say(line)
            time.sleep(1)


def main() -> int:
    settings = load()
    return running.until_stopped(settings.home, "up", lambda started: up(settings, started))


if __name__ == "__main__":
    sys.exit(running.main(main))
