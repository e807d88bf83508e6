"""What the fake endpoint can say and do: answers well formed, answers that break, silence."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Call:
    """One request, as the ledger keeps it."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]
    item: str = ""
    step: str = ""
    turn: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any], headers: Mapping[str, str]) -> "Call":
        """The call with its key read from the header that the worker sends."""
        item, step, turn = [*headers.get("x-autocoder-call", "").split("/"), "", "", ""][:3]
        return cls(body, headers, item, step, turn)

    @property
    def prompt(self) -> str:
        """All messages, one after the other."""
        return "\n".join(m["content"] for m in self.body["messages"])

    @property
    def streams(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.body.get("stream"))


@dataclass
class Wire:
    """The open connection that an answer is written to."""

    writer: asyncio.StreamWriter
    _open: bool = field(default=False, init=False)

    async def whole(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """One complete response; text and bytes go out as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = {"content-type": "text/plain" if isinstance(body, str | bytes) else "application/json"}
        self.head(status, {**kind, **(headers or {}), "content-length": str(len(raw))})
        await self.raw(raw)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {status} .", *(f"{k}: {v}" for k, v in headers.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def raw(self, data: bytes) -> None:
        """Bytes, as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def chunk(self, data: bytes) -> None:
        """One chunk of a chunked response; the first one sends the headers of an event stream."""
        if not self._open:
            self._open = True
            self.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        """The regular end of a chunked response."""
        await self.raw(b"0\r\n\r\n")

    def reset(self) -> None:
        """A TCP reset instead of an end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Call, Wire], Awaitable[None]]
Script = Callable[[Call], Answer]


def event(delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One server-sent event as endpoints send it."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    chunk = {"id": "c", "object": "chat.completion.chunk", "model": "fake-1", "choices": choices, **more}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def counted(call: Call, text: str) -> dict[str, Any]:
    """Usage at four characters a token."""
    return {"prompt_tokens": len(call.prompt) // 4 + 1, "completion_tokens": len(text) // 4 + 1}


def says(
    text: str = "",
    *,
    finish: str | None = "stop",
    usage: Any = counted,
    delay: float = 0.0,
    pieces: int = 4,
    **more: Any,
) -> Answer:
    """A good answer, streamed or whole as asked. `more` joins the message: reasoning_content, refusal, …

    `usage`: what to report (a dict, or a function of call and text), None for an endpoint that does not.
    """

    async def answer(call: Call, wire: Wire) -> None:
        await asyncio.sleep(delay)
        spent = usage(call, text) if callable(usage) else usage
        if not call.streams:
            message = {"role": "assistant", "content": text, **more}
            choices = [{"index": 0, "message": message, "finish_reason": finish}]
            return await wire.whole(200, {"model": "fake-1", "choices": choices, "usage": spent})
        await wire.chunk(event({"role": "assistant", **more}))
        for piece in cut(text, pieces):
            await wire.chunk(event({"content": piece}))
        await wire.chunk(event(finish=finish))
        if spent and (call.body.get("stream_options") or {}).get("include_usage"):
            await wire.chunk(event(choices=[], usage=spent))
        await wire.chunk(DONE)
        return await wire.end()

    return answer


def cut(text: str, pieces: int) -> Iterator[str]:
    """The text in about so many pieces."""
    size = max(1, -(-len(text) // pieces))
    yield from (text[at : at + size] for at in range(0, len(text), size))


def sends(*parts: bytes, then: str = "end", pause: float = 0.0) -> Answer:
    """An event stream of these raw parts, then: "end", "reset", "hang up" without an end, or "silence"."""

    async def answer(call: Call, wire: Wire) -> None:
        for part in parts:
            await wire.chunk(part)
            await asyncio.sleep(pause)
        if then == "end":
            return await wire.end()
        if then == "reset":
            await asyncio.sleep(0.02)  # a reset throws away what the client has not read yet
            wire.reset()
        if then == "silence":
            await asyncio.sleep(60)
        wire.writer.close()
        return None

    return answer


def refuses(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An error response."""
    return lambda call, wire: wire.whole(status, body, headers)


def is_silent(call: Call, wire: Wire) -> Awaitable[None]:
    """Accepts the request and never answers."""
    return asyncio.sleep(60)


def hangs_up(call: Call, wire: Wire) -> Awaitable[None]:
    """Resets the connection instead of answering."""
    wire.reset()
    return asyncio.sleep(0)


def repeats(text: str, megabytes: float = 10) -> Answer:
    """The same text over and over, never minding the limit that was asked for."""

    async def answer(call: Call, wire: Wire) -> None:
        piece = text * max(1, 16_384 // len(text))
        many = int(megabytes * 1_000_000) // len(piece)
        if not call.streams:
            return await says(piece * many)(call, wire)
        for _ in range(many):
            await wire.chunk(event({"content": piece}))
        await wire.chunk(event(finish="stop"))
        await wire.chunk(DONE)
        return await wire.end()

    return answer
