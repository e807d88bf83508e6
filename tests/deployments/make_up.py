"""`make up` as a process, and what the tests ask of it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Scheduled

from deployments.deploy import client
from deployments.leftovers import leftovers
from deployments.processes import end
from flows.adapters.hub import Hub
from flows.preflight import answers
from tests import results

LAST_LINE = "Ctrl-C stops everything"


@dataclass
class Up:
    """One `make up` with ports and a home of its own."""

    home: Path
    ports: tuple[int, int]
    lines: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    """More of its environment."""
    module: str = "deployments.local"

    @property
    def env(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "AUTOCODER_"))},
            "AUTOCODER_HOME": str(self.home),
            "AUTOCODER_LOCAL_HUB": f"http://127.0.0.1:{self.ports[0]}",
            "PREFECT_SERVER_API_PORT": str(self.ports[1]),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **self.settings,
        }

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}/api"

    def start(self) -> "Up":
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return self

    def read_until(self, words: str) -> list[str]:
        """Lines printed up to the one with these words, or to the end."""
        assert self.process.stdout is not None
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if words in line:
                break
        return self.lines

    def stop(self) -> None:
        """In order, if it runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def family(self) -> list[psutil.Process]:
        """All that it started, and what those started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def pid(self, name: str) -> int:
        """Of a child."""
        return next(pid for child, pid, _ in json.loads((self.home / "up.json").read_text()) if child == name)

    def wait_for_server(self) -> None:
        """Until the Prefect server answers."""
        for _ in range(600):
            if answers(f"{self.api}/health"):
                return
            time.sleep(0.2)

    def prefect(self, *args: str) -> str:
        """What Prefect's own command line says."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *args], env={**self.env, "PREFECT_API_URL": self.api},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    def rows(self) -> list[dict[str, Any]]:
        """Every row of the results dataset, in order."""
        return results.rows(Hub(self.env["AUTOCODER_LOCAL_HUB"]))

    def client(self) -> SyncPrefectClient:
        """Of its server, with the password where its settings have one."""
        return client({**self.settings, "PREFECT_API_URL": self.api})

    def miss_ticks(self, hours: int) -> UUID:
        """As if no worker had run for so long. Returns a run that somebody asked for meanwhile."""
        now = datetime.now(UTC)
        then = now - timedelta(hours=hours)
        span = {"start_time": str(then), "end_time": str(now), "min_runs": 30 * hours, "max_runs": 30 * hours}
        with self.client() as prefect:
            scheduled = prefect.read_deployment_by_name("implement/every-120s").id
            prefect._client.post(f"/deployments/{scheduled}/schedule", json=span)
            return prefect.create_flow_run_from_deployment(
                prefect.read_deployment_by_name("implement/on-demand").id, state=Scheduled(scheduled_time=then)
            ).id


@contextmanager
def running(home: Path, settings: dict[str, str] | None = None) -> Iterator[Up]:
    """A `make up` that has done its first run, and nothing of it afterwards."""
    started = Up(home, (free_port(), free_port()), settings=settings or {}).start()
    started.read_until(LAST_LINE)
    try:
        yield started
    finally:
        started.stop()
        for left in leftovers(home / "up.json").values():
            end(left)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended."""
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
