"""A pool without a worker: its item runs are worked on in this process, by the real engine."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import Pending

from flows import orphans
from flows.item_runs import FLOW
from tests.flows.conftest import World


class Pool:
    """The deployment `implement-item/pool`, and what is done with its runs."""

    def __init__(self, world: World, prefect: SyncPrefectClient) -> None:
        self.world = world
        self.prefect = prefect
        flow = prefect.create_flow_from_name(FLOW)
        self.deployment = prefect.create_deployment(flow, "pool", tags=["autocoder"])

    def tick(self) -> State[Any]:
        """One run of `implement`."""
        return self.world.run()

    def runs(self) -> list[FlowRun]:
        """All item runs, in order of item and number."""
        found = self.prefect.read_flow_runs(flow_filter=orphans.OURS, limit=200)
        ours = [run for run in found if run.deployment_id == self.deployment]
        return sorted(ours, key=lambda run: (run.name, run.parameters["number"]))

    def waiting(self) -> list[FlowRun]:
        """Those that no worker has begun."""
        return [run for run in self.runs() if run.state and run.state.is_scheduled()]

    def end(self, run: FlowRun, state: State[Any]) -> None:
        """The run comes to that state without having been worked on."""
        self.prefect.set_flow_run_state(run.id, state, force=True)

    def work(self, *runs: FlowRun) -> list[State[Any]]:
        """The final states of these runs, all those that wait by default, worked on at the same time."""
        from flows.item import implement_item

        chosen = list(runs or self.waiting())
        for run in chosen:
            self.end(run, Pending())

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(
                *(
                    run_flow_async(implement_item, flow_run=run, parameters=run.parameters, return_type="state")
                    for run in chosen
                )
            )

        with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: self.world.home / "results"}):
            return asyncio.run(all_of_them())

    def handed_out(self) -> list[str]:
        """Names of the files that lie in the shared storage."""
        return sorted(path.name for path in (self.world.home / "results" / "handed-out").glob("*/*"))


@contextmanager
def another_machine(home: str) -> Iterator[None]:
    """The environment of a worker with a home of its own, which shares the result storage."""
    before = os.environ["AUTOCODER_HOME"]
    os.environ["AUTOCODER_HOME"] = home
    try:
        yield
    finally:
        os.environ["AUTOCODER_HOME"] = before


@contextmanager
def pool(world: World) -> Iterator[Pool]:
    """A pool, and nothing of it afterwards."""
    with get_client(sync_client=True) as prefect:
        made = Pool(world, prefect)
        try:
            yield made
        finally:
            for run in made.runs():
                prefect.delete_flow_run(run.id)
