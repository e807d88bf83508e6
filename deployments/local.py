"""`make up`: the whole worker on this machine, until Ctrl-C."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

import httpx
from filelock import FileLock, Timeout
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.checks import check, prefect_port
from deployments.dead_runs import close_dead_runs
from deployments.deploy import DEPLOYMENTS, POOL, PROJECT, client, deploy, forget_missed, make_pool
from deployments.follow import Follower
from deployments.leftovers import Started, leftovers
from deployments.processes import Child, end
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import answers, preflight
from flows.settings import Settings
from stages.errors import Permanent, WorkerError

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
LOOK_S = 15.0
"""Between two looks for runs whose process died."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite end from elsewhere, and the terminal's end."""


def up(settings: Settings) -> int:
    """Start what is missing, run until Ctrl-C, stop what was started. Returns the exit code; raises WorkerError."""
    started = Started(settings.home / "up.json")
    with only_one(settings.home):
        clear(started.record)
        try:
            environment = start(settings, started)
            follow(settings, environment, started)
        except WorkerError as error:
            return tell(error)  # at once: stopping the others may take a while
        finally:
            for number in ENDINGS:  # a second Ctrl-C would leave behind what is not stopped yet
                signal.signal(number, signal.SIG_IGN)
            with suppress(OSError):  # the terminal may be gone
                say("Stopping what was started …")
            started.stop()


def clear(record: Path) -> None:
    """Stop what a `make up` that was killed could not stop."""
    if left := leftovers(record):
        say(f"stopping  what a killed `make up` left: {', '.join(left).replace('The ', 'the ')}")
        for process in left.values():
            end(process)


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
        make_pool(prefect)
        for line in close_dead_runs(prefect, settings.home, alone=alone()):
            say(line)
        if missed := forget_missed(prefect):
            say(f"dropped   {missed} scheduled runs whose time passed while no worker ran")
    worker = Child(
        "The Prefect worker",
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"],
        settings.home / "logs" / "worker.log",
        {"PREFECT_WORKER_QUERY_SECONDS": "2", **environment},  # 10 by default: a run started by hand would wait for it
    )
    started.start(worker)
    say(f"worker    started, log in {worker.log}")
    deploy(environment)
    say(f"deployed  {', '.join(DEPLOYMENTS)}")
    return environment


def environment_of(settings: Settings) -> dict[str, str]:
    """What every process gets: ours, this interpreter first on the path, the home as an absolute path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "AUTOCODER_HOME": str(settings.home)}


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
        follower, next_look = Follower(prefect, settings, environment["PREFECT_API_URL"]), 0.0
        while True:
            for line in started.revive():
                say(line)
            for line in follower.news():
                say(line)
            if time.monotonic() > next_look:
                next_look = time.monotonic() + LOOK_S
                with suppress(httpx.HTTPError):  # the server is away: the next look will do
                    for line in close_dead_runs(prefect, settings.home, alone=alone()):
                        say(line)
            time.sleep(1)


def alone() -> bool:
    """Whether the server is this machine's, and so are all runs on it."""
    return "PREFECT_API_URL" not in os.environ


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold this home for one `make up`. Raises Permanent when another has it."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "up.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise Permanent(
            f"`make up` already runs here: {home} is in use. Stop it first (Ctrl-C in its window)."
        ) from None
    try:
        yield
    finally:
        lock.release()


def say(line: str) -> None:
    print(line, flush=True)


def tell(error: WorkerError) -> int:
    print(error, file=sys.stderr, flush=True)
    return 1


def interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    os.chdir(PROJECT)  # relative settings and the deployment's working directory are the checkout's
    for number in ENDINGS:  # SIGINT also where a shell started us with it ignored; SIGHUP not under nohup
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupted)
    try:
        return up(load())
    except KeyboardInterrupt:
        return 0
    except WorkerError as error:
        return tell(error)


if __name__ == "__main__":
    sys.exit(main())
