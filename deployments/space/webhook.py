"""The Hub's webhook: a commit on an upstream dataset becomes a Prefect event, which starts a run.

https://huggingface.co/docs/hub/webhooks
"""

import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from deployments.space.server import SCHEDULED, Server, is_active
from flows.settings import Settings

EVENT = "autocoder.upstream-commit"
MAIN = "refs/heads/main"
LARGEST = 1 << 18
"""Bytes of a call; the Hub's have some thousand."""


async def receive(request: Request) -> Response:
    """202 for a commit that was told on, 200 for anything else, 401 for who does not know the secret."""
    settings: Settings = request.app.state.settings
    server: Server = request.app.state.server
    expected = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    given = request.headers.get("x-webhook-secret", "")
    if not hmac.compare_digest(given.encode(), expected.encode()) or not expected:
        return PlainTextResponse("X-Webhook-Secret: expected AUTOCODER_WEBHOOK_SECRET of this Space\n", 401)
    body = await _read(request)
    if body is None:
        return PlainTextResponse("Too large\n", 413)
    try:
        event = event_of(json.loads(body), settings.datasets[:2])
    except (ValueError, KeyError, TypeError, AttributeError):
        return PlainTextResponse("Expected what the Hub's webhooks send\n", 400)
    if event is None:
        return PlainTextResponse("No commit on an upstream dataset: nothing to do\n")
    try:
        if not is_active(await server.ask(SCHEDULED)):
            return PlainTextResponse("The schedule is paused: nothing is started\n")
        await server.ask("/events", [event])
    except httpx2.HTTPError:
        return PlainTextResponse("The Prefect server is away\n", 503)
    return PlainTextResponse("Told on\n", 202)


def event_of(call: Any, upstream: Sequence[str]) -> dict[str, Any] | None:
    """The event of a call; None where it is no commit on one of these datasets.

    Raises ValueError, KeyError, TypeError or AttributeError for what is no call of the Hub.
    """
    what, repo = call["event"], call["repo"]
    if what["action"] != "update" or not str(what["scope"]).startswith("repo.content"):
        return None
    if repo["type"] != "dataset" or repo["name"] not in upstream:
        return None
    if MAIN not in [changed["ref"] for changed in call.get("updatedRefs", [{"ref": MAIN}])]:
        return None  # a pull request's
    name = repo["name"]
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": EVENT,
        "resource": {"prefect.resource.id": f"autocoder.dataset.{name}", "prefect.resource.name": name},
        "payload": {"dataset": name, "commit": str(repo.get("headSha", ""))[:40]},
    }


async def _read(request: Request) -> bytes | None:
    """The body; None for one that is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body
