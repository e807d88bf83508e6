"""What chaos happens to: a Prefect server, a worker, a local Hub and the fake model as processes, and `--once` runs."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from prefect.client.orchestration import SyncPrefectClient

from deployments.dead_runs import close_dead_runs
from deployments.deploy import POOL, PROJECT, client
from deployments.local import SERVER
from deployments.processes import Child, stop
from flows.preflight import answers
from tests.adapters.git_repositories import make
from tests.bench.ledger import Ledger
from tests.bench.rig import environment, ports
from tests.chaos.siblings import Siblings
from tests.chaos.weather import set_rate

RESULTS = "autocoder/autocoder-implementation-results"
SETTINGS = {
    "AUTOCODER_RETRY_MINUTES": "0",  # what broke off is taken up again by the next run
    "AUTOCODER_SILENCE_SECONDS": "2",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}
READY_S = 180.0


@dataclass
class Run:
    """One `python -m flows.implement --once`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started: float
    """By the monotonic clock."""

    @property
    def words(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace")

    def kill(self, family: bool) -> None:
        """SIGKILL, to it alone or to its children, too."""
        with suppress(ProcessLookupError):
            (os.killpg if family else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class World:
    """Everything by name, to be killed and started again."""

    folder: Path
    env: dict[str, str]
    addresses: dict[str, str]
    argv: dict[str, list[str]]
    siblings: Siblings
    children: dict[str, Child] = field(default_factory=dict)
    runs: int = 0

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

    def once(self, limit: int) -> Run:
        """Start a run."""
        self.runs += 1
        name = f"run-{self.runs}"
        log = self.folder / "logs" / f"{name}.log"
        argv = [sys.executable, "-m", "flows.implement", "--once", "--limit", str(limit)]
        env = {**self.env, "OPENAI_API_KEY": name}  # by which the model tells runs apart
        with log.open("wb") as file:
            process = subprocess.Popen(
                argv, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        return Run(name, process, log, time.monotonic())

    def prefect(self) -> SyncPrefectClient:
        """A client of the server."""
        return client(self.env)

    def close_dead_runs(self) -> None:
        """As `make up` does it."""
        with self.prefect() as prefect:
            list(close_dead_runs(prefect, self.home, alone=True))

    def deploy(self) -> subprocess.Popen[bytes]:
        """Put the deployments in place, beside what else happens."""
        with (self.folder / "logs" / "deploy.log").open("wb") as log:
            argv = [sys.executable, "-m", "deployments.deploy"]
            return subprocess.Popen(argv, cwd=PROJECT, env=self.env, stdout=log, stderr=log)


@contextmanager
def world(seed: int) -> Iterator[World]:
    """Server, Hub and model up, good weather, and all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="autocoder-chaos-", ignore_cleanup_errors=True) as name:
        made = _world(Path(name), seed)
        try:
            for each in ("server", "hub", "model"):
                made.start(each)
            made.wait_for("hub", "model", "server")
            yield made
        finally:
            flows = made.flows()
            stop(reversed(made.children.values()))
            for process in flows:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def _world(folder: Path, seed: int) -> World:
    (folder / "hub").mkdir()
    for name in ("calls", "requests"):
        (folder / f"{name}.jsonl").touch()
    server, hub, model = ports(3)
    env = environment(folder, server, hub, model) | SETTINGS
    env |= {"AUTOCODER_HOME": str(folder / "home"), "OPENAI_API_KEY": "worker", "CHAOS_SEED": str(seed)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    rate = str(folder / "rate")
    set_rate(folder / "rate", 0)
    argv = {
        "server": ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(server)],
        "hub": ["tests.chaos.hub", str(folder / "hub"), str(hub), str(folder / "requests.jsonl"), rate, "SEED"],
        "model": ["tests.chaos.endpoint", str(model), str(folder / "calls.jsonl"), rate, "SEED"],
        "worker": ["prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"],
    }
    argv["model"].append(str(folder / "home" / "results"))
    addresses = {
        "server": f"{env['PREFECT_API_URL']}/health",
        "hub": f"http://127.0.0.1:{hub}/api/whoami-v2",
        "model": f"http://127.0.0.1:{model}/v1/models",
    }
    code = make(folder / "code", {"ledger.py": "def total(amounts):\n    return sum(amounts)\n"})
    return World(folder, env, addresses, argv, Siblings(folder / "hub", Random(seed), str(code)))


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
