"""Runs whose process died without a word: nobody else closes them, and each holds the schedule's one slot.

On this machine a run is known by the lock that its process holds (`flows.presence`); one that has not come so far, by
its process, where that was seen to begin here (`deployments.sightings`), or by the process id that its worker reported,
where all runs are worked on here. Elsewhere an automation closes runs that have fallen silent (`automations.yaml`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from deployments.sightings import RUN_ID, Sightings
from flows import streaks
from flows.orphans import OURS, close_orphans
from flows.presence import is_alive, tidy

UNDER_WAY = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
PATIENCE = timedelta(seconds=40)
"""How long a run may be under way before its process is to be seen; a busy machine starts one in 10 s."""


def close_dead_runs(prefect: SyncPrefectClient, home: Path, seen: Sightings, *, alone: bool) -> Iterator[str]:
    """A line for each run that is closed now; task runs of ended runs do not stay Running.

    seen: what began beneath this process; of ended runs it is forgotten. alone: all runs of this server are worked on
    here, so that process ids are this machine's.
    """
    under_way = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY)))
    closed = 0
    runs = prefect.read_flow_runs(flow_filter=OURS, flow_run_filter=under_way, limit=200)
    for run in runs:
        if why := _death(run, home, seen, alone):
            if prefect.read_flow_run(run.id).state_id != run.state_id:
                continue  # it came to its end while we looked
            state = Cancelled if run.state_type is StateType.CANCELLING else Crashed
            prefect.set_flow_run_state(run.id, state(message=why), force=True)
            closed += 1
            yield f"closed    {run.name}: {why}"
    seen.keep({run.id for run in runs})
    if closed:
        streaks.tell(prefect)
    tidy(home)
    close_orphans(prefect)


def _death(run: FlowRun, home: Path, seen: Sightings, alone: bool) -> str:
    """Why nobody works on this run any more; empty while somebody may."""
    alive = is_alive(home, run.id)
    if alive is not None:
        return "" if alive else "Its process died."
    if run.state is None or datetime.now(UTC) - run.state.timestamp < PATIENCE:
        return ""
    if run.id in seen:
        return "" if seen.is_there(run.id) else "Its process died before it began."
    if not alone:
        return ""
    if run.state_type is not StateType.PENDING and not run.infrastructure_pid:
        return ""  # started by hand, without a worker and in another home
    return "" if _exists(run) else "Its process died before it began."


def _exists(run: FlowRun) -> bool:
    """Whether the process that its worker started is there, and not a later one of the same id."""
    try:
        return psutil.Process(int(run.infrastructure_pid or -1)).environ().get(RUN_ID) == str(run.id)
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:  # another user's: it may be
        return True
