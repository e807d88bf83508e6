"""A model at the fake endpoint, and something to ask it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flows.adapters.model import Model
from flows.settings import Settings
from stages.models import Message, Question, Reply
from tests.adapters.fake_model import FakeModel

ITEM = "00112233445566ff"
SCHEMA = {
    "type": "object",
    "title": "Thought",
    "properties": {"idea": {"type": "string", "minLength": 1}, "notes": {"type": "string", "default": ""}},
    "required": ["idea"],
}
KEY = "sk-planted-0123456789"


def settings(home: Path, **chosen: Any) -> Settings:
    """Settings from these values and the defaults: nothing of the environment that runs the tests."""
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("AUTOCODER_", "OPENAI_", "HF_"))
    }
    try:
        return Settings(home=home, **chosen)
    finally:
        os.environ.update(kept)


def question(
    prompt: str = "What is wrong?",
    step: str = "deep_understanding",
    schema: dict[str, Any] | None = None,
    turn: int = 1,
) -> Question:
    """A question, in prose unless a schema is given."""
    messages = (Message(role="system", content="You are careful."), Message(role="user", content=prompt))
    return Question(item=ITEM, step=step, turn=turn, messages=messages, schema_=schema)


@asynccontextmanager
async def model_at(fake: FakeModel, home: Path, **chosen: Any) -> AsyncIterator[Model]:
    """A model that speaks to the fake endpoint, closed at the end."""
    chosen = {"model": "fake-1", "silence_seconds": 0.5, "call_seconds": 5, "OPENAI_API_KEY": KEY, **chosen}
    model = Model(settings(home, OPENAI_BASE_URL=fake.address, **chosen))
    try:
        yield model
    finally:
        await model.aclose()


async def ask(fake: FakeModel, home: Path, asked: Question | None = None, **chosen: Any) -> Reply:
    """One reply of a fresh model."""
    async with model_at(fake, home, **chosen) as model:
        return await model.ask(asked or question())
