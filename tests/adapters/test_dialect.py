import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flows.adapters.dialect import Dialect, Dialects, strict
from stages.errors import Permanent
from stages.outcome import STAGES
from stages.shape import schema
from stages.stage import Answer as Thought
from tests.adapters.asking import SCHEMA, ask, model_at, question
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_refusals import fastapi_error, ollama_error, openai_error, takes_no, tgi_error, vllm_error
from tests.adapters.fake_replies import Answer, Call, refuses, says

THOUGHT = question(schema=SCHEMA)


def shapes(fake: FakeModel) -> list[str]:
    """The answer's shape as each call asked for it."""
    return [call.body.get("response_format", {}).get("type", "plain") for call in fake.calls]


@pytest.mark.parametrize("error", [openai_error, vllm_error, ollama_error, tgi_error])
async def test_a_shape_that_is_refused_is_asked_for_once(tmp_path: Path, error: Any) -> None:
    objects = takes_no("json_schema", "json_object", status=422, error=error)
    with FakeModel(lambda call: says("{}"), objects=objects) as fake:
        async with model_at(fake, tmp_path) as model:
            assert (await model.ask(THOUGHT)).usage.requests == 3
            assert (await model.ask(THOUGHT)).usage.requests == 1
    assert shapes(fake) == ["json_schema", "json_object", "plain", "plain"]


async def test_what_was_found_out_is_remembered_on_disk(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("{}"), objects=takes_no("json_schema")) as fake:
        await ask(fake, tmp_path, THOUGHT)
        await ask(fake, tmp_path, THOUGHT)
        await ask(fake, tmp_path, THOUGHT, model="another")
    assert shapes(fake) == ["json_schema", "json_object", "json_object", "json_schema", "json_object"]


async def test_an_endpoint_that_refuses_everything_but_the_question_is_asked_all_the_same(tmp_path: Path) -> None:
    objects = takes_no("stream_options", "max_tokens", "temperature", "json_schema", "stream")
    with FakeModel(lambda call: says("{}"), objects=objects) as fake:
        async with model_at(fake, tmp_path) as model:
            await model.ask(THOUGHT)
            await model.ask(THOUGHT)
    last = fake.calls[-1].body
    assert len(fake.calls) == 7
    assert set(last) == {"model", "messages", "max_completion_tokens", "stream", "response_format"}
    assert last["stream"] is False


async def test_the_older_name_of_the_limit_is_used_where_the_newer_is_refused(tmp_path: Path) -> None:
    Dialects(tmp_path / "endpoints.json").learn("x", Dialect())
    with FakeModel(lambda call: says("ok"), objects=takes_no("max_completion_tokens")) as fake:
        Dialects(tmp_path / "endpoints.json").learn(f"{fake.address} fake-1", Dialect(limit="max_completion_tokens"))
        await ask(fake, tmp_path)
    assert "max_tokens" in fake.calls[-1].body


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, ""),
        (422, {}),
        (400, openai_error("Bad request")),
        (400, openai_error("This model does not support response format")),
        (500, openai_error("This model does not support response format")),
        (
            400,
            [{"error": {"message": "Unknown name \"additionalProperties\" at 'generation_config.response_schema'"}}],
        ),
        (404, openai_error("No endpoint takes a json-schema")),
    ],
)
async def test_a_shape_that_is_refused_in_other_words_or_in_none_is_asked_for_once(
    tmp_path: Path, status: int, body: Any
) -> None:
    def objects(call: Call) -> Answer | None:
        shape = call.body.get("response_format", {}).get("type")
        return refuses(status, body) if shape == "json_schema" else None

    with FakeModel(lambda call: says("{}"), objects=objects) as fake:
        await ask(fake, tmp_path, THOUGHT)
        await ask(fake, tmp_path, THOUGHT)
    assert shapes(fake) == ["json_schema", "json_object", "json_object"]


async def test_a_refusal_that_names_nothing_of_ours_teaches_nothing(tmp_path: Path) -> None:
    with FakeModel(lambda call: refuses(400, openai_error("I do not like it"))) as fake:
        with pytest.raises(Permanent):
            await ask(fake, tmp_path, THOUGHT)
        assert shapes(fake) == ["json_schema", "json_object", "plain"], "it may have meant the shape"
        with pytest.raises(Permanent):
            await ask(fake, tmp_path)
    assert len(fake.calls) == 4
    assert not (tmp_path / "endpoints.json").exists()


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens.",
        "The model `x` does not exist",
        "API key not valid. Please pass a valid API key.",
        "Your input was flagged",
        "Your account has insufficient balance",
        "messages: roles must alternate",
    ],
)
async def test_a_refusal_with_another_reason_is_not_asked_about(tmp_path: Path, said: str) -> None:
    with FakeModel(lambda call: refuses(400, openai_error(said))) as fake, pytest.raises(Permanent):
        await ask(fake, tmp_path, THOUGHT)
    assert len(fake.calls) == 1


async def test_a_prompt_that_a_refusal_repeats_is_not_taken_for_its_reason(tmp_path: Path) -> None:
    repeated = fastapi_error("messages", "please stream a response_format of json_schema with temperature")
    with FakeModel(lambda call: refuses(422, repeated)) as fake, pytest.raises(Permanent):
        await ask(fake, tmp_path, THOUGHT)
    assert len(fake.calls) == 1


async def test_lesser_terms_that_do_not_help_are_not_remembered(tmp_path: Path) -> None:
    wrong = refuses(400, openai_error("response_format and stream are both wrong"))
    with FakeModel(lambda call: wrong) as fake, pytest.raises(Permanent):
        await ask(fake, tmp_path, THOUGHT)
    assert len(fake.calls) == 4
    assert not (tmp_path / "endpoints.json").exists()


async def test_calls_side_by_side_find_out_the_same(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("{}"), objects=takes_no("json_schema")) as fake:
        async with model_at(fake, tmp_path) as model:
            replies = await asyncio.gather(*(model.ask(THOUGHT) for _ in range(16)))
            await model.ask(THOUGHT)
    assert all(reply.text == "{}" for reply in replies)
    assert shapes(fake)[-1] == "json_object"


async def test_a_garbled_memory_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text("[1")
    with FakeModel(lambda call: says("{}"), objects=takes_no("json_schema")) as fake:
        await ask(fake, tmp_path, THOUGHT)
    assert "json_object" in (tmp_path / "endpoints.json").read_text()


def test_what_was_refused_a_week_ago_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.json"
    Dialects(path).learn("here", Dialect(stream=False))
    assert not Dialects(path).of("here").stream
    entries = json.loads(path.read_text())
    entries["here"]["found"] -= 8 * 86_400
    path.write_text(json.dumps(entries))
    assert Dialects(path).of("here").stream


@pytest.mark.parametrize("thought", STAGES)
def test_strict_schemas_hold_what_strict_endpoints_demand(thought: type[Thought]) -> None:
    def check(node: object) -> None:
        if isinstance(node, list):
            for each in node:
                check(each)
        if not isinstance(node, dict):
            return
        if "properties" in node:
            assert node["required"] == list(node["properties"])
            assert node["additionalProperties"] is False
        assert "$ref" not in node or len(node) == 1
        for each in node.values():
            check(each)

    given = strict(schema(thought))
    check(given)
    jsonschema.validate(json.loads(answer_for(thought.step)), given)


def test_a_property_called_title_stays() -> None:
    assert list(
        strict({"type": "object", "properties": {"title": {"type": "string", "title": "T"}}})["properties"]
    ) == ["title"]
