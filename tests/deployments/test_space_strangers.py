"""A running Space, and strangers at its public port: they read nothing, and start nothing."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets import ConnectionClosed, InvalidHandshake, Subprotocol, connect
from websockets.asyncio.client import ClientConnection

from deployments.space.sockets import PROTOCOL
from tests.deployments.space_up import PASSWORD, SECRETS, WEBHOOK, Space, World, login, space, until, world

pytestmark = pytest.mark.slow

OPEN = {"/api/health", "/api/ready"}
SOCKETS = (
    "/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled",
    "/work_pools/autocoder/workers/connect",
)  # fmt: skip
EMPTY_ID = "00000000-0000-0000-0000-000000000000"
WRONG = [
    {},
    login("wrong"),
    login(":"),
    login(PASSWORD[:-1]),
    login(f"admin:{PASSWORD}"),
    {"authorization": PASSWORD},
    {"authorization": f"Bearer {PASSWORD}"},
    {"authorization": "Basic ///"},
]
DETOURS = (
    "//api/flow_runs/filter", "/api//flow_runs/filter", "/api/flow_runs/filter/", "/api/./flow_runs/filter",
    "/status/../api/flow_runs/filter", "/api/health/../flow_runs/filter", "/api/flow_runs/filter/health",
    "/api/flow_runs%2Ffilter", "/%61pi/flow_runs/filter", "/API/flow_runs/filter",
    "/api/health%2f..%2fflow_runs/filter", "/api/flow_runs/filter?x=/health", "/api/flow_runs/filter;/health",
    "/webhook/../api/flow_runs/filter",
)  # fmt: skip


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Space]]:
    folder = tmp_path_factory.mktemp("space")
    with world(folder / "hub") as around:
        around.publish("Planted finding")
        with space(folder / "home", around.settings()) as running:
            yield around, running


@pytest.fixture(scope="module")
def up(there: tuple[World, Space]) -> Space:
    plant(there[1])
    return there[1]


def raw(up: Space, request: str) -> str:
    """The whole answer to these bytes, which no client would send."""
    with socket.create_connection(("127.0.0.1", int(up.settings["PORT"])), timeout=30) as wire:
        wire.sendall(request.replace("\n", "\r\n").encode())
        parts = []
        while part := wire.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def plant(up: Space) -> None:
    """A run whose name and parameters say `planted`."""
    deployment = up.ask("/deployments/name/implement/on-demand", method="GET")["id"]
    body = {"name": "planted-run", "parameters": {"item": "planted-parameter"}, "state": {"type": "SCHEDULED"}}
    body["state"]["state_details"] = {"scheduled_time": "2100-01-01T00:00:00Z"}
    up.ask(f"/deployments/{deployment}/create_flow_run", body)
    found = json.dumps(up.ask("/flow_runs/filter", {"limit": 200}))
    assert "planted-run" in found
    assert "planted-parameter" in found


def counts(up: Space) -> list[Any]:
    """What somebody who got in could have changed: runs by hand, deployments, automations, variables."""
    by_hand = {"flow_runs": {"name": {"like_": "planted"}}}
    kinds = ("deployments", "work_pools", "variables", "block_documents", "artifacts", "flows")
    return [up.ask("/flow_runs/count", by_hand), *(len(up.ask(f"/{k}/filter", {})) for k in kinds if k != "artifacts")]


def test_every_call_of_the_api_wants_the_password(up: Space):
    before = counts(up)
    paths = up.ask("/openapi.json", method="GET")["paths"]
    assert len(paths) > 100
    with httpx.Client(base_url=up.address, timeout=30) as stranger:
        for path, methods in paths.items():
            address = "/api" + re.sub(r"\{[^}]*\}", EMPTY_ID, path.removeprefix("/api"))
            for method in methods:
                answer = stranger.request(method, address, json={})
                assert answer.status_code == (200 if address in OPEN else 401), (method, address)
        for headers in WRONG:
            assert stranger.post("/api/flow_runs/filter", json={}, headers=headers).status_code == 401, headers
    assert counts(up) == before


@pytest.mark.parametrize("path", DETOURS)
def test_no_detour_leads_past_the_password(up: Space, path: str):
    body = "Content-Type: application/json\nContent-Length: 2\nConnection: close\n\n{}"
    for host in ("localhost", "localhost/api/health?", "127.0.0.1:1"):
        for extra in ("", "X-Forwarded-Prefix: /api/health\n", "X-Original-URL: /api/health\n"):
            for method in ("POST", "GET"):
                said = raw(up, f"{method} {path} HTTP/1.1\nHost: {host}\n{extra}{body}")
                assert said.startswith("HTTP/1.1 ")
                assert "planted" not in said.lower()
                assert '"flow_id"' not in said


def test_a_request_hidden_in_another_is_not_answered_past_the_password(up: Space):
    hidden = "POST /api/flow_runs/filter HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}"
    said = raw(
        up,
        f"POST /api/health HTTP/1.1\nHost: x\nContent-Length: {len(hidden)}\nTransfer-Encoding: chunked\n"
        f"Connection: close\n\n0\n\n{hidden}",
    )
    assert said.startswith("HTTP/1.1 400")
    assert said.count("HTTP/1.1") == 1


async def opened(up: Space, path: str, *messages: str, protocols: list[Subprotocol] | None = None) -> list[Any]:
    """All that a websocket answers to these messages."""
    heard: list[Any] = []
    address = f"ws{up.address.removeprefix('http')}/api{path}"
    wanted = [PROTOCOL] if protocols is None else protocols
    async with connect(address, subprotocols=wanted, proxy=None) as wire:
        try:
            for message in messages:
                await wire.send(message)
            while True:
                heard.append(await wire.recv())
                if "auth_success" in str(heard[-1]):
                    break
        except ConnectionClosed:
            heard.append(closed_with(wire))
    return heard


def closed_with(wire: ClientConnection) -> int | None:
    return wire.close_code


def hello(token: str) -> str:
    return json.dumps({"type": "auth", "token": token})


@pytest.mark.parametrize("path", SOCKETS)
async def test_a_websocket_is_closed_on_whoever_does_not_know_the_password(up: Space, path: str):
    assert await opened(up, path, hello("wrong")) == [1008]
    assert await opened(up, path, hello("")) == [1008]
    assert await opened(up, path, json.dumps({"type": "filter", "filter": {}})) == [1008]
    with pytest.raises(InvalidHandshake):
        await opened(up, path, protocols=[Subprotocol("other")])
    assert json.loads((await opened(up, path, hello(PASSWORD)))[0]) == {"type": "auth_success"}


async def test_a_websocket_that_says_nothing_is_closed(up: Space):
    assert await asyncio.gather(*(opened(up, path) for path in SOCKETS)) == [[1008]] * len(SOCKETS)


def test_the_public_page_shows_what_happened_and_nothing_secret(there: tuple[World, Space], up: Space):
    around, _ = there
    until(lambda: around.count() == 1)
    until(lambda: 'Iterations: <b id="iterations">1' in up.status())
    said = up.status()
    assert "Running" in said
    assert "Planted finding" in said, "the dataset is public, and so is the title"
    assert f"{around.hub.address}/datasets/autocoder/autocoder-implementation-results" in said
    assert "planted-" not in said
    logs = "".join(log.read_text(errors="replace") for log in (up.home / "logs").glob("*.log"))
    assert not [secret for secret in SECRETS.values() if secret in logs + "\n".join(up.lines)]


def test_no_answer_of_the_api_holds_a_secret_even_for_who_knows_the_password(up: Space):
    paths = up.ask("/openapi.json", method="GET")["paths"]
    asked = 0
    with httpx.Client(base_url=up.address, headers=login(PASSWORD), timeout=30) as owner:
        for path, methods in paths.items():
            if "{" in path or not ("get" in methods or path.endswith("/filter")):
                continue
            method = "GET" if "get" in methods else "POST"
            answer = owner.request(method, "/api" + path.removeprefix("/api"), json=None if method == "GET" else {})
            asked += answer.status_code == 200
            assert not [secret for secret in SECRETS.values() if secret in answer.text], path
    assert asked > 20


def test_the_schedule_is_paused_and_resumed_for_all_to_see(up: Space):
    deployment = up.ask("/deployments/name/implement/every-120s", method="GET")["id"]
    up.ask(f"/deployments/{deployment}/pause_deployment", {})
    try:
        until(lambda: "Paused" in up.status())
        assert call(up, WEBHOOK).text.startswith("The schedule is paused")
    finally:
        up.ask(f"/deployments/{deployment}/resume_deployment", {})
    until(lambda: "Running" in up.status())


def test_a_commit_upstream_starts_a_run(up: Space):
    deployment = up.ask("/deployments/name/implement/every-120s", method="GET")["id"]

    def by_hand() -> set[str]:
        runs = up.ask("/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}, "limit": 200})
        return {run["id"] for run in runs if not run["auto_scheduled"]}

    before = by_hand()
    assert call(up, "wrong").status_code == 401
    assert call(up, WEBHOOK).status_code == 202
    until(lambda: by_hand() - before)
    assert len(by_hand() - before) == 1


def call(up: Space, secret: str) -> httpx.Response:
    """The Hub's webhook about the analysis dataset."""
    body = {
        "event": {"action": "update", "scope": "repo.content"},
        "repo": {"type": "dataset", "name": "autocoder/autocoder-analysis-results", "headSha": "a" * 40},
    }
    return httpx.post(f"{up.address}/webhook", json=body, headers={"x-webhook-secret": secret}, timeout=30)
