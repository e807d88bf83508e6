"""`make chaos`: nothing lost and nothing twice, whatever is killed and whatever fails.

A real Prefect server and worker, a local Hub and a fake model run as processes over one temporary folder. Runs of
`python -m flows.implement --once` are killed (-9) at every step and at random moments, up to three side by side;
worker, flow, server and Hub are killed alone and together; every endpoint answers some of the requests with a fault;
two siblings write, restart and write over their files; once the server is away for five minutes, and the run that was
under way has to live on. Then the weather clears, runs go on until one is idle, and the ledger of the model and the
rows of the dataset are held against each other: items lost, rows double, gaps in `iteration`, calls repeated whose
result had been stored. Each must be 0.

A call is repeated if, the moment its request came, a whole result of that item and step lay in the worker's store.

The whole takes some 40 minutes on two busy cores. `--seconds S` does as much as fits, without the long outage, and
without worker where S is below 600.
`--seed N` chooses the same moments, faults and files again; when the processes come to them is the machine's to say.
Exit 1 with sentences that name what was violated.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from stages.errors import WorkerError
from tests.chaos.beginning import world
from tests.chaos.episodes import Chaos
from tests.chaos.once import Run
from tests.chaos.serving import SERVING, kill_serving, outage, rest
from tests.chaos.verdict import figures, rows, violations
from tests.chaos.world import World

RATE = 0.05
"""Part of the requests that meet a fault."""
SHORT_RATE = 0.1
"""The same where there is no time for many requests."""
SOON = 3
"""In a bounded run, what serves the runs is killed after so many of them."""
LONGEST_S = 900.0
"""How long the rest may take; and a run that lived through the outage to notice its end: its client doubles waits."""
REST_S = 40.0
"""Kept back at the end of a bounded run, and as much again for every three minutes."""


@dataclass(frozen=True)
class Plan:
    """How much is to be done; `until` by the monotonic clock."""

    kills: int
    serving: int
    until: float
    outage: float
    """Seconds; 0 for none."""
    worker: bool
    rate: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=float, help="a part of it, bounded in time")
    parser.add_argument("--kills", type=int, default=180, help="of runs")
    parser.add_argument("--serving", type=int, default=20, help="kills of worker, flow, server and Hub")
    parser.add_argument("--outage", type=float, default=300, help="seconds that the server is away")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    began = time.monotonic()
    kept = REST_S * (1 + (asked.seconds or 0) // 180)
    until = began + asked.seconds - kept if asked.seconds else float("inf")
    say(began, f"seed {asked.seed}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    try:
        with world(asked.seed, silent=not asked.seconds) as made:  # a minute of it each time
            say(began, "server, Hub and model are up")
            until = max(until, time.monotonic() + (asked.seconds or 0) / 3)  # a slow start must not leave nothing
            chaos = Chaos(made, random.Random(asked.seed), time.monotonic() - began)
            seconds = asked.seconds or float("inf")
            rate = RATE if seconds >= 180 else SHORT_RATE
            plan = Plan(asked.kills, asked.serving, until, 0 if asked.seconds else asked.outage, seconds >= 600, rate)
            _wreck(chaos, plan, lambda line: say(began, line))
            rest(chaos, 40, time.monotonic() + (asked.seconds + 60 if asked.seconds else LONGEST_S))
            return _tell(chaos, began)
    except WorkerError as error:
        say(began, f"Could not be done: {error}")
        return 1


def _wreck(chaos: Chaos, plan: Plan, tell: Callable[[str], None]) -> None:
    """Kill all that is planned, while there is time."""
    made, combinations = chaos.world, _combinations(chaos, plan)
    if plan.worker:
        _start_worker(made)
        tell("deployed, the worker is up")
    made.weather(plan.rate)
    every = max(1, plan.kills // (len(combinations) or 1)) if plan.outage else SOON
    told = 0
    while chaos.killed.total() < plan.kills and time.monotonic() < plan.until:
        if plan.outage and not chaos.lives_on and chaos.killed.total() >= plan.kills / 2:
            made.weather(0)
            tell(f"the server goes away for {plan.outage:.0f} s")
            outage(chaos, plan.outage)
            tell("the server is back")
        chaos.kill_runs()
        if chaos.lives_on and chaos.lives_on.process.poll() is not None:
            made.weather(plan.rate)  # the run that lived through the outage had good weather to its end
        if combinations and chaos.killed.total() >= every * (chaos.served.total() + 1):
            kill_serving(chaos, combinations.pop())
        if chaos.killed.total() >= told + 10:
            told = chaos.killed.total()
            tell(f"{told} runs killed, {chaos.served.total()} times what serves them; {len(rows(made.main))} rows")
    while combinations and time.monotonic() < plan.until:
        kill_serving(chaos, combinations.pop())
    if chaos.lives_on:
        _outlives(chaos, chaos.lives_on)


def _combinations(chaos: Chaos, plan: Plan) -> list[tuple[str, ...]]:
    known = SERVING if plan.worker else tuple(c for c in SERVING if not {"worker", "flow"} & {*c})
    many = [*known] * (plan.serving // len(known) + 1)
    return chaos.random.sample(many, len(many))[: plan.serving]


def _start_worker(made: World) -> None:
    deploying = made.deploy()
    if deploying.wait():
        raise RuntimeError((made.folder / "logs" / "deploy.log").read_text()[-2000:])
    made.start("worker")


def _outlives(chaos: Chaos, run: Run) -> None:
    """The run under way when the server went is not reported as failed."""
    try:
        code = run.process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        run.kill(family=True)
        code = None
    if code != 0:
        chaos.broken.append(f"{run.name} lived through the server's absence and ended with {code}: {run.words[-500:]}")


def _tell(chaos: Chaos, began: float) -> int:
    broken = [*chaos.broken, *violations(chaos.world)]
    if not chaos.killed:
        broken.append("Nothing was killed, so nothing is shown: give it more --seconds.")
    say(began, f"{chaos.killed.total()} runs killed: {_listed(chaos.killed)}")
    say(began, f"{chaos.served.total()} times what serves them: {_listed(chaos.served)}")
    say(began, f"runs that came to an end: {_listed(chaos.ends)}")
    for line in figures(chaos.world):
        say(began, line)
    for line in broken:
        say(began, f"VIOLATED  {line}")
    say(began, "Something was lost or done twice." if broken else "Nothing lost, nothing twice.")
    return 1 if broken else 0


def _listed(counts: "dict[str, int]") -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def say(began: float, line: str) -> None:
    sys.stdout.write(f"{time.monotonic() - began:6.0f} s  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
