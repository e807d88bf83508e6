"""What chaos happens to: a Prefect server, a worker, a local Hub and the fake model as processes, and `--once` runs."""

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prefect.client.orchestration import SyncPrefectClient

from deployments.dead_runs import close_dead_runs
from deployments.deploy import PROJECT, client
from deployments.prefect_server import SERVER
from deployments.processes import Child
from deployments.sightings import Sightings
from flows.preflight import answers
from tests.bench.ledger import Ledger
from tests.chaos.nursery import Nursery
from tests.chaos.once import Run, once
from tests.chaos.siblings import Siblings
from tests.chaos.weather import set_rate

RESULTS = "autocoder/autocoder-implementation-results"
READY_S = 180.0


@dataclass
class World:
    """Everything by name, to be killed and started again."""

    folder: Path
    env: dict[str, str]
    addresses: dict[str, str]
    argv: dict[str, list[str]]
    siblings: Siblings
    nursery: Nursery
    children: dict[str, Child] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """AUTOCODER_HOME of all runs and of the worker."""
        return self.folder / "home"

    @property
    def calls(self) -> Ledger:
        """Of the model."""
        return Ledger(self.folder / "calls.jsonl")

    @property
    def requests(self) -> Ledger:
        """To the Hub."""
        return Ledger(self.folder / "requests.jsonl")

    @property
    def main(self) -> Path:
        """The results dataset as it is now."""
        return self.siblings.hub.path(RESULTS)

    def weather(self, rate: float) -> None:
        """So many of the requests meet a fault from now on."""
        set_rate(self.folder / "rate", rate)

    def start(self, name: str) -> None:
        """Start it; it need not be ready yet."""
        seed = f"{name}-{len(list(self.folder.glob(f'logs/{name}-*')))}-{self.env['CHAOS_SEED']}"
        argv = [sys.executable, "-m", *(part.replace("SEED", seed) for part in self.argv[name])]
        log = self.folder / "logs" / f"{name}-{time.time():.3f}.log"
        child = Child(f"The {name}", argv, log, self.env | (SERVER if name == "server" else {}))
        child.start()
        self.children[name] = child

    def wait_for(self, *names: str) -> None:
        """Until they answer. Raises Permanent with the log's end."""
        for name in names:
            if address := self.addresses.get(name):
                self.children[name].wait_until(lambda address=address: answers(address), READY_S)  # type: ignore[misc]

    def kill(self, name: str) -> None:
        """SIGKILL; a worker's flows live on."""
        child = self.children[name]
        family = [] if name == "worker" else child.identity.children(recursive=True)
        for process in [child.identity, *family]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        child.process.wait()

    def flows(self) -> list[psutil.Process]:
        """Flow processes that the worker started."""
        worker = self.children.get("worker")
        if not worker or not worker.identity.is_running():
            return []
        family = worker.identity.children(recursive=True)
        return [process for process in family if "prefect.engine" in _command(process)]

    def once(self, limit: int, bare: bool = False) -> Run:
        """Start a run; the model knows it by its name, which is its key. bare: from nothing, imports and all."""
        name = f"run-{len(self.runs) + 1}"
        log = self.folder / "logs" / f"{name}.log"
        started = time.monotonic()
        process = once(limit, name, log, self.env) if bare else self.nursery.begin(limit, name, log)
        self.runs.append(Run(name, process, log, started))
        return self.runs[-1]

    def prefect(self) -> SyncPrefectClient:
        """A client of the server."""
        return client(self.env)

    def close_dead_runs(self) -> None:
        """As `make up` does it."""
        with self.prefect() as prefect:
            list(close_dead_runs(prefect, self.home, Sightings(), alone=True))

    def deploy(self) -> subprocess.Popen[bytes]:
        """Put the deployments in place, beside what else happens."""
        with (self.folder / "logs" / "deploy.log").open("wb") as log:
            argv = [sys.executable, "-m", "deployments.deploy"]
            return subprocess.Popen(argv, cwd=PROJECT, env=self.env, stdout=log, stderr=log)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
