"""What the public page may show, and what a call of the Hub's webhook comes to."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from deployments.space.front import app, page
from deployments.space.published import Published, Row, Shelf, row
from deployments.space.server import SCHEDULED, Server
from deployments.space.status import Line, Lookout, Status, tail, told
from deployments.space.webhook import EVENT, event_of
from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from flows.settings import Settings
from tests.adapters.conftest import _faults, _hub_server, faults, hub_server  # noqa: F401  # fixtures
from tests.outcomes import small
from tests.results import DATASET

UPSTREAM = ("ada/analysis", "ada/plans")
COMMIT: dict[str, Any] = {
    "event": {"action": "update", "scope": "repo.content"},
    "repo": {"type": "dataset", "name": "ada/analysis", "headSha": "a" * 40},
    "updatedRefs": [{"ref": "refs/heads/main", "oldSha": "b" * 40, "newSha": "a" * 40}],
}
"""As https://huggingface.co/docs/hub/webhooks shows it."""
SCHEDULES = [{"active": True}]


def test_a_commit_upstream_is_an_event_about_that_dataset():
    event = event_of(COMMIT, UPSTREAM)
    assert event is not None
    assert event["event"] == EVENT
    assert event["resource"]["prefect.resource.id"] == "autocoder.dataset.ada/analysis"
    assert event["payload"] == {"dataset": "ada/analysis", "commit": "a" * 40}


@pytest.mark.parametrize(
    "change",
    [
        {"event": {"action": "update", "scope": "repo.config"}},
        {"event": {"action": "create", "scope": "discussion"}},
        {"repo": {"type": "dataset", "name": "ada/others"}},
        {"repo": {"type": "model", "name": "ada/analysis"}},
        {"updatedRefs": [{"ref": "refs/pr/1", "oldSha": None, "newSha": "a"}]},
    ],
)
def test_anything_else_is_no_event(change: dict[str, Any]):
    assert event_of({**COMMIT, **change}, UPSTREAM) is None


@pytest.mark.parametrize(
    ("secret", "given", "status"),
    [
        ("planted-secret", "planted-secret", 200),
        ("planted-secret", "planted-secre", 401),
        ("planted-secret", None, 401),
        (None, "", 401),
        (None, None, 401),
    ],
)
def test_only_who_knows_the_webhooks_secret_is_listened_to(tmp_path: Path, secret: str, given: str, status: int):
    front = TestClient(app(Settings(home=tmp_path, webhook_secret=secret), Server("http://127.0.0.1:9", "x")))
    headers = {} if given is None else {"x-webhook-secret": given}
    answer = front.post("/webhook", json={**COMMIT, "repo": {"type": "model", "name": "x/y"}}, headers=headers)
    assert answer.status_code == status
    assert "planted" not in answer.text


@pytest.mark.parametrize(("body", "status"), [(b"[]", 400), (b"{", 400), (b"{}", 400), (b" " * (1 << 19), 413)])
def test_a_call_that_is_none_of_the_hubs_is_refused(tmp_path: Path, body: bytes, status: int):
    front = TestClient(app(Settings(home=tmp_path, webhook_secret="planted-secret"), Server("http://127.0.0.1:9", "x")))
    assert front.post("/webhook", content=body, headers={"x-webhook-secret": "planted-secret"}).status_code == status


def test_without_a_token_the_page_says_what_to_add(tmp_path: Path):
    front = TestClient(app(Settings(home=tmp_path), Server("http://127.0.0.1:9", "x")))
    said = front.get("/status").text
    assert "Not running" in said
    assert "The secret HF_TOKEN is missing" in said


def test_no_page_but_the_hubs_may_frame_the_public_one_and_nothing_runs_on_it(tmp_path: Path):
    front = TestClient(app(Settings(home=tmp_path), Server("http://127.0.0.1:9", "x")))
    policy = front.get("/status").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self' https://huggingface.co" in policy


def test_while_prefect_is_away_the_front_says_so(tmp_path: Path):
    front = TestClient(app(Settings(home=tmp_path), Server("http://127.0.0.1:9", "x")))
    answer = front.get("/api/flow_runs/1")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_paused_and_running_are_told_apart():
    assert told({"paused": False, "schedules": SCHEDULES}, [], None)[0] == "Running"
    assert told({"paused": True, "schedules": SCHEDULES}, [], None)[0] == "Paused"
    assert told({"paused": False, "schedules": [{"active": False}]}, [], None)[0] == "Paused"
    assert "43 %" in told({"paused": False, "schedules": SCHEDULES}, [{}], 43.2)[1]


def at(second: int) -> str:
    return f"2026-11-26T20:00:{second:02}.5Z"


TASKS = [
    {"end_time": at(4), "name": "Deep Understanding · Planted title", "state_type": "COMPLETED"},
    {"end_time": at(8), "name": "pull", "state_type": "COMPLETED"},
    {"end_time": at(5), "name": "write · Planted title", "state_type": "FAILED"},
]


def lines(titles: bool) -> list[Line]:
    runs = [{"end_time": at(s), "state": {"name": "Idle"}} for s in (1, 2, 9)]
    items = [{"created": at(6), "description": "0123456789abcdef-1  proven       34,588 tokens  1 s  Planted title"}]
    return tail(runs, TASKS, items, titles=titles)


def test_the_log_is_in_order_and_an_idle_hour_is_one_line():
    assert [line.at for line in lines(titles=True)] == [at(s) for s in (2, 4, 5, 6, 9)]
    assert "write · Planted title: failed" in [line.text for line in lines(titles=True)]


def test_of_a_dataset_that_is_not_public_no_word_of_a_finding_is_shown():
    assert "Planted" not in str(lines(titles=False))
    assert "0123456789abcdef-1 proven" in str(lines(titles=False))


def test_whatever_a_title_holds_is_text_on_the_page():
    evil = "<script>alert(1)</script>"
    published = Published(True, "a", 7, (("proven", 7),), Row(7, at(1), evil, "proven"))
    said = page(Status("Running", "", published, (Line(at(1), evil),), (("ada/results", "http://hub/x"),)))
    assert "<script" not in said
    assert said.count("&lt;script&gt;") == 2


async def test_what_is_published_is_read_without_a_token(hub_server: LocalHub):  # noqa: F811
    hub = Hub(hub_server.address)
    assert await Shelf(hub, DATASET, UPSTREAM[0]).look() == Published()
    Results(hub, DATASET).append([small(1), small(2)])
    found = await Shelf(hub, DATASET, UPSTREAM[0]).look()
    assert (found.is_public, found.iterations, sum(count for _, count in found.verdicts)) == (True, 2, 2)
    assert found.newest is not None
    assert (found.newest.iteration, found.newest.title) == (2, small(2).item.finding.title)


async def test_of_a_private_dataset_nothing_is_known(hub_server: LocalHub):  # noqa: F811
    hub = Hub(hub_server.address)
    hub.create(UPSTREAM[0], private=False)
    Results(hub, DATASET, private=True).append([small(1)])
    assert await Shelf(hub, DATASET, UPSTREAM[0]).look() == Published()


@pytest.mark.parametrize("private", [True, False])
async def test_the_log_has_titles_only_while_the_findings_are_open_to_everybody(
    hub_server: LocalHub,  # noqa: F811
    tmp_path: Path,
    private: bool,
):
    hub = Hub(hub_server.address)
    hub.create(UPSTREAM[0], private=private)
    Results(hub, DATASET).append([small(1)])
    named = {"analysis_dataset": UPSTREAM[0], "results_dataset": DATASET}
    settings = Settings(home=tmp_path, HF_TOKEN="hf_planted", HF_ENDPOINT=hub_server.address, **named)
    status = await Lookout(settings, prefect({"/api/task_runs/filter": TASKS})).status()
    assert status.published.iterations == 1
    assert ("Planted title" in str(status.log)) is not private
    assert "Deep Understanding" in str(status.log)


def prefect(answers: dict[str, Any]) -> Server:
    """A server that gives these answers, has an active schedule, and knows of nothing else."""
    known = {f"/api{SCHEDULED}": {"paused": False, "schedules": SCHEDULES}, **answers}
    transport = httpx2.MockTransport(lambda asked: httpx2.Response(200, json=known.get(asked.url.path, [])))
    return Server("http://127.0.0.1:9", "x", httpx2.AsyncClient(transport=transport))


@pytest.mark.parametrize("latest", [b"", b"[]", b"{}", b'{"iteration": "x"}', b'{"work_item": null}'])
def test_another_programs_latest_row_is_none(latest: bytes):
    assert row(latest) is None
