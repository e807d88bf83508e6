"""What is done to a running cluster: runs through all workers, and a kill -9 in the midst of each round."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pyarrow.parquet as pq
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from pyarrow import BufferReader

from deployments.docker.cluster import Cluster, wait_until
from deployments.running import say
from flows.adapters.hub import Hub, Missing
from stages.errors import Permanent

ROUND_S, TICKS_S = 600.0, 900.0
"""How long a round of runs may take, and what is left until the schedule's next ticks have done it."""
DATASET = "autocoder/autocoder-implementation-results"


@dataclass
class Trial:
    """Rounds against a cluster, through its balancer."""

    cluster: Cluster
    prefect: SyncPrefectClient
    hub: Hub
    lost: set[UUID] = field(default_factory=set)
    """Runs whose worker was killed."""
    started: list[UUID] = field(default_factory=list)

    def round(self, runs: int, what: str, kill: Callable[[], None]) -> None:
        """Start so many runs of one item each; kill while they are under way; wait for their ends. Raises Permanent.

        On a quick machine one may have ended before the last begins: that is no longer waited for.
        """
        deployment = self.prefect.read_deployment_by_name("implement/on-demand").id
        ids = [
            self.prefect.create_flow_run_from_deployment(deployment, parameters={"limit": 1}).id for _ in range(runs)
        ]
        self.started += ids
        self._wait(lambda: self._at_work(ids), f"before {what} was killed, the runs did not begin")
        under_way, workers = self._under_way(ids), self._busy()
        kill()
        say(f"killed    {what}, with {under_way} of {runs} runs under way, by {', '.join(workers)}")
        self._wait(lambda: self._under_way(ids) == 0, f"after {what} was killed, not all runs ended")
        states = Counter(run.state.name for run in self._runs(ids) if run.state)
        say(f"          runs: {dict(states)}; rows so far: {len(self.rows())}")

    def kill(self, name: str) -> None:
        self.cluster.containers[name].kill()

    def kill_a_busy_worker(self) -> None:
        """One of those that work on a run, and its run with it. Raises Permanent when none does."""
        if not (busy := self._busy()):
            raise Permanent("No worker was at work when one was to be killed.")
        container = self.cluster.containers[busy[0]]
        self.lost |= {UUID(run) for run in container.runs()}
        container.kill()

    def until_all_is_published(self, items: int) -> None:
        """Wait for the schedule's ticks to do what is left. Raises Permanent when they do not."""
        self._wait(lambda: len(self.rows()) >= items, "not every item had a row", TICKS_S)

    def check(self, items: int) -> str:
        """What holds of the rows and runs. Raises Permanent for a row too many, a gap, a run that failed."""
        rows = self.rows()
        if len({row["id"] for row in rows}) != items or len(rows) != items:
            raise Permanent(f"{items} rows were expected, one an item, not {Counter(row['id'] for row in rows)}.")
        if [row["iteration"] for row in rows] != list(range(1, items + 1)):
            raise Permanent(f"The rows' iterations are {[row['iteration'] for row in rows]}: a gap, or a double.")
        kept = [run for run in self._runs(self.started) if run.id not in self.lost]
        if wrong := [f"{run.name}: {run.state}" for run in kept if not (run.state and run.state.is_completed())]:
            raise Permanent(f"Of the runs that nobody killed, some did not complete: {'; '.join(wrong)}")
        grades = Counter(row["verdict"]["grade"] for row in rows)
        return f"{items} rows, each item once, {dict(grades)}; {len(kept)} runs completed, {len(self.lost)} killed"

    def rows(self) -> list[dict[str, Any]]:
        """Every row of the results dataset, in order; none before there is one."""
        try:
            head = self.hub.head(DATASET)
        except Missing:
            return []
        shards = sorted(entry.path for entry in self.hub.tree(DATASET, head, "data"))
        tables = [pq.read_table(BufferReader(self.hub.read(DATASET, head, shard))) for shard in shards]
        return [row for table in tables for row in table.to_pylist()]

    def _runs(self, ids: list[UUID]) -> list[FlowRun]:
        return self.prefect.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids)))

    def _busy(self) -> list[str]:
        """Names of the workers that work on a run."""
        return [name for name, each in self.cluster.containers.items() if name.startswith("worker-") and each.runs()]

    def _at_work(self, ids: list[UUID]) -> bool:
        """Whether all have begun, or one has ended already."""
        runs = self._runs(ids)
        return all(run.start_time for run in runs) or any(run.state and run.state.is_final() for run in runs)

    def _under_way(self, ids: list[UUID]) -> int:
        """How many have not ended, without those that were killed."""
        runs = [run for run in self._runs(ids) if run.id not in self.lost]
        return sum(not (run.state and run.state.is_final()) for run in runs)

    def _wait(self, reached: Callable[[], bool], otherwise: str, seconds: float = ROUND_S) -> None:
        """Meanwhile what ended is started again, as compose.yaml says; a server that is away is asked again."""

        def now() -> bool:
            for line in self.cluster.revive():
                say(line)
            try:
                return reached()
            except (httpx.HTTPError, PrefectHTTPStatusError):
                return False

        wait_until(now, seconds, otherwise)
