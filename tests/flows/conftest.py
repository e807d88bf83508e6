"""A whole worker for a test: the real engine and server of Prefect, a local Hub, a fake model endpoint."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact, State, TaskRun
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from tests import results
from tests.adapters.conftest import _faults, _hub_server, faults, hub_server  # noqa: F401  # fixtures
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import Answer, Call, says
from tests.adapters.faults import Faults

PROSE = "Notes on the finding.\n\nFILE: notes/{item}.md\n```markdown\nWhat to do.\n```\n"
"""A draft of which there is nothing to execute: most of these tests are about runs, not about verdicts."""
TOKEN = "sk-planted-and-never-to-be-seen"


@dataclass
class World:
    """What a run meets, and what it left behind."""

    home: Path
    hub: Hub
    requests: list[str]
    model: FakeModel
    odd: dict[str, Callable[[Call], Answer | None]] = field(default_factory=dict)
    """Step → an answer of its own; None for the usual one."""

    def publish(self, *records: Mapping[str, Any], plans: Sequence[Mapping[str, Any]] = ()) -> None:
        """Let the siblings commit these records."""
        for name, prefix, all_ in (("analysis", "", records), ("test-planning", "test_plan_", plans)):
            dataset = f"autocoder/autocoder-{name}-results"
            self.hub.create(dataset, private=False)
            files = {f"{prefix}iteration_{n}.json": json.dumps(r).encode() for n, r in enumerate(all_, start=1)}
            self.hub.commit(dataset, files or {"README.md": b"# sibling"}, self.hub.head(dataset), "sibling")

    def run(self, **parameters: Any) -> State[Any]:
        """One run of the flow: its final state."""
        from flows.implement import implement

        self.requests.clear()
        with temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: self.home / "results"}):
            state: Any = asyncio.run(implement(**parameters, return_state=True))
        self.last = state
        return state

    def asked(self) -> list[str]:
        """The steps that the model was asked for, in order; then forget them."""
        steps = [call.step for call in self.model.calls]
        self.model.calls.clear()
        return steps

    def rows(self) -> list[dict[str, Any]]:
        """Every row of the results dataset, in order."""
        return results.rows(self.hub)

    def task_runs(self) -> list[TaskRun]:
        """The task runs of the last run, once the server has all of them."""
        return asyncio.run(_task_runs(self.last))

    def artifacts(self) -> list[Artifact]:
        """The artifacts of the last run."""
        return asyncio.run(_artifacts(self.last))


async def _task_runs(state: State[Any]) -> list[TaskRun]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    ours = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    async with get_client() as client:
        for _ in range(100):  # task states reach the server by a queue of their own
            runs = await client.read_task_runs(flow_run_filter=ours, limit=200)
            if runs and all(run.state and run.state.is_final() for run in runs):
                return runs
            await asyncio.sleep(0.1)
    return runs


async def _artifacts(state: State[Any]) -> list[Artifact]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    ours = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    async with get_client() as client:
        return await client.read_artifacts(artifact_filter=ours)


@pytest.fixture
def world(
    prefect_server: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hub_server: LocalHub,  # noqa: F811
    faults: Faults,  # noqa: F811
) -> Iterator[World]:
    def script(call: Call) -> Answer:
        odd = made.odd.get(call.step, lambda call: None)(call)
        usual = PROSE.format(item=call.item) if call.step == "draft" else answer_for(call.step, call.prompt, call.item)
        return odd or says(usual)

    with FakeModel(script) as model:
        made = World(tmp_path / "home", Hub(hub_server.address), faults.seen, model)
        monkeypatch.setenv("AUTOCODER_HOME", str(made.home))
        monkeypatch.setenv("AUTOCODER_LOCAL_HUB", hub_server.address)
        monkeypatch.setenv("OPENAI_BASE_URL", model.address)
        monkeypatch.setenv("OPENAI_API_KEY", TOKEN)
        monkeypatch.setenv("AUTOCODER_MODEL", "fake-1")
        yield made


def record(*titles: str, **more: Any) -> dict[str, Any]:
    """An analysis record with a finding for each title."""
    findings = [{"title": t, "description": f"{t} in full", "severity": "high", **more} for t in titles]
    return {"iteration": 1, "timestamp": "2026-01-01T00:00:00", "findings": findings}
