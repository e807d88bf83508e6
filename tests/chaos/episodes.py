"""What is done to the world: runs are killed, those that serve them are killed, the server stays away for long."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import httpx
import psutil

from deployments.processes import Child
from tests.chaos.moments import Moment, Signs, deck
from tests.chaos.verdict import rows
from tests.chaos.world import Run, World

PATIENCE_S = 45.0
"""After so long a run is killed wherever it is."""
LOOK_S = 0.01
SERVING = (
    ("worker",), ("flow",), ("worker", "flow"), ("server",), ("hub",), ("server", "hub"), ("worker", "server"),
    ("worker", "flow", "server"), ("worker", "flow", "hub"), ("worker", "flow", "server", "hub"),
)  # fmt: skip
WAITING = 4
"""Items that the siblings keep waiting."""


@dataclass
class Chaos:
    """Episodes in one world, and what they came to."""

    world: World
    random: Random
    killed: Counter[str] = field(default_factory=Counter)
    """Sign at which runs died → how many."""
    served: Counter[str] = field(default_factory=Counter)
    """What was killed together → how often."""
    ends: Counter[str] = field(default_factory=Counter)
    """First words of runs that ended by themselves → how many."""
    broken: list[str] = field(default_factory=list)
    """Sentences on what must not be."""
    _deck: list[Moment] = field(default_factory=list)

    # --- runs --------------------------------------------------------------------------------------

    def kill_runs(self) -> None:
        """One run, or two side by side, each killed at the next moment of the deck if that comes before its end."""
        self._feed()
        signs = self._signs()
        many = self.random.choice((1, 1, 2))
        pairs = [(self.world.once(self.random.randint(1, 4)), self._moment()) for _ in range(many)]
        due: dict[str, float] = {run.name: run.started + m.delay for run, m in pairs if m.sign == "started"}
        while pairs:
            news, now = signs.news(), time.monotonic()
            for run, moment in pairs:
                if (run.name, moment.sign) in news or ("", moment.sign) in news:
                    due.setdefault(run.name, now + moment.delay)
            pairs = [pair for pair in pairs if not self._is_over(*pair, due.get(pair[0].name))]
            time.sleep(LOOK_S)

    def _is_over(self, run: Run, moment: Moment, due: float | None) -> bool:
        if run.process.poll() is not None:
            self._note(run)
            return True
        now = time.monotonic()
        if now < (due or now + 1) and now < run.started + PATIENCE_S:
            return False
        run.kill(family=self.random.random() < 0.5)
        self.killed[moment.sign if due and now >= due else "patience"] += 1
        return True

    def _note(self, run: Run) -> None:
        said = run.words.strip().splitlines()
        last = next((line for line in reversed(said) if line.startswith(("Idle", "Published", "Failed"))), "")
        self.ends[last.split(" ")[0].strip(":") or f"exit {run.process.returncode}"] += 1
        if run.process.returncode and "Traceback" in run.words and not last:
            self.broken.append(f"{run.name} ended by an error that nobody foresaw: {said[-1][:300]}")

    def _moment(self) -> Moment:
        self._deck = self._deck or deck(self.random)
        return self._deck.pop()

    def _signs(self) -> Signs:
        return Signs(self.world.folder / "calls.jsonl", self.world.folder / "requests.jsonl", self.world.home)

    def _feed(self) -> None:
        """Siblings write while little waits, begin again now and then, and write what nobody can read."""
        siblings = self.world.siblings
        if self.random.random() < 0.1:
            siblings.restart()
        if self.random.random() < 0.1:
            siblings.spoil()
        done = len(rows(self.world.main)) if self.world.main.exists() else 0
        while len(siblings.expected) - done < WAITING:
            siblings.write(self.random.randint(1, 2))

    # --- those that serve them -----------------------------------------------------------------------

    def kill_serving(self, names: Sequence[str]) -> None:
        """A run under way, these killed at once, after a while started again."""
        self._feed()
        runs = [] if {"worker", "flow"} & {*names} else [self.world.once(3)]
        signs, end = self._signs(), time.monotonic() + PATIENCE_S
        if not runs:
            self._ask_worker()
        who = runs[0].name if runs else "worker"
        while time.monotonic() < end and not any(run == who for run, _ in signs.news()):
            time.sleep(LOOK_S)
        time.sleep(self.random.uniform(0, 1.5))
        flows = self.world.flows()
        self._kill(names, flows)
        time.sleep(self.random.uniform(0, 4))
        for name in (each for each in ("hub", "server", "worker") if each in names):
            self.world.start(name)
            self.world.wait_for(name)  # a worker that finds no server ends
        self.served[" and ".join(names)] += 1
        self._see_out(runs, flows)

    def _ask_worker(self) -> None:
        with self.world.prefect() as prefect:
            deployment = prefect.read_deployment_by_name("implement/on-demand")
            prefect.create_flow_run_from_deployment(deployment.id, parameters={"limit": 3})

    def _kill(self, names: Sequence[str], flows: Sequence[psutil.Process]) -> None:
        for name in names:
            if name != "flow":
                self.world.kill(name)
        if "flow" in names:
            _kill(flows)

    def _see_out(self, runs: Sequence[Run], flows: Sequence[psutil.Process]) -> None:
        """The living go on; who does not come to an end is killed."""
        end = time.monotonic() + PATIENCE_S
        for run in runs:
            with suppress(Exception):
                run.process.wait(max(0.1, end - time.monotonic()))
            if run.process.poll() is None:
                run.kill(family=True)
                self.killed["patience"] += 1
            else:
                self._note(run)
        _, left = psutil.wait_procs(flows, timeout=max(0.1, end - time.monotonic()))
        _kill(left)
        with suppress(httpx.HTTPError):
            self.world.close_dead_runs()

    # --- a long absence ----------------------------------------------------------------------------

    def outage(self, seconds: float) -> Run:
        """The server is killed in the middle of a run and comes back after so long; the run that lives on."""
        self._feed()
        run, signs = self.world.once(3), self._signs()
        while not any(who == run.name for who, _ in signs.news()) and run.process.poll() is None:
            time.sleep(LOOK_S)
        self.world.kill("server")
        back = time.monotonic() + seconds
        while time.monotonic() < back:
            time.sleep(min(60.0, max(0.0, back - time.monotonic())))
            late = self.world.once(1)
            if late.process.wait(PATIENCE_S) != 1 or "No Prefect server answers" not in late.words:
                self.broken.append(f"{late.name} did not say that the server is away: {late.words[-300:]}")
        self.world.start("server")
        self.world.wait_for("server")
        return run

    # --- rest --------------------------------------------------------------------------------------

    def rest(self, most: int, deadline: float) -> None:
        """Good weather and run after run until one is idle. Pauses of items and of the worker count as over."""
        self.world.weather(0)
        worker = self.world.children.pop("worker", None)
        if worker:
            _end(worker)
        for _ in range(most):
            end_pauses(self.world)
            run = self.world.once(32)
            try:
                run.process.wait(max(1.0, deadline - time.monotonic()))
            except Exception:
                run.kill(family=True)
                break
            self._note(run)
            if "\nIdle: " in run.words and "another run works on" not in run.words:
                return
        self.broken.append(f"It did not come to rest: the last run said {run.words[-500:]!r}.")


def end_pauses(world: World) -> None:
    """As if hours had passed: what broke off, or waits for better weather, may be taken up."""
    import sqlite3

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
