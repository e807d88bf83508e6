"""`make up`: the whole worker on this machine, until Ctrl-C."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from deployments.deploy import POOL, PROJECT, client, deploy
from deployments.follow import Follower
from deployments.processes import Child, stop
from flows.adapters.hub import Hub
from flows.preflight import answers, check_prefect, preflight
from flows.settings import Settings, load
from stages.errors import Permanent, WorkerError

# Each was found to matter: without the first two a busy run's task states reach the UI half a minute late; with leases
# in memory a restarted server cancels the living run.
SERVER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def up(settings: Settings) -> None:
    """Start what is missing, run until Ctrl-C, stop what was started. Raises WorkerError with a sentence."""
    children: list[Child] = []
    with only_one(settings.home):
        try:
            environment = start(settings, children)
            follow(settings, environment, children)
        finally:
            say("Stopping what was started …")
            stop(reversed(children))


def start(settings: Settings, children: list[Child]) -> dict[str, str]:
    """Everything up, in order; returns the environment that flows run in."""
    environment = environment_of(settings)
    if not settings.on_real_hub:
        start_hub(settings, environment, children)
    hub = Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)
    if not settings.on_real_hub:
        from deployments.rehearse import build

        build(settings, hub)
    for line in preflight(settings, hub):
        say(line)
    environment |= start_prefect(environment, settings.home, children)
    deploy(environment)
    say("deployed  implement/every-120s, implement/on-demand")
    worker = Child(
        "The Prefect worker",
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"],
        settings.home / "logs" / "worker.log",
        environment,
    )
    worker.start()
    children.append(worker)
    say(f"worker    started, log in {worker.log}")
    return environment


def environment_of(settings: Settings) -> dict[str, str]:
    """What every process gets: ours, this interpreter first on the path, the home as an absolute path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "AUTOCODER_HOME": str(settings.home)}


def start_hub(settings: Settings, environment: dict[str, str], children: list[Child]) -> None:
    port = urlsplit(settings.local_hub).port or 0
    if not free(port):
        raise Permanent(
            f"Port {port}, which the local Hub wants, is in use by another program. Stop that, or set "
            f"AUTOCODER_LOCAL_HUB to another address, such as http://127.0.0.1:{port + 1}."
        )
    hub = Child(
        "The local Hub",
        [sys.executable, "-m", "flows.adapters.local_hub", str(settings.home / "hub"), "--port", str(port)],
        settings.home / "logs" / "hub.log",
        environment,
    )
    hub.start()
    children.append(hub)
    hub.wait_until(lambda: answers(f"{settings.local_hub}/api/whoami-v2"), 30)
    say(f"hub       {settings.local_hub}, in {settings.home / 'hub'}")


def start_prefect(environment: dict[str, str], home: Path, children: list[Child]) -> dict[str, str]:
    """Use the server that PREFECT_API_URL names, else start one. Returns the address as environment."""
    if address := environment.get("PREFECT_API_URL"):
        check_prefect(address)
        say(f"prefect   {address} (already running)")
        return {}
    port = int(environment.get("PREFECT_SERVER_API_PORT", "4200"))
    address = f"http://127.0.0.1:{port}/api"
    if not free(port):
        who = "A Prefect server already runs" if answers(f"{address}/health") else "Another program listens"
        raise Permanent(
            f"{who} on port {port}. Set PREFECT_API_URL={address} to use it if it is Prefect's, "
            f"or PREFECT_SERVER_API_PORT={port + 1} to start one beside it."
        )
    ours = {**SERVER, "PREFECT_HOME": str(home / "prefect"), "PREFECT_SERVER_API_PORT": str(port)}
    server = Child(
        "The Prefect server",
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        home / "logs" / "prefect.log",
        {**ours, **environment, "PREFECT_HOME": ours["PREFECT_HOME"]},
    )
    began = time.monotonic()
    server.start()
    children.append(server)
    server.wait_until(lambda: answers(f"{address}/health"), 120)
    say(f"prefect   {address} (started in {time.monotonic() - began:.0f} s)")
    return {"PREFECT_API_URL": address, "PREFECT_HOME": ours["PREFECT_HOME"]}


def follow(settings: Settings, environment: dict[str, str], children: list[Child]) -> None:
    """Start a first run and print what comes of items, until Ctrl-C or until a child ends."""
    with client(environment) as prefect:
        follower = Follower(prefect, settings, environment["PREFECT_API_URL"])
        follower.first_run()
        while True:
            for line in follower.news():
                say(line)
            for child in children:
                if child.process.poll() is not None:
                    raise Permanent(f"{child.name} ended (exit code {child.process.returncode}). {child.last_words()}")
            time.sleep(1)


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


def free(port: int) -> bool:
    """Whether nothing listens on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def say(line: str) -> None:
    print(line, flush=True)


def interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    os.chdir(PROJECT)  # relative settings and the deployment's working directory are the checkout's
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with SIGINT ignored
        signal.signal(number, interrupted)
    try:
        up(load())
    except KeyboardInterrupt:
        return 0
    except WorkerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
