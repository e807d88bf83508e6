"""What can go wrong between a client and a Hub, put between the server and the local Hub: `LocalHub(wrap=faults)`."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Fault = Callable[[Scope, Receive, Send, ASGIApp], Awaitable[None]]
"""Answers in the Hub's stead; may ask the Hub first."""


def answer(status: int, *, message: str = "", code: str = "", **headers: str) -> Fault:
    """That status, with the Hub's two headers for what went wrong; `retry_after="7"` becomes Retry-After."""
    given = {"content_type": "application/json", "x-error-message": message, "x-error-code": code, **headers}
    lines = [(name.replace("_", "-").encode(), text.encode()) for name, text in given.items() if text]
    body = json.dumps({"error": message}).encode()

    async def fault(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await _drain(receive)
        start = [*lines, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": body})

    return fault


async def reset(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
    """The connection breaks before the Hub heard of it."""
    scope["transport"].abort()


async def silence(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
    """The request is taken and never answered."""
    while (await receive())["type"] != "http.disconnect":
        pass


def applied_but(fault: Fault) -> Fault:
    """The Hub does what was asked; its answer is lost to `fault`."""

    async def late(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        async def nowhere(message: Message) -> None:
            pass

        async def nothing() -> Message:
            return next(rest, None) or await receive()

        await app(scope, receive, nowhere)
        rest = iter([{"type": "http.request"}])  # what was asked is read already
        await fault(scope, nothing, send, app)

    return late


async def half(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
    """The answer breaks off in the middle of its body."""
    await _drain(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    scope["transport"].abort()


async def trickle(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
    """The answer comes by the byte, and never ends."""
    await _drain(receive)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    while not scope["transport"].is_closing():
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.02)


def says_head(dataset: str, sha: str) -> Fault:
    """A Hub whose answer lags behind."""
    return says(json.dumps({"id": dataset, "sha": sha}).encode())


def says(body: bytes) -> Fault:
    """That JSON, whatever the Hub would say."""

    async def fault(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    return fault


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


@dataclass
class Faults:
    """Faults by request, and a log of every request that came."""

    seen: list[str] = field(default_factory=list)
    """ "GET /api/datasets/a/b", …: method and path, in order of arrival."""
    tokens: list[str] = field(default_factory=list)
    """The Authorization header of each, or empty."""
    _rules: list[list] = field(default_factory=list)

    def on(self, pattern: str, fault: Fault, *, times: int = 1, after: int = 0) -> None:
        """`fault` meets the next `times` requests whose "METHOD /path" matches, when `after` of them have passed."""
        self._rules.append([re.compile(pattern), fault, times, after])

    def forget(self) -> None:
        """No faults, and an empty log."""
        for kept in (self.seen, self.tokens, self._rules):
            kept.clear()

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            asked = f"{scope['method']} {scope['path']}"
            self.seen.append(asked)
            self.tokens.append(dict(scope["headers"]).get(b"authorization", b"").decode())
            scope["transport"] = receive.__self__.transport  # type: ignore[attr-defined]  # uvicorn's; ASGI has no word for a reset
            fault = self._due(asked)
            await (fault(scope, receive, send, app) if fault else app(scope, receive, send))

        return faulty

    def _due(self, asked: str) -> Fault | None:
        for rule in self._rules:
            pattern, fault, times, after = rule
            if not pattern.search(asked) or not times:
                continue
            if after:
                rule[3] -= 1
                continue
            rule[2] -= 1
            return fault
        return None
