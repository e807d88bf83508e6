"""A small real model endpoint: /v1/chat/completions and /v1/models over plain asyncio, scriptable, with faults.

Hand-made HTTP rather than a framework: faults need the bare socket, and benches 256 calls in flight at little CPU.

    with FakeModel([says("hello"), refuses(429, openai_error("slow down"))]) as fake:
        ... fake.address, fake.calls

`python -m tests.adapters.fake_model --port 9000 --delay 0.2` answers every stage and draft of a whole flow.
"""

import argparse
import asyncio
import json
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import Answer, Call, Script, Wire, says


@dataclass
class FakeModel:
    """The endpoint: a script (answers in order, or a function of the call) and a ledger of all calls."""

    script: Sequence[Answer] | Script
    models: tuple[str, ...] = ("fake-1",)
    port: int = 0
    objects: Callable[[Call], Answer | None] | None = None
    """Asked first: an answer means the endpoint refuses this body, whatever the script says."""
    ledger: Path | None = None
    """Every call is appended here as a JSON line, for a process that outlives its caller."""
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    _told: int = 0

    @property
    def address(self) -> str:
        """Base URL for a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def serve(self, ready: threading.Event | None = None) -> None:
        """Serve until told to stop."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        if ready:
            ready.set()
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._request(head[0], headers, body, Wire(writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client hung up, or the server stops
        finally:
            writer.close()

    async def _request(self, line: str, headers: dict[str, str], body: bytes, wire: Wire) -> None:
        path = line.split(" ")[1]
        if path == "/v1/models":
            listing = {"object": "list", "data": [{"id": m, "object": "model"} for m in self.models] or None}
            return await wire.whole(200, listing)
        if path != "/v1/chat/completions":
            return await wire.whole(404, {"detail": "Not Found"})
        call = Call.of(json.loads(body), headers)
        answer = (self.objects(call) if self.objects else None) or self._next(call)
        self.calls.append(call)
        if self.ledger:
            with self.ledger.open("a") as file:
                file.write(json.dumps({"item": call.item, "step": call.step, "turn": call.turn}) + "\n")
        return await answer(call, wire)

    def _next(self, call: Call) -> Answer:
        if callable(self.script):
            return self.script(call)
        if self._told < len(self.script):
            self._told += 1
            return self.script[self._told - 1]
        return lambda call, wire: wire.whole(500, openai_error("the script is over"))


def flow_script(delay: float, pieces: int) -> Script:
    """Answers for whatever step is asked for: a whole flow runs against it."""

    def script(call: Call) -> Answer:
        return says(answer_for(call.step, call.prompt, call.item), delay=delay, pieces=pieces)

    return script


def main() -> None:
    """Serve a whole flow's answers until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds before the first byte of an answer")
    parser.add_argument("--pieces", type=int, default=8, help="events that a streamed answer is cut into")
    parser.add_argument("--ledger", type=Path, default=None, help="file that every call is appended to")
    options = parser.parse_args()
    fake = FakeModel(flow_script(options.delay, options.pieces), port=options.port, ledger=options.ledger)

    async def run() -> None:
        serving = asyncio.create_task(fake.serve())
        while not fake.port:
            await asyncio.sleep(0.01)
        sys.stdout.write(f"fake model at {fake.address}\n")
        sys.stdout.flush()
        await serving

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
