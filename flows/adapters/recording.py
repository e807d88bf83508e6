"""Conversations on disk, one call a line: written by AUTOCODER_RECORD, played back by `replay:PATH`."""

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from flows.adapters.redaction import Secrets, without
from stages.models import Message, Question, Reply

CALL_HEADER = "X-Autocoder-Call"
"""Carries the key of a call with every request to a model."""


def call_key(question: Question) -> str:
    """item/step/turn: the key of a recording."""
    return f"{question.item}/{question.step}/{question.turn}"


def prompt_hash(messages: Iterable[Message]) -> str:
    """SHA-256 of the conversation, as hex: over its [role, content] pairs as compact JSON."""
    pairs = [[message.role, message.content] for message in messages]
    return sha256(json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


class Recorder:
    """Appends calls to a file, or to one file per item (`<item>.jsonl`) in a folder.

    A path that ends in `.jsonl` is a file, any other a folder. Several processes may share it: a line is one write.
    """

    def __init__(self, path: Path, secrets: Secrets = ()) -> None:
        self._path = path
        self._secrets = tuple(secrets)

    def record(self, question: Question, reply: Reply) -> None:
        """Append the call. Raises OSError when the disk is full or the path cannot be written."""
        line = {
            "item": question.item,
            "step": question.step,
            "turn": question.turn,
            "prompt": prompt_hash(question.messages),
            "model": reply.model,
            "text": self._scrubbed(reply.text),
            "finish": reply.finish,
            "usage": reply.usage.model_dump(include={"prompt_tokens", "completion_tokens"}),
            "messages": [{"role": m.role, "content": self._scrubbed(m.content)} for m in question.messages],
        }
        target = self._path if self._path.suffix == ".jsonl" else self._path / f"{question.item}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if os.write(file, data) < len(data):
                raise OSError(f"{target}: only part of a line could be written; is the disk full?")
        finally:
            os.close(file)

    def _scrubbed(self, text: str) -> str:
        return without(self._secrets, text)
