"""The runs of `implement-item`, as Prefect knows them: which are under way, which number comes next, another one."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from flows.orphans import TAG
from stages.errors import Misconfigured
from stages.models import WorkItem

FLOW = "implement-item"
DEPLOYMENT = f"{FLOW}/pool"
PAGE = 200
"""Runs that the server tells at a time."""
_OURS = FlowFilter(name=FlowFilterName(any_=[FLOW]))


@dataclass(frozen=True)
class ItemRun:
    """One hand-out of an item."""

    id: UUID
    key: str
    number: int
    """Of the hand-out, from 1."""
    is_over: bool
    state: str
    """Its name, and what it says."""


class ItemRuns:
    """Runs for one Hub and its datasets, which `place` names."""

    def __init__(self, prefect: PrefectClient, place: str) -> None:
        self._prefect = prefect
        self._place = place
        self._unsettled = f"handed-out/{place}"
        """The tag of a run whose end nobody has dealt with."""

    async def unsettled(self) -> list[ItemRun]:
        """Those under way, and those that are over and not settled."""
        return await self._read(FlowRunFilterTags(all_=[self._unsettled]))

    async def numbers(self, keys: Iterable[str]) -> dict[str, int]:
        """For each of the items that was ever handed out, the number of the last time."""
        tags = [self._tag(key) for key in keys]
        found = await self._read(FlowRunFilterTags(any_=tags)) if tags else []
        return {run.key: run.number for run in sorted(found, key=lambda run: run.number)}

    async def start(self, item: WorkItem, number: int) -> UUID:
        """The run of this hand-out: made now, or the one that another dispatcher has made.

        Raises Misconfigured where the deployment is missing.
        """
        try:
            deployment = await self._prefect.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound as error:
            raise Misconfigured(
                f"AUTOCODER_SCALE hands items to {DEPLOYMENT}, which is not deployed: run `make deploy`."
            ) from error
        run = await self._prefect.create_flow_run_from_deployment(
            deployment.id,
            parameters={"key": item.key, "number": number},
            name=item.finding.title[:80],
            tags=[self._unsettled, self._tag(item.key)],
            idempotency_key=f"{self._place}/{item.key}/{number}",
        )
        return run.id

    async def settle(self, run: ItemRun) -> None:
        """Its end has been dealt with."""
        await self._prefect.update_flow_run(run.id, tags=[TAG, self._tag(run.key)])

    def _tag(self, key: str) -> str:
        return f"{self._place}/{key}"

    async def _read(self, tags: FlowRunFilterTags) -> list[ItemRun]:
        runs: list[FlowRun] = []
        while len(runs) % PAGE == 0:
            page = await self._prefect.read_flow_runs(
                flow_filter=_OURS, flow_run_filter=FlowRunFilter(tags=tags), limit=PAGE, offset=len(runs)
            )
            runs += page
            if not page:
                break
        return [_item_run(run) for run in runs]


def _item_run(run: FlowRun) -> ItemRun:
    state = run.state
    return ItemRun(
        run.id,
        key=str(run.parameters["key"]),
        number=int(run.parameters["number"]),
        is_over=state is not None and state.is_final(),
        state=f"{state.name}: {state.message}" if state else "without a state",
    )
