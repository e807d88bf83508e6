"""A world to begin with: everything up in good weather, and gone afterwards."""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import psutil

from deployments.deploy import POOL
from deployments.processes import stop
from tests.adapters.git_repositories import make
from tests.bench.rig import environment, ports
from tests.chaos.nursery import Nursery
from tests.chaos.siblings import Siblings
from tests.chaos.weather import set_rate
from tests.chaos.world import World

SETTINGS = {
    "AUTOCODER_RETRY_MINUTES": "0",  # what broke off is taken up again by the next run
    "AUTOCODER_SILENCE_SECONDS": "2",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}


@contextmanager
def world(seed: int, silent: bool = True) -> Iterator[World]:
    """Server, Hub and model up, good weather, and all gone afterwards. `silent`: of the Hub's faults, silence too."""
    with tempfile.TemporaryDirectory(prefix="autocoder-chaos-", ignore_cleanup_errors=True) as name:
        made = _world(Path(name), seed, silent)
        try:
            for each in ("server", "hub", "model"):
                made.start(each)
            made.wait_for("hub", "model", "server")
            yield made
        finally:
            flows = made.flows()
            for run in made.runs:
                if run.process.poll() is None:
                    run.kill(family=True)
            made.nursery.process.kill()
            made.nursery.process.wait()
            stop(reversed(made.children.values()))
            for process in flows:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def _world(folder: Path, seed: int, silent: bool) -> World:
    (folder / "hub").mkdir()
    for name in ("calls", "requests"):
        (folder / f"{name}.jsonl").touch()
    server, hub, model = ports(3)
    env = environment(folder, server, hub, model) | SETTINGS
    env |= {"AUTOCODER_HOME": str(folder / "home"), "OPENAI_API_KEY": "worker", "CHAOS_SEED": str(seed)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    rate, mute = str(folder / "rate"), str(int(silent))
    set_rate(folder / "rate", 0)
    argv = {
        "server": ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(server)],
        "hub": ["tests.chaos.hub", str(folder / "hub"), str(hub), str(folder / "requests.jsonl"), rate, mute, "SEED"],
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
    siblings = Siblings(folder / "hub", Random(seed), str(code), is_seen=partial(_is_seen, folder / "home"))
    return World(folder, env, addresses, argv, siblings, Nursery(env))


def _is_seen(home: Path, path: str, blob: str) -> bool:
    """Whether the catalogue has this version of an analysis, read or to be read."""
    query = "SELECT 1 FROM file WHERE kind = 'analysis' AND path = ? AND blob = ? AND state IN ('read', 'pending')"
    for file in home.glob("at/*/worker.db"):
        with closing(sqlite3.connect(file, timeout=30)) as db:
            if db.execute(query, (path, blob)).fetchone():
                return True
    return False
