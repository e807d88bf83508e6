"""Runs whose process died without a word: nobody else closes them, and each holds the schedule's one slot.

On this machine a run is known by the lock that its process holds (`flows.presence`); one that has not come so far, by
the process id that its worker reported. Elsewhere an automation closes runs that have fallen silent
(`automations.yaml`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from flows.presence import is_alive, tidy

OURS = FlowFilter(name=FlowFilterName(any_=["implement", "maintain"]))
UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
ENDED = [StateType.CRASHED, StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED]
PATIENCE = timedelta(seconds=40)
"""How long a run may be under way before its process is to be seen; a busy machine starts one in 10 s."""
LAG = timedelta(seconds=30)
"""How long the states of a run's tasks may take to reach the server after its end."""


def close_dead_runs(prefect: SyncPrefectClient, home: Path, *, alone: bool) -> Iterator[str]:
    """A line for each run that is closed now; task runs of ended runs do not stay Running.

    alone: all runs of this server are worked on here, so that process ids are this machine's.
    """
    for run in prefect.read_flow_runs(flow_filter=OURS, flow_run_filter=_flow_runs(UNDER_WAY), limit=200):
        if why := _death(run, home, alone):
            state = Cancelled if run.state_type is StateType.CANCELLING else Crashed
            prefect.set_flow_run_state(run.id, state(message=why), force=True)
            yield f"closed    {run.name}: {why}"
    tidy(home)
    close_task_runs(prefect)


def close_task_runs(prefect: SyncPrefectClient) -> None:
    """Crash the task runs that a dead run left under way."""
    left = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
    ended = FlowRunFilterEndTime(before_=datetime.now(UTC) - LAG)
    for task_run in prefect.read_task_runs(
        flow_filter=OURS,
        flow_run_filter=_flow_runs(ENDED).model_copy(update={"end_time": ended}),
        task_run_filter=TaskRunFilter(state=left),
        limit=200,
    ):
        prefect.set_task_run_state(task_run.id, Crashed(message="Its run ended without it."), force=True)


def _flow_runs(types: list[StateType]) -> FlowRunFilter:
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))


def _death(run: FlowRun, home: Path, alone: bool) -> str:
    """Why nobody works on this run any more; empty while somebody may."""
    alive = is_alive(home, run.id)
    if alive is not None:
        return "" if alive else "Its process died."
    if not alone or run.state is None or datetime.now(UTC) - run.state.timestamp < PATIENCE:
        return ""
    if run.state_type is not StateType.PENDING and not run.infrastructure_pid:
        return ""  # started by hand, without a worker and in another home
    return "" if _exists(run) else "Its process died before it began."


def _exists(run: FlowRun) -> bool:
    """Whether the process that its worker started is there, and not a later one of the same id."""
    try:
        process = psutil.Process(int(run.infrastructure_pid or -1))
        return process.is_running() and "prefect" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        return False
