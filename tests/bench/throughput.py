"""Runs against a model that answers in 200 ms: time against the ideal, what a call costs, how far the UI is behind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.rig import DELAY_S, Ran, Rig
from tests.bench.table import Figure

IN_FLIGHT = 16
CALLS = 7
"""Of an item: six thoughts and a draft."""
IN_A_ROW = 6
"""Of an item: risks and tests are thought of at the same time."""
TASK_RUNS = CALLS + 1
"""Of an item; the run has pull and publish besides."""
PER_FILE = 8
IMPLEMENT = "flows.implement.implement"


@dataclass(frozen=True)
class Timed:
    """A run whose calls are known. All moments are seconds since the epoch."""

    ran: Ran
    first: float
    """The first request's arrival at the model."""
    last: float
    """The end of the last answer."""
    calls: int
    in_flight: int
    """The most at a time."""

    @property
    def seconds(self) -> float:
        """First request to last answer."""
        return self.last - self.first


def one_item(rig: Rig, times: int) -> Iterator[Figure]:
    """The median of so many runs of one item each."""
    rig.seed("one", times, 1)
    took = sorted(timed(rig, "one", 1).seconds for _ in range(times))
    ideal = IN_A_ROW * DELAY_S
    raw = f"{took[times // 2]:.2f} s, {took[0]:.2f} to {took[-1]:.2f} in {times} runs; critical path {ideal:.1f} s"
    yield Figure("1 item: first request to last answer ÷ critical path", took[times // 2] / ideal, 1.25, raw)


def many_items(rig: Rig, items: int, times: int = 1) -> Iterator[Figure]:
    """A run of so many items; of several the one with the median time."""
    owner, of = f"many-{items}", f"{items} items"
    rig.seed(owner, times * items // PER_FILE, PER_FILE)
    runs = sorted((timed(rig, owner, items) for _ in range(times)), key=lambda run: run.seconds)
    run = runs[times // 2]
    watch, calls, ideal = run.ran.watch, run.calls, run.calls * DELAY_S / IN_FLIGHT
    spread = f", {runs[0].seconds:.1f} to {runs[-1].seconds:.1f} in {times} runs" if times > 1 else ""
    raw = f"{run.seconds:.1f} s{spread}; ideal {ideal:.1f} s; {run.in_flight} in flight; {_others(run)}"
    yield Figure(f"{of}: first request to last answer ÷ ideal", run.seconds / ideal, 1.15, raw)
    yield Figure(f"{of}: seconds until the UI is complete", run.ran.behind, 3, f"{items * TASK_RUNS + 2} task runs")
    for name, until in (("run", run.last), ("server", run.ran.ended + run.ran.behind)):
        spent = watch.cpu(name, run.first, until)
        yield Figure(f"{of}: CPU ms per call, {name}", 1e3 * spent / calls, None, f"{spent:.1f} s, {calls} calls")
    took, spent = _sleeping(rig, items)
    raw = f"{took:.1f} s; {1e3 * spent / calls:.1f} ms of CPU a task; as many task runs that only sleep"
    yield Figure(f"{of}: Prefect alone ÷ ideal", took / ideal, None, raw)
    yield Figure(f"{of}: peak memory of the run's process, MB", watch.peak["run"], 200, "VmHWM")


def _sleeping(rig: Rig, items: int) -> tuple[float, float]:
    """Seconds, and CPU seconds of the run, for the calls' task runs with nothing in them: no flow can do better."""
    note = rig.folder / f"sleep-{items}"
    given = {"items": items, "in_a_row": CALLS, "in_flight": IN_FLIGHT, "delay": DELAY_S, "note": str(note)}
    rig.run("tests.bench.nothing.sleep", "sleep", items * CALLS, **given)
    took, spent = note.read_text().split()
    return float(took), float(spent)


def timed(rig: Rig, owner: str, items: int) -> Timed:
    """One run. Raises RuntimeError when it does not publish exactly these items, with one call for each answer."""
    before = len(rig.calls.read())
    ran = rig.run(IMPLEMENT, owner, items * TASK_RUNS + 2, limit=items)
    calls = rig.calls.read()[before:]
    if len(calls) != items * CALLS or ran.state != f"Published {items} of {items}":
        raise RuntimeError(f"{len(calls)} calls for {items} items, and the run ended as {ran.state}")
    first, last = min(call["began"] for call in calls), max(call["ended"] for call in calls)
    return Timed(ran, first, last, len(calls), _in_flight(calls))


def _in_flight(calls: Sequence[dict[str, Any]]) -> int:
    moments = sorted([(call["began"], 1) for call in calls] + [(call["ended"], -1) for call in calls])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def _others(run: Timed) -> str:
    """So that a reader knows a figure of a busy machine for one."""
    return f"other programs kept {run.ran.watch.others(run.first, run.last):.1f} cores busy"
