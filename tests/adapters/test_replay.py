import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flows.adapters.dialect import Dialect, Dialects
from flows.adapters.model import Model
from flows.adapters.replay import load
from stages.errors import Misconfigured, Permanent
from stages.models import Question, Reply
from tests.adapters.asking import ITEM, SCHEMA, ask, question, settings
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import says


@asynccontextmanager
async def replaying(path: Path, home: Path) -> AsyncIterator[Model]:
    """A model that plays back what is in `path`."""
    model = Model(settings(home, model=f"replay:{path}"))
    try:
        yield model
    finally:
        await model.aclose()


async def replay(path: Path, home: Path, asked: Question) -> Reply:
    """One reply of a fresh player."""
    async with replaying(path, home) as model:
        return await model.ask(asked)


def write(path: Path, *calls: dict[str, object]) -> None:
    """Recordings, as somebody may write them by hand."""
    common = {"item": ITEM, "step": "draft", "turn": 1, "text": "by hand"}
    path.write_text("".join(json.dumps({**common, **call}) + "\n" for call in calls))


async def test_what_was_recorded_is_played_back(tmp_path: Path) -> None:
    asked = question("why?", step="draft", turn=2)
    answer = says("because — 漢字", finish="length", usage={"prompt_tokens": 5_000, "completion_tokens": 77})
    with FakeModel([answer]) as fake:
        real = await ask(fake, tmp_path, asked, record=tmp_path / "calls")
    played = await replay(tmp_path / "calls", tmp_path, asked)
    assert (played.text, played.finish) == (real.text, "length")
    assert (played.usage.prompt_tokens, played.usage.completion_tokens) == (5_000, 77)
    assert played.model == "replay:calls"


async def test_one_file_may_be_named(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {})
    reply = await replay(tmp_path / "one.jsonl", tmp_path, question(step="draft"))
    assert (reply.text, reply.finish, reply.model) == ("by hand", "stop", "replay:one.jsonl")


async def test_a_replay_may_be_asked_without_a_stream(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {})
    path = tmp_path / "one.jsonl"
    Dialects(tmp_path / "endpoints.json").learn(f"replay:{path} replay:{path}", Dialect(stream=False))
    assert (await replay(path, tmp_path, question(step="draft", schema=SCHEMA))).text == "by hand"


async def test_a_changed_prompt_is_a_warning_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "one.jsonl", {"prompt": "0" * 64})
    async with replaying(tmp_path / "one.jsonl", tmp_path) as model:
        for _ in range(3):
            assert (await model.ask(question(step="draft"))).text == "by hand"
    assert caplog.text.count(f"{ITEM}/draft/1 was recorded for another prompt") == 1


async def test_the_prompt_that_was_recorded_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FakeModel([says("ok")]) as fake:
        await ask(fake, tmp_path, record=tmp_path / "calls")
    await replay(tmp_path / "calls", tmp_path, question())
    assert "another prompt" not in caplog.text


async def test_a_missing_recording_is_named_with_its_path(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {})
    with pytest.raises(Permanent, match=f"{ITEM}/draft/2") as caught:
        await replay(tmp_path / "one.jsonl", tmp_path, question(step="draft", turn=2))
    assert str(tmp_path / "one.jsonl") in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "empty"])
def test_no_recordings_at_all_is_said_with_the_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Misconfigured, match=name):
        load(tmp_path / name)


async def test_a_torn_line_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "one.jsonl", {}, {"step": "repair-1", "text": "mended"})
    with (tmp_path / "one.jsonl").open("a") as file:
        file.write('{"item": "0011')
    assert (await replay(tmp_path / "one.jsonl", tmp_path, question(step="repair-1"))).text == "mended"
    assert "line 3" in caplog.text


async def test_the_last_of_several_recordings_of_a_call_is_played(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {"text": "first"}, {"text": "second"})
    assert (await replay(tmp_path / "one.jsonl", tmp_path, question(step="draft"))).text == "second"


async def test_a_replay_spends_nothing_and_knows_nothing_of_cut_prompts(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {"usage": {"prompt_tokens": 9, "completion_tokens": 9}})
    async with replaying(tmp_path / "one.jsonl", tmp_path) as model:
        reply = await model.ask(question("word " * 4_000, step="draft"))
        assert model.spending.today().tokens == 0
    assert reply.note == ""
