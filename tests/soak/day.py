"""A day of ticks, with siblings that write, restart and write over their files, and what each tick has come to."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psutil

from deployments.automations import put_in_place
from deployments.deploy import POOL, PROJECT, client, deployer, make_pool
from deployments.processes import Child, stop
from tests.bench.rig import Rig
from tests.chaos.siblings import Siblings

TICK_S = 120.0
LISTING_MINUTES = 60.0
"""Of real time, as the settings have it."""
EVERY = 5
"""Ticks between two files of the siblings, of a finding each."""
RESTART = 150
"""Ticks between two restarts; the files written over are 1 to 30."""


@dataclass(frozen=True)
class Tick:
    """What the processes, the home and the Hub have come to after a tick."""

    state: str
    seconds: float
    memory: float
    """Resident, MB; of the process that runs all ticks."""
    files: int
    """Open ones, sockets and pipes among them."""
    hub: float
    """MB of memory of the local Hub."""
    worker: float
    server: float
    serving_files: int
    """Open ones of Hub, worker and server together."""
    requests: int
    """To the Hub, of this tick."""
    index: float
    """MB of what knows every file and row: it has to grow with them."""
    thoughts: float
    """MB of stored results."""
    rest: float
    """MB of all else in the home."""


def day(rig: Rig, ticks: int, seed: int) -> Iterator[Tick]:
    """So many ticks. Raises RuntimeError when one fails."""
    home = rig.folder / "homes" / "soak"
    siblings = Siblings(rig.folder / "hub", Random(seed))
    env = {**rig.env, "AUTOCODER_HOME": str(home), "PREFECT_LOGGING_LEVEL": "WARNING"}
    worker = _worker(rig, env)
    argv = [sys.executable, "-m", "tests.soak.ticks"]
    with (rig.folder / "logs" / "ticks.log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=PROJECT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    began, before = time.monotonic(), len(rig.requests.read())
    pids = {"hub": rig.pids["hub"], "worker": worker.process.pid, "server": rig.pids["server"]}
    try:
        for number in range(ticks):
            if number % RESTART == RESTART - 1:
                siblings.restart()
            if number % EVERY == 0:
                siblings.write(1)
            pace = (time.monotonic() - began) / number / TICK_S if number else 0.01  # real seconds for one of the day
            told = _tick(process, LISTING_MINUTES * pace)
            worker.check()
            requests = len(rig.requests.read())
            yield Tick(**told, **_serving(pids), requests=requests - before, **_disk(home))
            before = requests
    finally:
        process.kill()
        process.wait()
        stop([worker])


def _worker(rig: Rig, env: Mapping[str, str]) -> Child:
    """A worker that runs the deployments on their schedule beside the ticks, as on any day."""
    env = {**env, "PREFECT_WORKER_QUERY_SECONDS": "2", "PATH": f"{Path(sys.executable).parent}:{env['PATH']}"}
    with client(env) as prefect:
        make_pool(prefect)
        deployer(env)()
        put_in_place(prefect)
    argv = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"]
    worker = Child("The worker", argv, rig.folder / "logs" / "worker.log", env)
    worker.start()
    return worker


def _tick(process: "subprocess.Popen[str]", listing_minutes: float) -> dict[str, Any]:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{listing_minutes}\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("{"):
            told = json.loads(line)
            if failed := told.pop("failed"):
                raise RuntimeError(f"a tick ended as {told['state']}: {failed}")
            return {name: told[name] for name in ("state", "seconds", "memory", "files")}
    raise RuntimeError(f"the process of the ticks ended with {process.wait()}")


def _serving(pids: Mapping[str, int]) -> dict[str, Any]:
    """What lives on between ticks; `prefect server start` and `uvicorn` may have children of their own."""
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}
    memory = {name: process.memory_info().rss / 1e6 for name, process in processes.items()}
    return memory | {"serving_files": sum(process.num_fds() for process in processes.values())}


def _disk(home: Path) -> dict[str, float]:
    """MB of the home by kind."""
    sizes = {"index": 0.0, "thoughts": 0.0, "rest": 0.0}
    for file in home.rglob("*"):
        with suppress(FileNotFoundError):
            if file.is_file():
                sizes[_kind(file.relative_to(home).parts)] += file.stat().st_size / 1e6
    return sizes


def _kind(parts: tuple[str, ...]) -> str:
    if parts[0] == "results":
        return "thoughts"
    return "index" if "ledger" in parts or parts[-1].startswith("worker.db") else "rest"
