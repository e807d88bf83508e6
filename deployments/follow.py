"""What a person at the terminal wants to see of the runs: a line for each item that finishes."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from flows.settings import Settings

REHEARSAL_ITEMS = 8


class Follower:
    """Reads the same artifacts that the UI shows."""

    def __init__(self, prefect: SyncPrefectClient, settings: Settings, api: str) -> None:
        self.prefect = prefect
        self.settings = settings
        self.ui = api.removesuffix("/api")
        self.since = datetime.now(UTC)
        self.seen: set[str] = set()
        self.said_addresses = False

    def first_run(self) -> None:
        """Start a run at once, beside the schedule."""
        self.deployment = self.prefect.read_deployment_by_name("implement/on-demand")
        limit = {"limit": REHEARSAL_ITEMS} if self.settings.model_name.startswith("replay:") else {}
        self.run = self.prefect.create_flow_run_from_deployment(self.deployment.id, parameters=limit)

    def news(self) -> Iterator[str]:
        """A line for each item that finished since the last call; once the first run ended, the addresses."""
        artifacts = self.prefect.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_="item-%")),
            sort=ArtifactSort.CREATED_DESC,
            limit=50,
        )
        for artifact in reversed(artifacts):
            if str(artifact.id) not in self.seen and artifact.created and artifact.created > self.since:
                self.seen.add(str(artifact.id))
                yield artifact.description or artifact.key or ""
        if not self.said_addresses:
            state = self.prefect.read_flow_run(self.run.id).state
            if state and state.is_final():
                self.said_addresses = True
                yield f"{state.name}: {state.message}"
                yield from self.addresses()

    def addresses(self) -> Iterator[str]:
        """The three that matter."""
        dataset = self.settings.datasets[2]
        python = os.path.relpath(sys.executable)
        local = "" if self.settings.on_real_hub else f"HF_ENDPOINT={self.settings.local_hub} "
        yield ""
        yield f"Prefect UI   {self.ui}"
        yield f"deployment   {self.ui}/deployments/deployment/{self.deployment.id}"
        yield f"dataset      {self.settings.hub_address}/datasets/{dataset}"
        code = f'from datasets import load_dataset; print(load_dataset("{dataset}")["train"][-1])'
        yield f"  {local}{python} -c '{code}'"
        yield ""
        yield "A run every 120 s; Ctrl-C stops everything that was started here."
