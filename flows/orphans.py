"""Task runs that a dead run left under way: nobody else closes them, and the UI would show them Running for ever."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
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
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

OURS = FlowFilter(name=FlowFilterName(any_=["implement", "implement-item", "maintain"]))
TAG = "autocoder"
"""By it automations know a run of ours: what `prefect.yaml` gives to deployments, and others to their runs."""
ENDED = [StateType.CRASHED, StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED]
LAG = timedelta(seconds=30)
"""How long the states of a run's tasks may take to reach the server after its end."""


async def close_some() -> None:
    """The same beside a run: a view, so that a fault costs nothing but the look."""

    def close() -> None:
        with get_client(sync_client=True) as prefect, suppress(Exception):
            close_orphans(prefect)

    await asyncio.to_thread(close)


def close_orphans(prefect: SyncPrefectClient) -> None:
    """Crash what ended runs left under way. Raises httpx.HTTPError when the server does not answer."""
    ended = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ENDED)),
        end_time=FlowRunFilterEndTime(before_=datetime.now(UTC) - LAG),
    )
    left = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING]))
    for task_run in prefect.read_task_runs(
        flow_filter=OURS, flow_run_filter=ended, task_run_filter=TaskRunFilter(state=left), limit=200
    ):
        prefect.set_task_run_state(task_run.id, Crashed(message="Its run ended without it."), force=True)
