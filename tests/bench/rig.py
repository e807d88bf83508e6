"""What a bench runs on: a Prefect server, a local Hub and the fake model as processes over one temporary folder."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Pending

from deployments.deploy import PROJECT, client
from deployments.prefect_server import SERVER
from deployments.processes import Child, stop
from flows.preflight import answers
from tests.bench.ledger import Ledger
from tests.bench.watch import Watch

DELAY_S = 0.2
"""The model's time to its first word."""
OURS = ("AUTOCODER_", "HF_", "OPENAI_", "PREFECT_", "PYTHONDONTWRITEBYTECODE")
FINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Ran:
    """One run of a flow, as the worker starts it: `python -m prefect.engine`."""

    id: Any
    started: float
    """All moments are seconds since the epoch."""
    ended: float
    """The process's end."""
    finished: float
    """When its flow run came to its final state, as the server says."""
    state: str
    cpu: float
    """Seconds, user and system, children included."""
    watch: Watch
    """Of `run`, `server` and the rest, until every task run is final there."""
    behind: float
    """Seconds between `finished` and the moment when all its task runs were final in the API."""


@dataclass
class Rig:
    """Where everything is. `run` starts flows on it."""

    folder: Path
    env: dict[str, str]
    prefect: SyncPrefectClient
    pids: dict[str, int]
    """Of server, hub and model."""
    calls: Ledger
    requests: Ledger
    deployments: dict[str, Any] = field(default_factory=dict)

    def seed(self, owner: str, files: int, findings: int, *options: str) -> None:
        """Datasets of that owner."""
        given = [str(self.folder / "hub"), owner, str(files), str(findings), *options]
        subprocess.run([sys.executable, "-m", "tests.bench.seeds", *given], cwd=PROJECT, env=self.env, check=True)

    def run(
        self,
        flow: str,
        owner: str,
        task_runs: int = 0,
        options: tuple[str, ...] = (),
        home: str = "",
        settings: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> Ran:
        """One run of `module.flow`, in the owner's home; it is over when `task_runs` of it are final in the API.

        settings: more of its environment.

        Raises RuntimeError with the log's end when the run fails.
        """
        run = self.prefect.create_flow_run_from_deployment(self._deployment(flow), parameters=parameters)
        self.prefect.set_flow_run_state(run.id, Pending(), force=True)
        at = self.folder / "homes" / (home or owner)
        env = {**self.env, "HF_USERNAME": owner, "AUTOCODER_HOME": str(at), **(settings or {})}
        env["PREFECT_RESULTS_LOCAL_STORAGE_PATH"] = str(at / "results")
        log = self.folder / "logs" / f"run-{run.id}.log"
        started = time.time()
        with log.open("wb") as file:
            argv = [sys.executable, *options, "-m", "prefect.engine", str(run.id)]
            process = subprocess.Popen(argv, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        with Watch(run=process.pid, **self.pids) as watch:
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.time()
            process.returncode = os.waitstatus_to_exitcode(status)
            end = self.prefect.read_flow_run(run.id)
            if process.returncode or end.end_time is None or end.state is None or not end.state.is_completed():
                raise RuntimeError(f"{flow} failed, {end.state}:\n{log.read_text()[-4000:]}")
            complete = self._complete(run.id, task_runs)
        finished = end.end_time.timestamp()
        cpu = usage.ru_utime + usage.ru_stime
        return Ran(run.id, started, ended, finished, str(end.state.name), cpu, watch, max(0.0, complete - finished))

    def _deployment(self, flow: str) -> Any:
        if flow not in self.deployments:
            made = self.prefect.create_flow_from_name(flow.rpartition(".")[2])
            directory = {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
            self.deployments[flow] = self.prefect.create_deployment(
                made, "bench", entrypoint=flow, pull_steps=[directory], enforce_parameter_schema=False
            )
        return self.deployments[flow]

    def _complete(self, run: Any, task_runs: int) -> float:
        """The moment at which so many task runs are final in the API."""
        asked = {"flow_runs": {"id": {"any_": [str(run)]}}, "task_runs": {"state": {"type": {"any_": FINAL}}}}
        end = time.time() + PATIENCE_S
        while time.time() < end:
            count = self.prefect.request("POST", "/task_runs/count", json=asked).json()
            if count >= task_runs:
                return time.time()
            time.sleep(0.1)
        raise RuntimeError(f"{count} of {task_runs} task runs were final after {PATIENCE_S:.0f} s")


@contextmanager
def rig() -> Iterator[Rig]:
    """Everything up, and gone again afterwards."""
    children: list[Child] = []
    with tempfile.TemporaryDirectory(prefix="autocoder-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            yield _start(folder, children)
        finally:
            stop(reversed(children))


def _start(folder: Path, children: list[Child]) -> Rig:
    (folder / "hub").mkdir()
    server, hub, model = ports(3)
    env = environment(folder, server, hub, model)
    calls, requests = Ledger(folder / "calls.jsonl"), Ledger(folder / "requests.jsonl")
    python = [sys.executable, "-m"]
    told = {
        "server": ([*python, "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(server)], SERVER),
        "hub": ([*python, "tests.bench.hub", str(folder / "hub"), str(hub), str(requests.path)], {}),
        "model": ([*python, "tests.bench.endpoint", str(model), str(calls.path), str(DELAY_S)], {}),
    }
    pids = {}
    for title, (argv, more) in told.items():
        child = Child(f"The bench's {title}", argv, folder / "logs" / f"{title}.log", {**env, **more})
        child.start()
        children.append(child)
        pids[title] = child.process.pid
    ready = {0: f"{env['PREFECT_API_URL']}/health", 1: f"http://127.0.0.1:{hub}/api/whoami-v2"}
    ready[2] = f"http://127.0.0.1:{model}/v1/models"
    for place, address in ready.items():
        children[place].wait_until(lambda address=address: answers(address), 240)  # type: ignore[misc]
    prefect = client(env)
    return Rig(folder, env, prefect, pids, calls, requests)


def environment(folder: Path, server: int, hub: int, model: int) -> dict[str, str]:
    """Of every process: nothing of this machine's settings; what `flows` and the deployment set holds for all flows."""
    import flows

    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    (deployed, *_) = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    return kept | {
        **deployed["work_pool"]["job_variables"]["env"],
        **{name: os.environ[name] for name in flows._defaults()},
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{server}/api",
        "AUTOCODER_LOCAL_HUB": f"http://127.0.0.1:{hub}",
        "AUTOCODER_MODEL": "fake-1",
        "AUTOCODER_TOKENS_PER_RUN": "1000000000",
        "AUTOCODER_TOKENS_PER_DAY": "1000000000",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{model}/v1",
        "OPENAI_API_KEY": "none",
    }


def ports(count: int) -> list[int]:
    """Free ports of loopback."""
    import socket

    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
