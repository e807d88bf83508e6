"""What people can automate on is told once, about the right dataset and repository, and never with a secret."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.events import Event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import events
from flows.adapters.backlog import Waiting
from flows.adapters.looks import Look
from flows.opening import open_workshop
from flows.run import Pulled
from stages.condition import Condition
from stages.errors import BudgetReached, EndpointDown
from tests.outcomes import full

DATASET = "ada/autocoder-implementation-results"
ANALYSIS = "ada/autocoder-analysis-results"
AT = datetime(2030, 5, 17, tzinfo=UTC)
NOTHING = Pulled((), Look(), Waiting(0, (), 0))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Event]]]:
    """The events so far, from a worker that sends them nowhere."""
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path))
    monkeypatch.setenv("HF_USERNAME", "ada")
    monkeypatch.setenv("HF_TOKEN", "hf_planted_and_never_to_be_seen")
    monkeypatch.setenv("AUTOCODER_LOCAL", "1")
    AssertingEventsClient.reset()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):  # it is never asked; without, a server starts
        worker = EventsWorker.instance(AssertingEventsClient)
    monkeypatch.setattr(EventsWorker, "instance", lambda *_: worker)

    def so_far() -> list[Event]:
        worker.wait_until_empty()
        return [event for client in AssertingEventsClient.all for event in client.events]

    yield so_far
    worker.drain()
    AssertingEventsClient.reset()


async def test_a_published_item_is_about_the_dataset_and_related_to_its_repository(told: Callable[[], list[Event]]):
    outcome = full()
    where = {"repository": "https://ada:pw@example.org/code.git"}
    async with open_workshop():
        events.published([outcome.model_copy(update={"item": outcome.item.model_copy(update=where)})], "http://hub/c")
    (event,) = told()
    assert event.event == "autocoder.item-published"
    assert (event.resource.id, event.resource.name) == (f"autocoder.dataset.{DATASET}", DATASET)
    (repository,) = event.related
    assert (repository.role, repository.id) == ("repository", "autocoder.repository.https://example.org/code.git")
    assert (event.payload["item"], event.payload["verdict"]) == (outcome.item.key, str(outcome.verdict.grade))
    assert event.payload["commit"] == "http://hub/c"


async def test_no_payload_holds_a_secret(told: Callable[[], list[Event]]):
    async with open_workshop():
        events.set_aside(full().item, 3, "it said hf_planted_and_never_to_be_seen")
    (event,) = told()
    assert event.payload["reason"] == "it said [secret]"


async def test_what_lasts_is_told_when_it_begins_and_when_it_begins_again(told: Callable[[], list[Event]]):
    budget = BudgetReached("enough", scope="day", reopens=AT)
    later = BudgetReached("enough", scope="day", reopens=AT.replace(day=18))
    gone = replace(NOTHING, look=Look(gone=(ANALYSIS,)))
    for pulled in (replace(NOTHING, closed=budget), gone, gone, NOTHING, gone, replace(NOTHING, closed=later)):
        async with open_workshop():
            events.of_run(pulled, [budget, BudgetReached("of one item", scope="item")] if pulled is gone else [])
    assert [(event.event, event.resource.name) for event in told()] == [
        ("autocoder.budget-reached", DATASET),
        ("autocoder.upstream-gone", ANALYSIS),
        ("autocoder.upstream-gone", ANALYSIS),
        ("autocoder.budget-reached", DATASET),
    ]


async def test_an_endpoint_that_is_left_alone_a_missing_sandbox_and_a_quota_are_told(told: Callable[[], list[Event]]):
    async with open_workshop():
        for _ in range(2):
            events.of_run(NOTHING, [EndpointDown("it failed again and again", reopens=AT)])
            events.sandbox("nothing confines code here")
        events.sandbox("")
        events.quota_near(Condition(dataset=DATASET, size=7, files=3), ["Half of it is taken."])
    assert [(event.event, event.payload) for event in told()] == [
        ("autocoder.breaker-open", {"reopens": AT.isoformat(), "message": "it failed again and again"}),
        ("autocoder.sandbox-missing", {"machine": events.platform.node(), "message": "nothing confines code here"}),
        ("autocoder.quota-near", {"message": "Half of it is taken.", "bytes": 7, "files": 3}),
    ]
