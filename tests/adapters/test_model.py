import json
from pathlib import Path

import pytest

from stages.errors import BudgetReached, Misconfigured, Permanent, Transient
from tests.adapters.asking import ITEM, SCHEMA, ask, model_at, question
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import DONE, Answer, Call, Wire, event, hangs_up, refuses, repeats, says, sends

LONG = "word " * 2_000
FENCED = "FILE: a.md\n````md\n```xml\n<think>a</think>\n```\nand so on.</think>\n````"
"""An answer within which tags are its own."""


async def test_a_streamed_answer_comes_back_whole(tmp_path: Path) -> None:
    with FakeModel([says("Naïve — 漢字 and all", pieces=9)]) as fake:
        reply = await ask(fake, tmp_path)
    assert (reply.text, reply.finish, reply.model, reply.note) == ("Naïve — 漢字 and all", "stop", "fake-1", "")
    assert reply.usage.prompt_tokens > 0
    assert not reply.usage.estimated
    assert reply.usage.requests == 1


async def test_the_key_of_a_call_travels_in_a_header(tmp_path: Path) -> None:
    with FakeModel([says("ok")]) as fake:
        await ask(fake, tmp_path, question(step="repair-1", turn=2))
    assert fake.calls[0].headers["x-autocoder-call"] == f"{ITEM}/repair-1/2"


async def test_calls_share_connections(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("ok")) as fake:
        async with model_at(fake, tmp_path) as model:
            for _ in range(4):
                await model.ask(question())
    assert fake.connections == 1


async def test_a_proxy_is_not_asked_for_a_model_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with FakeModel([says("ok")]) as fake:
        assert (await ask(fake, tmp_path)).text == "ok"


async def test_an_endpoint_without_usage_is_counted_by_characters(tmp_path: Path) -> None:
    with FakeModel([says("x" * 400, usage=None)]) as fake:
        reply = await ask(fake, tmp_path, question(LONG))
    assert reply.usage.estimated
    assert reply.usage.prompt_tokens == pytest.approx(len(LONG) / 4, rel=0.02)
    assert reply.usage.completion_tokens == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": 0},
        {"prompt_tokens": "many", "completion_tokens": None},
        {"prompt_tokens": float("inf"), "completion_tokens": float("nan")},
        {"prompt_tokens": 10**30, "completion_tokens": 10**30, "prompt_tokens_details": {"cached_tokens": 1e300}},
    ],
)
async def test_nonsense_for_usage_is_as_good_as_none(tmp_path: Path, usage: dict[str, object]) -> None:
    with FakeModel([says("some text", usage=usage)]) as fake:
        reply = await ask(fake, tmp_path)
    assert reply.usage.estimated
    assert 0 < reply.usage.completion_tokens < 100
    assert 0 < reply.usage.prompt_tokens < 100
    assert reply.usage.cached_tokens == 0


async def test_cached_and_reasoning_tokens_are_told_apart_and_priced(tmp_path: Path) -> None:
    usage = {
        "prompt_tokens": 1_000_000,
        "completion_tokens": 500_000,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    with FakeModel([says("ok", usage=usage)]) as fake:
        reply = await ask(fake, tmp_path, price_prompt=1.0, price_completion=4.0)
    assert (reply.usage.cached_tokens, reply.usage.reasoning_tokens) == (64, 7)
    assert reply.usage.cost == pytest.approx(3.0)


async def test_a_prompt_that_was_cut_silently_is_said_loudly(tmp_path: Path) -> None:
    with FakeModel([says("ok", usage={"prompt_tokens": 1_000, "completion_tokens": 1})]) as fake:
        reply = await ask(fake, tmp_path, question(LONG))
    assert "THE PROMPT WAS CUT" in reply.note
    assert "num_ctx" in reply.note


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("<think>hm\nhm</think>\n\nThe answer", "The answer"),
        ("hm, the template opened it\n</think>\nThe answer", "The answer"),
        ("so be it</think>The answer", "The answer"),
        ("<thinking>a</thinking><think>b</think>The answer", "The answer"),
        ('Two "ways".\nSo I conclude.</think>\n{"a": 1}', '{"a": 1}'),
        ('Hm.\nSo I conclude.</think>{"a": 1}', '{"a": 1}'),
        ("Try\n```\nx = '</think>'\n```\nSo be it.\n</think>\nThe answer", "The answer"),
        ("[THINK]a [b]\n[/THINK]The answer", "The answer"),
        ("<seed:think>hm\n</seed:think>The answer", "The answer"),
        ("hm\n</seed:think>The answer", "The answer"),
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>The answer<|return|>",
            "The answer",
        ),
        ("<|channel|>commentary<|message|>a<|end|><|channel|>analysis<|message|>b<|end|>The answer", "The answer"),
        ('<|channel|>final <|constrain|>json<|message|>{"a": "<|end|>"}', '{"a": "<|end|>"}'),
        ('{"tag": "</think>"}', '{"tag": "</think>"}'),
        ('{\n "tag": "a </think>",\n "b": "[/THINK]"\n}', '{\n "tag": "a </think>",\n "b": "[/THINK]"\n}'),
        ("[Thought] it over: yes", "[Thought] it over: yes"),
        (FENCED, FENCED),
        ("FILE: a.py\n```\nx = '''\n</think>\n'''\n```", "FILE: a.py\n```\nx = '''\n</think>\n'''\n```"),
        ("Use `<think>` here", "Use `<think>` here"),
    ],
)
async def test_reasoning_before_the_answer_is_left_out(tmp_path: Path, said: str, heard: str) -> None:
    with FakeModel([says(said)]) as fake:
        reply = await ask(fake, tmp_path)
    assert reply.text == heard


@pytest.mark.parametrize("opening", ["<think>", "[THINK]", "<seed:think>", "<|channel|>analysis<|message|>"])
async def test_reasoning_that_never_ends_leaves_no_answer(tmp_path: Path, opening: str) -> None:
    with FakeModel([says(f"{opening}on and on", finish="length")]) as fake:
        reply = await ask(fake, tmp_path)
    assert (reply.text, reply.finish) == ("", "length")
    assert "AUTOCODER_ANSWER_TOKENS" in reply.note


@pytest.mark.parametrize("stream", [True, False])
async def test_reasoning_in_a_field_of_its_own_is_not_the_answer(tmp_path: Path, stream: bool) -> None:
    answer = says("The answer", reasoning_content="secret musings")
    with FakeModel([answer], objects=None if stream else no_stream) as fake:
        reply = await ask(fake, tmp_path)
    assert reply.text == "The answer"


@pytest.mark.parametrize(
    ("finish", "ours"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("eos_token", "stop")],
)
async def test_how_an_answer_ended_is_told(tmp_path: Path, finish: str, ours: str) -> None:
    with FakeModel([says("some", finish=finish)]) as fake:
        assert (await ask(fake, tmp_path)).finish == ours


async def test_a_refusal_is_a_reply(tmp_path: Path) -> None:
    with FakeModel([says("", refusal="I cannot help with that.")]) as fake:
        reply = await ask(fake, tmp_path)
    assert (reply.finish, reply.text) == ("refusal", "I cannot help with that.")


async def test_an_empty_answer_is_a_reply(tmp_path: Path) -> None:
    with FakeModel([says("")]) as fake:
        reply = await ask(fake, tmp_path)
    assert (reply.text, reply.finish) == ("", "stop")


async def test_text_is_valid_utf8_without_nul(tmp_path: Path) -> None:
    with FakeModel([says("a\0b\ud800c", pieces=1)]) as fake:
        reply = await ask(fake, tmp_path)
    reply.text.encode()
    assert "\0" not in reply.text


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_of_10_megabytes_is_cut_off(tmp_path: Path, stream: bool) -> None:
    with FakeModel([repeats("again and again ")], objects=None if stream else no_stream) as fake:
        reply = await ask(fake, tmp_path, answer_tokens=1_000)
    assert reply.finish == "length"
    assert len(reply.text) <= 8_000
    assert "cut off" in reply.note
    assert reply.usage.completion_tokens >= 1_000


async def test_a_line_without_end_is_cut_off(tmp_path: Path) -> None:
    with FakeModel([sends(b'data: {"choices": [{"delta": {"content": "', *[b"x" * 65_536] * 160)]) as fake:
        reply = await ask(fake, tmp_path, answer_tokens=1_000)
    assert reply.finish == "length"


async def test_an_endpoint_that_ignores_stream_is_understood_and_remembered(tmp_path: Path) -> None:
    async def whole(call: Call, wire: Wire) -> None:
        await says("whole")(Call({**call.body, "stream": False}, call.headers), wire)

    with FakeModel(lambda call: whole) as fake:
        async with model_at(fake, tmp_path) as model:
            assert [(await model.ask(question())).text for _ in range(2)] == ["whole", "whole"]
    assert [call.streams for call in fake.calls] == [True, False]


async def test_an_answer_that_ended_is_kept_though_the_connection_breaks_after_it(tmp_path: Path) -> None:
    with FakeModel([sends(event({"content": "done"}), event(finish="stop"), then="reset")]) as fake:
        assert (await ask(fake, tmp_path)).text == "done"


async def test_content_in_parts_is_joined(tmp_path: Path) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    with FakeModel([sends(event({"content": parts}), event(finish="stop"), DONE)]) as fake:
        assert (await ask(fake, tmp_path)).text == "yes"


async def test_without_a_name_the_only_model_is_taken(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("ok"), models=("only-one",)) as fake:
        await ask(fake, tmp_path, model="")
    assert fake.calls[0].body["model"] == "only-one"


@pytest.mark.parametrize(("models", "said"), [(("a/b", "c/d"), "a/b, c/d"), ((), "no model")])
async def test_without_a_name_there_must_be_one_model(tmp_path: Path, models: tuple[str, ...], said: str) -> None:
    with FakeModel([], models=models) as fake, pytest.raises(Misconfigured, match=said) as caught:
        await ask(fake, tmp_path, model="")
    assert "AUTOCODER_MODEL" in str(caught.value)


async def test_every_call_counts_whatever_came_of_it(tmp_path: Path) -> None:
    script = [
        says("good", usage={"prompt_tokens": 100, "completion_tokens": 10}),
        refuses(400, openai_error("no")),
        sends(event({"content": "x" * 6_000}), then="reset"),
        hangs_up,
    ]
    asked = question(LONG)
    spent = []
    with FakeModel(script) as fake:
        async with model_at(fake, tmp_path) as model:
            for error in (None, Permanent, Transient, Transient):
                if error:
                    with pytest.raises(error):
                        await model.ask(asked)
                else:
                    await model.ask(asked)
                spent.append(model.spending.today())
    prompt, expected = len(LONG) // 4, 8_192 // 8
    assert [s.requests for s in spent] == [1, 2, 3, 4]
    assert spent[0].tokens == spent[1].tokens == 110
    assert spent[2].tokens - spent[1].tokens == pytest.approx(prompt + 1_500, abs=20), "what came of it"
    assert spent[3].tokens - spent[2].tokens == pytest.approx(prompt + expected, abs=20), "it may have answered"


async def test_a_reply_costs_what_broke_off_before_it_too(tmp_path: Path) -> None:
    script = [
        sends(event({"content": "x" * 6_000}), event(error={"code": 400, "message": "temperature: unknown"})),
        says("good", usage={"prompt_tokens": 3_000, "completion_tokens": 10}),
    ]
    with FakeModel(script) as fake:
        async with model_at(fake, tmp_path) as model:
            reply = await model.ask(question(LONG))
            assert model.spending.today().requests == reply.usage.requests == 2
            spent = model.spending.today().tokens
    assert spent == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert spent == pytest.approx(3_010 + len(LONG) // 4 + 1_500, abs=20)


async def test_nothing_is_sent_once_the_budget_in_dollars_is_reached(tmp_path: Path) -> None:
    prices = {"price_prompt": 1_000.0, "price_completion": 5_000.0}  # for a million tokens
    with FakeModel(lambda call: says("ok", usage={"prompt_tokens": 900, "completion_tokens": 200})) as fake:
        async with model_at(fake, tmp_path, dollars_per_day=1.8, **prices) as model:
            assert (await model.ask(question())).usage.cost == pytest.approx(1.9)
            with pytest.raises(BudgetReached, match=r"\$1\.90 of \$1\.80: raise AUTOCODER_DOLLARS_PER_DAY"):
                await model.ask(question())
            assert model.spending.today().dollars == pytest.approx(1.9)
    assert len(fake.calls) == 1


async def test_nothing_is_sent_once_the_budget_is_reached(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("ok", usage={"prompt_tokens": 900, "completion_tokens": 200})) as fake:
        async with model_at(fake, tmp_path, tokens_per_item=1_000) as model:
            await model.ask(question())
            with pytest.raises(BudgetReached, match="AUTOCODER_TOKENS_PER_ITEM"):
                await model.ask(question())
    assert len(fake.calls) == 1


async def test_a_thought_is_asked_for_by_schema_and_prose_is_not(tmp_path: Path) -> None:
    with FakeModel(lambda call: says("{}")) as fake:
        async with model_at(fake, tmp_path) as model:
            await model.ask(question(schema=SCHEMA))
            await model.ask(question())
    sent = fake.calls[0].body["response_format"]["json_schema"]
    assert sent["strict"]
    assert sent["schema"]["required"] == ["idea", "notes"]
    assert "minLength" not in json.dumps(sent)
    assert "response_format" not in fake.calls[1].body


def no_stream(call: Call) -> Answer | None:
    """An endpoint that cannot stream."""
    return refuses(400, openai_error("stream is not supported")) if call.streams else None
