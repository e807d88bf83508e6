"""`python -m tests.chaos.hub FOLDER PORT LEDGER RATE SEED`: the local Hub with faults, writing down every request."""

import asyncio
import re
import sys
import time
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.adapters.local_hub import LocalHub
from tests.adapters.faults import Fault, answer, applied_but, half, reset
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


def stormy(ledger: Ledger, weather: Weather, app: ASGIApp) -> ASGIApp:
    """The app behind faults."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = _endpoint(f"{scope['method']} {scope['path']}")
        if not endpoint:
            return await app(scope, receive, send)
        name, fault = weather.fault(endpoint, OF_A_COMMIT if endpoint == "commit" else FAULTS)
        ledger.write(at=time.time(), event="asked", endpoint=endpoint, fault=name)
        scope["transport"] = receive.__self__.transport  # type: ignore[attr-defined]  # ASGI has no word for a reset
        inner = _telling(ledger, app) if endpoint == "commit" else app
        await (fault(scope, receive, send, inner) if fault else inner(scope, receive, send))
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
    folder, port, path, rate, seed = sys.argv[1:]
    ledger, weather = Ledger(Path(path)), Weather(Path(rate), seed)
    LocalHub(Path(folder), port=int(port), wrap=lambda app: stormy(ledger, weather, app)).serve()


if __name__ == "__main__":
    main()
