"""What a person at the terminal wants to see of the runs: a line for each item that finishes."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NoReturn
from uuid import uuid4

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from deployments.deploy import client
from deployments.leftovers import Started
from deployments.running import say
from deployments.worker import Watch
from flows.settings import Settings

REHEARSAL_ITEMS = 8
IMPLEMENT = FlowFilter(name=FlowFilterName(any_=["implement"]))

Where = Callable[[FlowRun], Iterator[str]]
"""Lines that tell where to look, said once the first run has ended."""


class Follower:
    """Reads the same artifacts that the UI shows, of a first run that it starts and of all others."""

    def __init__(self, prefect: SyncPrefectClient, settings: Settings, where: Where) -> None:
        self.prefect = prefect
        self.settings = settings
        self.where = where
        self.since = datetime.now(UTC)
        self.seen: set[str] = set()
        self.key = str(uuid4())
        self.run: FlowRun | None = None
        self.said_the_end = False

    def news(self) -> Iterator[str]:
        """A line for each item that finished since the last call; once the first run ended, its end and the addresses.

        Nothing when the server does not answer: the runs go on, and the next call asks again.
        """
        with suppress(httpx.HTTPError, PrefectException):  # the second: of a run that somebody deletes meanwhile
            run = self._first_run()
            over = not self.said_the_end and bool(run.state and run.state.is_final()) and not self._shared(run)
            yield from self._items()  # after the runs were read: an ended run's items are all there
            if over and run.state:
                self.said_the_end = True
                yield from told(run.state)
                yield from self.where(run)

    def _first_run(self) -> FlowRun:
        """The run that is started at once, beside the schedule, as it stands."""
        if self.run is None:
            self.run = self.prefect.create_flow_run_from_deployment(
                self.prefect.read_deployment_by_name("implement/on-demand").id,
                parameters=first_parameters(self.settings),
                idempotency_key=self.key,  # the answer to an earlier call may have been lost
            )
        elif not self.said_the_end:
            with suppress(ObjectNotFound):  # somebody deleted it
                self.run = self.prefect.read_flow_run(self.run.id)
        return self.run

    def _shared(self, run: FlowRun) -> bool:
        """Whether a tick that came while the run went on took up a part of the rehearsal, and is still at it."""
        if not first_parameters(self.settings):
            return False
        at_work = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
            start_time=FlowRunFilterStartTime(before_=run.end_time),
        )
        return bool(self.prefect.read_flow_runs(flow_filter=IMPLEMENT, flow_run_filter=at_work, limit=1))

    def _items(self) -> Iterator[str]:
        artifacts = self.prefect.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_="item-%")),
            sort=ArtifactSort.CREATED_DESC,
            limit=50,
        )
        for artifact in reversed(artifacts):
            if str(artifact.id) not in self.seen and artifact.created and artifact.created > self.since:
                self.seen.add(str(artifact.id))
                yield artifact.description or artifact.key or ""


def follow(settings: Settings, environment: dict[str, str], started: Started, where: Where) -> NoReturn:
    """Start a first run and print what comes of items. Raises Permanent when a child ends again and again."""
    # A client that tries again is silent for minutes when the server has ended.
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), client(environment) as prefect:
        follower = Follower(prefect, settings, where)
        watch = Watch(prefect, settings)
        while True:
            for line in (*started.revive(), *follower.news(), *watch.news()):
                say(line)
            time.sleep(1)


def first_parameters(settings: Settings) -> dict[str, int]:
    """The rehearsal is worked off in one run; of a person's own items no more than the deployment says."""
    rehearsal = not settings.on_real_hub and settings.model_name.startswith("replay:")
    return {"limit": REHEARSAL_ITEMS} if rehearsal else {}


def told(state: State) -> Iterator[str]:
    """How a run ended, whole: the first line of its message, and the others below it, indented."""
    first, *others = (state.message or "no message").splitlines()
    yield f"{state.name}: {first}"
    for line in others:
        yield f"  {line}"
