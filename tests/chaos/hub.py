"""`python -m tests.chaos.hub FOLDER PORT LEDGER RATE SILENT SEED`: the local Hub with faults.

It writes down every request. SILENT: 1 for a Hub that sometimes never answers.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.adapters.local_hub import LocalHub
from tests.adapters.faults import Fault, answer, applied_but, half, reset, says, silence
from tests.bench.ledger import Ledger
from tests.chaos.weather import Weather

HOLD_S = 0.03
"""Between a commit and its answer, so that somebody can die there."""
ENDPOINTS = {
    "commit": r"POST .*/commit/",
    "preupload": r"POST .*/preupload/",
    "create": r"POST /api/repos/create",
    "paths": r"POST .*/paths-info/",
    "tree": r"GET .*/tree/",
    "file": r"(GET|HEAD) .*/resolve/",
    "head": r"GET /api/datasets/",
}
FAULTS: dict[str, Fault] = {
    "401": answer(401),
    "403": answer(403),
    "404": answer(404),
    "429": answer(429),
    "429 for a second": answer(429, retry_after="1"),
    "500": answer(500),
    "502": answer(502),
    "503": answer(503),
    "504": answer(504),
    "reset": reset,
    "half an answer": half,
}
OF_A_COMMIT: dict[str, Fault] = FAULTS | {
    "409": answer(409),
    "412": answer(412),
    "quota": answer(403, message="Private repository storage limit reached"),
    "applied, then reset": applied_but(reset),
    "applied, then 500": applied_but(answer(500)),
    "applied, then 504": applied_but(answer(504)),
    "applied, then half an answer": applied_but(half),
}
SILENCE: dict[str, Fault] = {"silence": silence}
SILENCE_OF_A_COMMIT: dict[str, Fault] = SILENCE | {"applied, then silence": applied_but(silence)}


class Heads:
    """What was said of each dataset's head, to be said again when it is stale."""

    def __init__(self) -> None:
        self._said: dict[bytes, list[bytes]] = {}

    def noting(self, app: ASGIApp) -> ASGIApp:
        """The app, whose answers are remembered."""

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            async def noted(message: Message) -> None:
                said = self._said.setdefault(scope["raw_path"] + scope["query_string"], [])
                body = message.get("body", b"")
                if b'"sha"' in body and body not in said:
                    said[:] = [*said, body][-2:]
                await send(message)

            await app(scope, receive, noted)

        return served

    async def stale(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """The answer that was given before the last change."""
        if said := self._said.get(scope["raw_path"] + scope["query_string"]):
            return await says(said[0])(scope, receive, send, app)
        return await app(scope, receive, send)


def stormy(ledger: Ledger, weather: Weather, silent: bool, app: ASGIApp) -> ASGIApp:
    """The app behind faults."""
    heads = Heads()
    menus = dict.fromkeys(ENDPOINTS, FAULTS | (SILENCE if silent else {}))
    menus["head"] = menus["head"] | {"stale": heads.stale}
    menus["commit"] = OF_A_COMMIT | (SILENCE_OF_A_COMMIT if silent else {})
    inner = {"head": heads.noting(app), "commit": _telling(ledger, app)}

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = _endpoint(f"{scope['method']} {scope['path']}")
        if not endpoint:
            return await app(scope, receive, send)
        name, fault = weather.fault(endpoint, menus[endpoint])
        ledger.write(at=time.time(), event="asked", endpoint=endpoint, fault=name)
        scope["transport"] = receive.__self__.transport  # type: ignore[attr-defined]  # ASGI has no word for a reset
        asked = inner.get(endpoint, app)
        await (fault(scope, receive, send, asked) if fault else asked(scope, receive, send))
        return ledger.write(at=time.time(), event="answered", endpoint=endpoint, fault=name)

    return served


def _telling(ledger: Ledger, app: ASGIApp) -> ASGIApp:
    """Tells that a commit was applied before its answer goes out."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                event = "applied" if message["status"] == 200 else "refused"
                ledger.write(at=time.time(), event=event, endpoint="commit", fault="")
                await asyncio.sleep(HOLD_S)
            await send(message)

        await app(scope, receive, told)

    return served


def _endpoint(asked: str) -> str:
    return next((name for name, pattern in ENDPOINTS.items() if re.match(pattern, asked)), "")


def main() -> None:
    folder, port, path, rate, silent, seed = sys.argv[1:]
    ledger, weather = Ledger(Path(path)), Weather(Path(rate), seed)
    LocalHub(Path(folder), port=int(port), wrap=lambda app: stormy(ledger, weather, silent == "1", app)).serve()


if __name__ == "__main__":
    main()
