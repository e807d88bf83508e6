"""Recorded conversations played back through the same client: a transport, not a second model."""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from flows.adapters.recording import CALL_HEADER, prompt_hash
from stages.errors import Misconfigured, Permanent
from stages.models import Message

log = logging.getLogger(__name__)


class Replay(httpx2.AsyncBaseTransport):
    """Answers a chat completion with its recording, as the request wants it: streamed or whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: dict[str, dict[str, Any]] | None = None
        self._reading = asyncio.Lock()
        self._warned: set[str] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The recorded reply. Raises Permanent when there is none, naming key and path."""
        async with self._reading:
            if self._calls is None:
                self._calls = await asyncio.to_thread(load, self._path)
        key = request.headers[CALL_HEADER]
        if key not in self._calls:
            raise Permanent(
                f"{self._path} holds no recording of {key} (item/step/turn): record a run with AUTOCODER_RECORD, "
                "or name another model in AUTOCODER_MODEL."
            )
        body = json.loads(await request.aread())
        self._compare(key, body["messages"])
        return _response(self._calls[key], stream=bool(body.get("stream")))

    def _compare(self, key: str, messages: list[dict[str, Any]]) -> None:
        recorded = (self._calls or {})[key].get("prompt")
        changed = recorded and recorded != prompt_hash(Message(**m) for m in messages)
        if changed and key not in self._warned:
            self._warned.add(key)
            log.warning("%s was recorded for another prompt; its reply is played back all the same.", key)


def load(path: Path) -> dict[str, dict[str, Any]]:
    """Key (item/step/turn) → recorded call; of several for one key the last. Raises Misconfigured if there is none."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    calls: dict[str, dict[str, Any]] = {}
    for file in files:
        for number, line in enumerate(_lines(file), start=1):
            try:
                call = json.loads(line)
                calls[f"{call['item']}/{call['step']}/{call['turn']}"] = call
                call.pop("messages", None)
            except (ValueError, TypeError, KeyError) as error:
                log.warning("%s, line %d is no recording and was passed over: %r", file, number, error)
    if not calls:
        raise Misconfigured(
            f"There are no recordings in {path}: AUTOCODER_MODEL=replay:… names a .jsonl file or a folder."
        )
    return calls


def _lines(file: Path) -> list[bytes]:
    try:
        return [line for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise Misconfigured(f"The recordings in {file} cannot be read: {error.strerror}.") from error


def _response(call: Mapping[str, Any], stream: bool) -> httpx2.Response:
    usage, model, finish = call.get("usage"), call.get("model") or "replay", call.get("finish") or "stop"
    role = "delta" if stream else "message"
    message = {"role": "assistant", "content": call.get("text", "")}
    whole = {"model": model, "choices": [{"index": 0, role: message, "finish_reason": finish}], "usage": usage}
    if not stream:
        return httpx2.Response(200, json=whole)
    events = f"data: {json.dumps(whole)}\n\ndata: [DONE]\n\n".encode()
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)
