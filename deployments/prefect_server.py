"""A Prefect server on loopback, or the one that PREFECT_API_URL names."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from deployments.checks import prefect_port
from deployments.leftovers import Started
from deployments.processes import Child
from deployments.running import say
from flows.preflight import answers

# Each was found to matter: without the first two a busy run's task states reach the UI half a minute late; with leases
# in memory a restarted server cancels the living run. A tick every two minutes leaves some tens of MB of history a day,
# of which Prefect keeps all but events for ever: two weeks are kept here (in seconds; set it to keep more).
SERVER = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(14 * 86_400),
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

THE_FLOWS = ("AUTOCODER_", "HF_", "OPENAI_")
"""Beginnings of the names of the flows' settings and tokens: a server that strangers may reach holds none of them."""


def start_prefect(
    environment: dict[str, str], home: Path, started: Started
) -> tuple[dict[str, str], Callable[[], None]]:
    """Use the server that PREFECT_API_URL names, else start one. Returns how it is reached, and what waits for it."""
    if address := environment.get("PREFECT_API_URL"):
        say(f"prefect   {address} (already running)")
        return {}, lambda: None
    port = prefect_port(environment)
    reached = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_HOME": str(home / "prefect")}
    given = {name: value for name, value in environment.items() if not name.startswith(THE_FLOWS)}
    server = Child(
        "The Prefect server",
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        home / "logs" / "prefect.log",
        {**SERVER, "PREFECT_SERVER_API_PORT": str(port), **given, "PREFECT_HOME": reached["PREFECT_HOME"]},
    )
    began = time.monotonic()
    started.start(server)

    def wait() -> None:
        server.wait_until(lambda: answers(f"{reached['PREFECT_API_URL']}/health"), 120)
        say(f"prefect   {reached['PREFECT_API_URL']} (started in {time.monotonic() - began:.0f} s)")

    return reached, wait
