"""A chat completion read from the wire, streamed or whole, within bounds.

Read here and not by the SDK's own stream, which builds a pydantic object for every event: 0.1 ms of CPU each, most of a
second for a long answer, and no limit on the size of a line.
Protocol: https://platform.openai.com/docs/api-reference/chat-streaming, with what other servers make of it.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from stages.errors import Transient

if TYPE_CHECKING:
    from httpx2 import Response

FINISH = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
}
"""What endpoints call the end of an answer → ours; anything else is "stop"."""
_BROKE = ("error", "abort")
_DRAIN_SECONDS = 0.2


class InStream(Exception):
    """The endpoint reported an error after it had begun to answer with 200."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__("error in the stream")
        self.body = body


@dataclass
class Completion:
    """What has been read so far."""

    text_bound: int
    """Characters, reasoning included, after which reading stops."""
    parts: list[str] = field(default_factory=list)
    size: int = 0
    """Characters of text and reasoning."""
    refusal: str = ""
    finish: str = ""
    """Empty until the endpoint says that the answer has ended."""
    model: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    overran: bool = False
    """Reading stopped at the bound."""
    plain: bool = False
    """The endpoint answered in one piece although a stream was asked for."""
    _seen: bool = False

    @property
    def text(self) -> str:
        """The answer as the endpoint gave it, cut at the bound."""
        return "".join(self.parts)[: self.text_bound]

    def take(self, chunk: object) -> None:
        """Add one event, or one whole answer.

        Raises InStream for an error that the endpoint reports, Transient for what is no chat completion.
        """
        if not isinstance(chunk, dict):
            raise Transient(f"sent something that is no chat completion: {_quote(chunk)}")
        if chunk.get("error"):
            raise InStream(chunk)
        self._seen = self._seen or "choices" in chunk
        self.model = str(chunk.get("model") or self.model)
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        for choice in (chunk.get("choices") or [])[:1]:
            self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> None:
        message = choice.get("delta") or choice.get("message") or {}
        text = _text(message.get("content"))
        if text:
            self.parts.append(text)
        reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        self.size += len(text) + (len(reasoning) if isinstance(reasoning, str) else 0)
        self.refusal += message.get("refusal") or ""
        ended = choice.get("finish_reason")
        if ended in _BROKE:
            raise Transient(f"gave up in the middle of the answer (finish_reason {ended!r})")
        if ended:
            self.finish = FINISH.get(str(ended).lower(), "stop")

    def check_complete(self, ended: bool, garbage: bytes) -> None:
        """Nothing if the answer ended as it should; raises Transient if it broke off or was none."""
        if not self._seen:
            raise Transient(f"sent something that is no chat completion: {_quote(garbage)}")
        if not (ended or self.finish):
            raise Transient(f"broke off in the middle of the answer, after {self.size:,} characters")


async def read(response: "Response", into: Completion) -> None:
    """Fills `into` with the answer that the response holds.

    Raises Transient for what breaks off or is garbage, InStream for an error reported in the stream.
    """
    whole = "json" in response.headers.get("content-type", "")
    into.plain = whole
    try:
        await (_read_whole(response, into) if whole else _read_events(response, into))
    except (AttributeError, TypeError, RecursionError) as error:  # JSON, but of another shape
        raise Transient(f"sent something that is no chat completion ({error})") from None


async def _read_whole(response: "Response", into: Completion) -> None:
    raw, bound = bytearray(), 65_536 + 6 * into.text_bound  # a character may be six bytes of JSON: \u00e9
    async with aclosing(_chunks(response)) as chunks:
        async for chunk in chunks:
            raw += chunk
            if len(raw) > bound:
                into.overran, into.size = True, into.text_bound  # half a JSON document: nothing of it can be kept
                return
    into.take(_parse(raw))
    into.check_complete(True, bytes(raw[:200]))
    into.overran = into.size > into.text_bound


async def _read_events(response: "Response", into: Completion) -> None:
    rest, garbage = b"", b""
    async with aclosing(_chunks(response, into)) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                data = _data(line)
                garbage = garbage or (b"" if data else line)
                if data == b"[DONE]":
                    await _drain(chunks)
                    return into.check_complete(True, garbage)
                if data:
                    into.take(_parse(data))
            if into.size > into.text_bound or len(rest) > 65_536 + 6 * into.text_bound:
                into.overran = True
                return None
    if data := _data(rest):
        into.take(_parse(data))
    return into.check_complete(False, garbage or rest)


def _parse(data: bytes | bytearray) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # the second: nested without end
        raise Transient(f"sent something that is no chat completion: {_quote(bytes(data[:200]))}") from None


def _data(line: bytes) -> bytes:
    """The JSON of an event's line; also of servers that forget the field, or name it "error"."""
    line = line.strip()
    if line.startswith(b"{"):
        return line
    name, _, data = line.partition(b":")
    if name == b"error":
        return b'{"error": %s}' % data
    return data.strip() if name == b"data" else b""


async def _chunks(response: "Response", into: Completion | None = None) -> AsyncGenerator[bytes, None]:
    """The body as it comes; a fault after the answer has ended is no fault. Raises Transient."""
    import anyio
    import httpx2

    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx2.TimeoutException:
        if not (into and into.finish):
            raise Transient("fell silent in the middle of the answer") from None
    except (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream) as error:
        if not (into and into.finish):
            raise Transient(f"broke the connection in the middle of the answer ({type(error).__name__})") from None


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    """Reads what follows the end, so that the connection can be used again; briefly, it may never come."""
    with suppress(TimeoutError, Transient):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass


def _text(content: object) -> str:
    """Text of a message's content, which some endpoints send in typed parts, reasoning among them."""
    if isinstance(content, list):
        return "".join(_text(cast("dict[str, Any]", p).get("text")) for p in content if isinstance(p, dict))
    return content if isinstance(content, str) else ""


def _quote(said: object) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else json.dumps(said)
    return repr(text[:200])
