"""What an endpoint takes of the protocol, found out by asking, once per endpoint and model, and remembered on disk."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import time
from typing import Any

from flows.adapters.model_errors import GENERATION_FAILED, Refusal, explained
from stages.models import Question

_FORGET_SECONDS = 7 * 86_400
_NOT_TAKEN = (400, 404, 415, 422, 500, 501)
_LESSER = {"json_schema": "json_object", "json_object": "plain"}
_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_SHAPE = re.compile(r"response[_ ]?format|json[_ -]?object|schema|structured|guided|grammar", re.IGNORECASE)
_INVALID = (400, 422)
_UNKNOWN = re.compile(r"unsupported|unrecognized|unknown|not (supported|permitted)", re.IGNORECASE)
_NOT_STRICT = ("default", "title", "minLength", "maxLength")


@dataclass(frozen=True)
class Dialect:
    """The most that an endpoint is known to take; the default is all of it."""

    shape: str = "json_schema"
    """"json_schema", "json_object", or "plain": the prompt alone asks for JSON."""
    stream: bool = True
    stream_usage: bool = True
    limit: str = "max_tokens"
    """"max_completion_tokens" for endpoints that refuse the older name."""
    temperature: bool = True

    def body(self, question: Question, model: str, answer_tokens: int, temperature: float) -> dict[str, Any]:
        """The request's body."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": m.content} for m in question.messages],
            self.limit: answer_tokens,
            "stream": self.stream,
        }
        if self.temperature:
            body["temperature"] = temperature
        if self.stream and self.stream_usage:
            body["stream_options"] = {"include_usage": True}
        if question.schema_ is not None and self.shape != "plain":
            body["response_format"] = self._format(question.step, question.schema_)
        return body

    def _format(self, step: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.shape == "json_object":
            return {"type": "json_object"}
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", step)[:64]
        return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict(schema)}}

    def without(self, refused: Refusal, body: Mapping[str, Any]) -> "Dialect | None":
        """One thing less: what the refusal names, or the shape where it gives no reason; None if it is neither."""
        if refused.status not in _NOT_TAKEN or refused.code == GENERATION_FAILED:
            return None
        named = next(self._lesser(refused.words, body), None)
        if named is None and "response_format" in body and refused.status in _INVALID and not explained(refused):
            named = {"shape": _LESSER[self.shape]}
        return replace(self, **named) if named else None

    def _lesser(self, words: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if "stream_options" in body and re.search("stream_options|include_usage", words):
            yield {"stream_usage": False}
        if self.limit in words and _UNKNOWN.search(words):
            yield {"limit": _OTHER_LIMIT[self.limit]}
        if "temperature" in body and "temperature" in words:
            yield {"temperature": False}
        if "response_format" in body and _SHAPE.search(words):
            yield {"shape": _LESSER[self.shape]}
        if self.stream and re.search(r"\bstream(ing|ed)?\b", words, re.IGNORECASE):
            yield {"stream": False}


def strict(schema: Any) -> Any:
    """The schema as strict endpoints want it: every property required, no other; rules that they refuse left out.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    named = {k: {n: strict(s) for n, s in schema[k].items()} for k in ("properties", "$defs") if k in schema}
    kept = {k: strict(v) for k, v in schema.items() if k not in _NOT_STRICT and k not in named}
    closed = {"required": list(named["properties"]), "additionalProperties": False} if "properties" in named else {}
    return {**kept, **named, **closed}


class Dialects:
    """The dialects known on this machine: a small JSON file. An entry is forgotten after a week: servers get better."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Dialect] = {}

    def of(self, endpoint: str) -> Dialect:
        """The dialect to speak with that endpoint and model."""
        if endpoint not in self._known:
            self._known[endpoint] = _dialect(self._read().get(endpoint))
        return self._known[endpoint]

    def learn(self, endpoint: str, dialect: Dialect) -> None:
        """Remember what an answer has just shown to work."""
        if dialect == self._known.get(endpoint):
            return
        self._known[endpoint] = dialect
        entries = {**self._read(), endpoint: {**asdict(dialect), "found": int(time())}}
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):  # it would only be found out again; the answer in hand is worth more
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(entries, indent=1))
            draft.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            entries = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}  # a cache: what is not there is found out again
        return entries if isinstance(entries, dict) else {}


def _dialect(entry: object) -> Dialect:
    if not isinstance(entry, dict) or entry.get("found", 0) < time() - _FORGET_SECONDS:
        return Dialect()
    try:
        return Dialect(**{k: v for k, v in entry.items() if k != "found"})
    except TypeError:
        return Dialect()  # written by another version
