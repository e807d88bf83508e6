"""Items handed to runs of their own: several at once, on one worker of the pool, published by ticks."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import yaml

from deployments.deploy import POOL, PROJECT, make_pool
from deployments.processes import Child, stop
from flows.adapters.hub import Hub
from flows.item_runs import DEPLOYMENT, FLOW
from tests import results
from tests.bench.rig import PATIENCE_S, Ran, Rig
from tests.bench.table import Figure
from tests.bench.throughput import CALLS, IMPLEMENT, PER_FILE
from tests.bench.watch import Watch

OWNER = "pool"
EVERY_S = 5.0
"""Between two ticks; 120 in use."""


def pool(rig: Rig, items: int, at_once: int) -> Iterator[Figure]:
    """So many items, so many item runs at once. Raises RuntimeError where one is lost, or paid or published twice."""
    rig.seed(OWNER, items // PER_FILE, PER_FILE)
    calls, requests = len(rig.calls.read()), len(rig.requests.read())
    with _worker(rig) as pid, Watch(worker=pid, **rig.pids) as watch:
        began = time.time()
        ticks = list(_ticks(rig, items, at_once))
        ended = time.time()
    asked = rig.requests.read()[requests:]
    _check(rig, rig.calls.read()[calls:], items)
    yield from _times(rig, items, at_once, ended - began, len(ticks))
    for name in ("worker", "server"):
        spent = watch.cpu(name, began, ended)
        whose = "item run, the start of its process included" if name == "worker" else "item run, server"
        yield Figure(f"CPU s per {whose}", spent / items, None, f"{spent:.0f} s")
    spent = sum(tick.cpu for tick in ticks)
    yield Figure("CPU s per tick that hands out and publishes", spent / len(ticks), None, f"{spent:.0f} s")
    commits = sum("/commit/" in request["path"] for request in asked)
    yield Figure("requests to the Hub per item", len(asked) / items, None, f"{len(asked)}, {commits} of them commits")
    yield Figure("items paid for or published twice", 0, 0, f"{items} rows, {items * CALLS} calls")


def _times(rig: Rig, items: int, at_once: int, seconds: float, ticks: int) -> Iterator[Figure]:
    deployment = rig.prefect.read_deployment_by_name(DEPLOYMENT).id
    runs = [run for run in rig.prefect.read_flow_runs(limit=200) if run.deployment_id == deployment]
    took = [run.total_run_time.total_seconds() for run in runs]
    of = f"{items} items, {at_once} item runs at once"
    yield Figure(f"{of}: s an item", seconds / items, None, f"{seconds:.0f} s, {ticks} ticks")
    yield Figure(f"{of}: s of an item run", median(took), None, f"first line to last, {max(took):.1f} s the longest")


def _ticks(rig: Rig, items: int, at_once: int) -> Iterator[Ran]:
    """Ticks until every item is published. Raises RuntimeError when nothing comes any more."""
    published, last = 0, time.time()
    while published < items:
        ran = rig.run(IMPLEMENT, OWNER, settings={"AUTOCODER_SCALE": str(at_once)})
        yield ran
        if ran.state.startswith("Published "):
            published, last = published + int(ran.state.split()[1]), time.time()
        elif time.time() - last > 5 * PATIENCE_S:
            raise RuntimeError(f"only {published} of {items} items are published, and no other comes")
        time.sleep(EVERY_S)


def _check(rig: Rig, calls: list[dict[str, Any]], items: int) -> None:
    asked = Counter((call["item"], call["step"]) for call in calls)
    rows = results.rows(Hub(rig.env["AUTOCODER_LOCAL_HUB"]), f"{OWNER}/autocoder-implementation-results")
    ids = {row["id"] for row in rows}
    if len(asked) != items * CALLS or set(asked.values()) != {1} or not len(ids) == len(rows) == items:
        raise RuntimeError(f"{len(calls)} calls, {len(asked)} different ones, and {len(rows)} rows for {items} items")


@contextmanager
def _worker(rig: Rig) -> Iterator[int]:
    """A worker of the pool as prefect.yaml describes its runs: the id of its process."""
    make_pool(rig.prefect)
    deployed = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["definitions"]["implement"]["work_pool"]
    directory = {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
    rig.prefect.create_deployment(
        rig.prefect.create_flow_from_name(FLOW),
        "pool",
        entrypoint="flows.item.implement_item",
        pull_steps=[directory],
        work_pool_name=POOL,
        job_variables={**deployed["job_variables"], "command": f"{sys.executable} -m prefect.engine"},
    )
    env = {**rig.env, "HF_USERNAME": OWNER, "AUTOCODER_HOME": str(rig.folder / "homes" / OWNER)}
    argv = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--install-policy", "never"]
    log = rig.folder / "logs" / "worker.log"
    child = Child("The bench's worker", argv, log, {**env, "PREFECT_WORKER_QUERY_SECONDS": "2"})
    child.start()
    try:
        yield child.process.pid
    finally:
        stop([child])
