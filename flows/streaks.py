"""Runs that failed one after the other: nobody's patience, and nobody's money, should go into a fourth."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import Event, Resource
from prefect.exceptions import PrefectException

AWAY = "Away"
"""Name of a failed run that met what may pass: a Hub, an endpoint, a server that is away. It pauses no schedule."""
IN_A_ROW = 3
LOOK = 50
"""Runs that are looked at: several may have run side by side."""
FAILED = {StateType.FAILED, StateType.CRASHED}
EVENT = "autocoder.failed-in-a-row"
RESOURCE = {"prefect.resource.id": "autocoder.flow.implement", "prefect.resource.name": "implement"}
_IMPLEMENT = FlowFilter(name=FlowFilterName(any_=["implement"]))
_ENDED = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*FAILED, StateType.COMPLETED])))
"""Without those that were cancelled: a tick that comes while another runs is."""


def look(flow: Any, flow_run: FlowRun, state: Any) -> None:
    """The same as a hook of a run that failed."""
    look_back()


def look_back() -> None:
    """The same as a view: a fault of it costs nothing else.

    Also beside a run that begins: of runs that an automation closed nobody else tells.
    """
    try:
        with get_client(sync_client=True) as prefect:
            tell(prefect)
    except (httpx.HTTPError, PrefectException):
        return


def tell(prefect: SyncPrefectClient) -> bool:
    """Whether the last three runs of `implement` failed or crashed; then there is one event of it.

    One that met what may pass, a Hub that is away, is no reason to stop: nobody need resume what goes on by itself.

    Raises httpx.HTTPError when the server does not answer.
    """
    runs = one_after_the_other(
        prefect.read_flow_runs(
            flow_filter=_IMPLEMENT, flow_run_filter=_ENDED, sort=FlowRunSort.END_TIME_DESC, limit=LOOK
        )
    )
    if len(runs) < IN_A_ROW or not all(map(is_reason, runs)):
        return False
    id_ = uuid5(NAMESPACE_URL, f"{EVENT}/{runs[0].id}")
    if not _is_known(prefect, id_):  # told twice it would pause a schedule that a person has just resumed
        event = Event(
            id=id_,
            event=EVENT,
            occurred=datetime.now(UTC),
            resource=Resource(RESOURCE),
            payload={"runs": [{"id": str(run.id), "name": run.name, "state": run.state_name} for run in runs]},
        )
        prefect.request("POST", "/events", json=[event.model_dump(mode="json")])
    return True


def one_after_the_other(runs: Iterable[FlowRun]) -> list[FlowRun]:
    """The last three of these, the last first, none of which ran beside another: a power cut ends several at once.

    Of runs side by side, the one that did its work.
    """
    last: list[FlowRun] = []
    began = datetime.max.replace(tzinfo=UTC)
    for run in runs:
        begins = run.start_time or run.expected_start_time or run.end_time  # the second: of one that never began
        if begins is None or run.end_time is None:
            continue
        if run.end_time > began:
            last[-1] = last[-1] if is_reason(run) else run
            began = min(began, begins)
        elif len(last) < IN_A_ROW:
            last.append(run)
            began = begins
    return last


def is_reason(run: FlowRun) -> bool:
    """Whether it failed or crashed, and not for what may pass."""
    return run.state_type in FAILED and run.state_name != AWAY


def _is_known(prefect: SyncPrefectClient, id_: UUID) -> bool:
    asked = {"filter": {"id": {"id": [str(id_)]}}, "limit": 1}
    return bool(prefect.request("POST", "/events/filter", json=asked).json()["events"])
