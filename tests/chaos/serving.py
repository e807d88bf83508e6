"""What serves the runs is killed, alone and together; the server stays away for long; at last all comes to rest."""

import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx
import psutil

from deployments.processes import Child
from tests.chaos.episodes import LOOK_S, Chaos
from tests.chaos.once import Run
from tests.chaos.world import World

SERVING = (
    ("worker",), ("flow",), ("worker", "flow"), ("server",), ("hub",), ("server", "hub"), ("worker", "server"),
    ("worker", "flow", "server"), ("worker", "flow", "hub"), ("worker", "flow", "server", "hub"),
)  # fmt: skip


def kill_serving(chaos: Chaos, names: Sequence[str]) -> None:
    """A run under way, these killed at once, after a while started again."""
    chaos.feed()
    runs = [] if {"worker", "flow"} & {*names} else [chaos.world.once(3)]
    signs, end = chaos.signs(), time.monotonic() + chaos.patience
    if not runs:
        _ask_worker(chaos)
    who = runs[0].name if runs else "worker"
    while time.monotonic() < end and not any(run == who for run, _ in signs.news()):
        if runs and runs[0].process.poll() is not None:
            break  # nothing waited for it
        time.sleep(LOOK_S)
    time.sleep(chaos.random.uniform(0, 1.5))
    flows = chaos.world.flows()
    _kill_all(chaos.world, names, flows)
    time.sleep(chaos.random.uniform(0, 4))
    for name in (each for each in ("hub", "server", "worker") if each in names):
        chaos.world.start(name)
        chaos.world.wait_for(name)  # a worker that finds no server ends
    chaos.served[" and ".join(names)] += 1
    _see_out(chaos, runs, flows)


def _ask_worker(chaos: Chaos) -> None:
    with chaos.world.prefect() as prefect:
        deployment = prefect.read_deployment_by_name("implement/on-demand")
        prefect.create_flow_run_from_deployment(deployment.id, parameters={"limit": 3})


def _kill_all(world: World, names: Sequence[str], flows: Sequence[psutil.Process]) -> None:
    for name in names:
        if name != "flow":
            world.kill(name)
    if "flow" in names:
        _kill(flows)


def _see_out(chaos: Chaos, runs: Sequence[Run], flows: Sequence[psutil.Process]) -> None:
    """The living go on; who does not come to an end is killed."""
    end = time.monotonic() + chaos.patience
    for run in runs:
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(max(0.1, end - time.monotonic()))
        if run.process.poll() is None:
            run.kill(family=True)
            chaos.killed["patience"] += 1
        else:
            chaos.note(run)
    _, left = psutil.wait_procs(flows, timeout=max(0.1, end - time.monotonic()))
    _kill(left)
    with suppress(httpx.HTTPError):
        chaos.world.close_dead_runs()


def outage(chaos: Chaos, seconds: float) -> None:
    """The server is killed in the middle of a run, which has to live on, and comes back after so long."""
    chaos.feed()
    run, signs = chaos.world.once(3), chaos.signs()
    chaos.lives_on = run
    while not any(who == run.name for who, _ in signs.news()) and run.process.poll() is None:
        time.sleep(LOOK_S)
    chaos.world.kill("server")
    back = time.monotonic() + seconds
    while time.monotonic() < back:
        time.sleep(min(60.0, max(0.0, back - time.monotonic())))
        late = chaos.world.once(1)
        if late.process.wait(chaos.patience) != 1 or "No Prefect server answers" not in late.words:
            chaos.broken.append(f"{late.name} did not say that the server is away: {late.words[-300:]}")
    chaos.world.start("server")
    chaos.world.wait_for("server")


def rest(chaos: Chaos, most: int, deadline: float) -> None:
    """Good weather and run after run until one is idle. Pauses of items and of the worker count as over."""
    chaos.world.weather(0)
    worker = chaos.world.children.pop("worker", None)
    if worker:
        _end(worker)
    for _ in range(most):
        end_pauses(chaos.world)
        run = chaos.world.once(32)
        try:
            run.process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            run.kill(family=True)
            break
        chaos.note(run)
        if "\nIdle: " in run.words and "another run works on" not in run.words:
            return
    chaos.broken.append(f"It did not come to rest: the last run said {run.words[-500:]!r}.")


def end_pauses(world: World) -> None:
    """As if hours had passed: what broke off, or waits for better weather, may be taken up."""
    for path in world.home.glob("at/*/worker.db"):
        db = sqlite3.connect(path, timeout=10)
        with db:
            db.execute("UPDATE item SET not_before = 0")
        db.close()


def _end(worker: Child) -> None:
    flows = worker.identity.children(recursive=True) if worker.identity.is_running() else []
    _kill([worker.identity, *flows])


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
