"""`make worker`: a Prefect worker of this machine, for the server that PREFECT_API_URL names, until Ctrl-C."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments import running
from deployments.dead_runs import close_dead_runs
from deployments.deploy import POOL, client, forget_missed
from deployments.leftovers import Started
from deployments.processes import Child
from deployments.running import environment_of, say
from deployments.sightings import Sightings
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import check_local_hub, check_prefect, preflight
from flows.settings import Settings
from stages.errors import Misconfigured

LOOK_S = 15.0
"""Between two looks for runs whose process died."""


def work(settings: Settings, started: Started) -> NoReturn:
    """A worker, and a look every 15 s for runs that died here. Raises WorkerError for what is wrong at the start."""
    environment = environment_of(settings)
    if "PREFECT_API_URL" not in environment:
        raise Misconfigured(
            "Set PREFECT_API_URL to the Prefect server to work for, or run `make up`, which starts one."
        )
    check_prefect(environment["PREFECT_API_URL"])
    check_local_hub(settings)
    for line in preflight(settings, Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)):
        say(line)
    with client(environment) as prefect:
        start_worker(prefect, settings, environment, started)
    say("Ctrl-C stops it.")
    # A client that tries again is silent for minutes when the server has ended.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), client(environment) as prefect:
        watch = Watch(prefect, settings)
        while True:
            for line in (*started.revive(), *watch.news()):
                say(line)
            time.sleep(1)


def start_worker(prefect: SyncPrefectClient, settings: Settings, environment: dict[str, str], started: Started) -> None:
    """A worker, after what an earlier one left was tidied up: dead runs, and ticks whose time has passed."""
    for line in close_dead_runs(prefect, settings.home, Sightings(), alone=alone()):
        say(line)
    if missed := forget_missed(prefect):
        say(f"dropped   {missed} scheduled runs whose time passed while no worker ran")
    child = Child(
        "The Prefect worker",
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"],
        settings.home / "logs" / "worker.log",
        {"PREFECT_WORKER_QUERY_SECONDS": "2", **environment},  # 10 by default: a run started by hand would wait for it
    )
    started.start(child)
    say(f"worker    started, log in {child.log}")


@dataclass
class Watch:
    """Looks now and then for runs whose process died, and every second for processes of runs that began beneath us."""

    prefect: SyncPrefectClient
    settings: Settings
    next_look: float = 0.0
    """Of the monotonic clock, in seconds."""
    seen: Sightings = field(default_factory=Sightings)

    def news(self) -> Iterator[str]:
        """A line for each run that is closed now; nothing when the server does not answer: the next look will do."""
        self.seen.look()
        if time.monotonic() > self.next_look:
            self.next_look = time.monotonic() + LOOK_S
            with suppress(httpx.HTTPError, PrefectException):  # the second: of a run that somebody deletes meanwhile
                yield from close_dead_runs(self.prefect, self.settings.home, self.seen, alone=alone())


def alone() -> bool:
    """Whether the server is this machine's, and so are all runs on it."""
    return "PREFECT_API_URL" not in os.environ


def main() -> int:
    settings = load()
    return running.until_stopped(settings.home, "worker", lambda started: work(settings, started))


if __name__ == "__main__":
    sys.exit(running.main(main))
