from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

from stages.errors import Misconfigured, OutOfCredits, Permanent, Transient, WorkerError
from tests.adapters.asking import ITEM, KEY, ask, model_at, question
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_refusals import (
    fastapi_error,
    llama_cpp_error,
    ollama_error,
    openai_error,
    router_error,
    tgi_error,
    vllm_error,
)
from tests.adapters.fake_replies import DONE, Answer, event, hangs_up, is_silent, refuses, says, sends

HELLO = event({"content": "hello"})


async def fails(answer: Answer, home: Path, **chosen: Any) -> WorkerError:
    """The error that one answer leads to."""
    with FakeModel([answer]) as fake, pytest.raises(WorkerError) as caught:
        await ask(fake, home, **chosen)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (hangs_up, "broke the connection"),
        (sends(HELLO, then="reset"), "broke the connection"),
        (sends(HELLO, then="hang up"), "broke the connection"),
        (sends(HELLO), "broke off in the middle of the answer, after 5 characters"),
        (sends(HELLO, event(finish="error")), "gave up"),
        (sends(b"data: {nonsense\n\n", DONE), "no chat completion: '{nonsense'"),
        (sends(b"<html>a proxy</html>\n"), "no chat completion: '<html>a proxy"),
        (sends(b"data: [1, 2]\n\n", DONE), "no chat completion"),
        (sends(b'data: {"choices": "none"}\n\n', DONE), "no chat completion"),
        (sends(DONE), "no chat completion"),
        (sends(b"\xff\xfe\x00data: \xc3\x28\n\n"), "no chat completion"),
        (refuses(200, '{"choices": [{"mess', {"content-type": "application/json"}), "no chat completion"),
        (refuses(200, {"hello": "world"}), "no chat completion"),
        (refuses(200, "[" * 200_000, {"content-type": "application/json"}), "no chat completion"),
        (sends(b"data: " + b"[" * 200_000 + b"\n\n"), "no chat completion"),
    ],
)
async def test_an_answer_that_breaks_or_is_garbage_may_pass(tmp_path: Path, answer: Answer, said: str) -> None:
    error = await fails(answer, tmp_path)
    assert isinstance(error, Transient)
    assert said in str(error)
    assert f"{ITEM}/deep_understanding/1" in str(error)


async def test_silence_before_and_within_an_answer_may_pass(tmp_path: Path) -> None:
    before = await fails(is_silent, tmp_path, silence_seconds=0.1)
    within = await fails(sends(HELLO, then="silence"), tmp_path, silence_seconds=0.1)
    assert isinstance(before, Transient)
    assert isinstance(within, Transient)
    assert "did not begin to answer in time" in str(before)
    assert "fell silent" in str(within)


async def test_an_answer_that_drips_on_is_stopped_as_a_whole(tmp_path: Path) -> None:
    error = await fails(sends(*[HELLO] * 100, pause=0.05), tmp_path, silence_seconds=5, call_seconds=0.3)
    assert isinstance(error, Transient)
    assert "AUTOCODER_CALL_SECONDS" in str(error)


async def test_an_endpoint_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    with FakeModel([]) as fake:
        pass
    with pytest.raises(Transient, match="cannot be reached"):
        await ask(fake, tmp_path)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, openai_error("Incorrect API key provided", "invalid_api_key"), Misconfigured, "OPENAI_API_KEY"),
        (403, router_error("This token may not call Inference Providers"), Misconfigured, "HF_TOKEN"),
        (402, router_error("You have exceeded your monthly included credits"), OutOfCredits, "no credit left"),
        (429, openai_error("You exceeded your current quota", "insufficient_quota"), OutOfCredits, "no credit left"),
        (404, openai_error("The model `x` does not exist", "model_not_found"), Misconfigured, "AUTOCODER_MODEL"),
        (404, vllm_error("The model `x` does not exist.", 404), Misconfigured, "AUTOCODER_MODEL"),
        (404, ollama_error('model "x" not found, try pulling it first'), Misconfigured, "try pulling it first"),
        (404, "404 page not found", Misconfigured, "/v1"),
        (
            400,
            openai_error("The requested model 'x' is not supported by any provider"),
            Misconfigured,
            "AUTOCODER_MODEL",
        ),
        (400, openai_error("Too long", "context_length_exceeded"), Permanent, "AUTOCODER_CODE_TOKENS"),
        (400, vllm_error("This model's maximum context length is 4096 tokens."), Permanent, "AUTOCODER_CODE_TOKENS"),
        (
            400,
            vllm_error("'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context …"),
            Permanent,
            "AUTOCODER_ANSWER_TOKENS",
        ),
        (
            400,
            llama_cpp_error("the request exceeds the available context size", kind="exceed_context_size_error"),
            Permanent,
            "longer context",
        ),
        (
            422,
            tgi_error("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 8192"),
            Permanent,
            "longer context",
        ),
        *[
            (400, openai_error(said), Permanent, "lower AUTOCODER_CODE_TOKENS or AUTOCODER_ANSWER_TOKENS")
            for said in (
                "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
                "Input is too long for requested model.",
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for this model",
                "max_tokens must be less than or equal to 4096",
                "`max_completion_tokens` must be less than or equal to `4096`",
            )
        ],
        (400, openai_error("max_tokens must be at least 1"), Permanent, "would not help"),
        (
            400,
            [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}],
            Misconfigured,
            "OPENAI_API_KEY",
        ),
        (413, "<html><h1>413 Request Entity Too Large</h1></html>", Permanent, "AUTOCODER_CODE_TOKENS"),
        (422, fastapi_error("messages.0.content", "the whole prompt"), Permanent, "body.messages.0.content Extra"),
        (403, openai_error("Your input was flagged"), Permanent, "would not help"),
        (400, openai_error("no"), Permanent, "would not help"),
        (408, "", Transient, "408"),
        (409, "", Transient, "409"),
        (425, "", Transient, "425"),
        (429, tgi_error("Model is overloaded", "overloaded"), Transient, "Model is overloaded"),
        (500, openai_error("The server had an error"), Transient, "The server had an error"),
        (502, "<html>Bad Gateway</html>", Transient, "Bad Gateway"),
        (503, llama_cpp_error("Loading model", 503, "unavailable_error"), Transient, "Loading model"),
        (504, "", Transient, "504"),
        (400, openai_error("Failed to generate JSON", "json_validate_failed"), Transient, "schema"),
    ],
)
async def test_a_status_becomes_what_it_means(
    tmp_path: Path, status: int, body: Any, kind: type[WorkerError], said: str
) -> None:
    error = await fails(refuses(status, body), tmp_path)
    assert type(error) is kind
    assert said in str(error)
    assert "fake-1 at http://127.0.0.1" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "20s"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
async def test_the_wait_that_an_endpoint_asks_for_is_handed_on(
    tmp_path: Path, headers: dict[str, str], seconds: float | None
) -> None:
    error = await fails(refuses(429, openai_error("slow down"), headers), tmp_path)
    assert isinstance(error, Transient)
    assert error.retry_after == (pytest.approx(seconds) if seconds is not None else None)


async def test_the_wait_may_be_a_date(tmp_path: Path) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    error = await fails(refuses(503, "", {"retry-after": date}), tmp_path)
    assert isinstance(error, Transient)
    assert error.retry_after == pytest.approx(100, abs=5)


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        (
            b'data: {"error": {"message": "CUDA out of memory", "type": "InternalServerError", "code": 500}}\n\n',
            Transient,
        ),
        (b'data: {"error": {"message": "slow down", "code": 429}}\n\n', Transient),
        (b'error: {"code": 400, "message": "exceeds the available context size"}\n\n', Permanent),
        (b'event: error\ndata: {"error": "something broke"}\n\n', Transient),
        (b'{"error": {"message": "model runner has unexpectedly stopped"}}\n', Transient),
    ],
)
async def test_an_error_in_the_stream_is_an_error(tmp_path: Path, chunk: bytes, kind: type[WorkerError]) -> None:
    assert isinstance(await fails(sends(HELLO, chunk), tmp_path), kind)


@pytest.mark.parametrize(
    "answer",
    [
        refuses(401, openai_error(f"Incorrect API key provided: {KEY}")),
        sends(f"data: {KEY}\n\n".encode()),
        refuses(500, f"traceback … Authorization: Bearer {KEY}"),
    ],
)
async def test_no_error_repeats_the_key(tmp_path: Path, answer: Answer) -> None:
    error = await fails(answer, tmp_path)
    assert KEY not in "".join(format_exception(error)) + repr(error)


async def test_a_failed_call_is_not_asked_again_here(tmp_path: Path) -> None:
    with FakeModel(lambda call: refuses(500, "")) as fake, pytest.raises(Transient):
        await ask(fake, tmp_path)
    assert len(fake.calls) == 1


async def test_a_model_goes_on_after_every_kind_of_fault(tmp_path: Path) -> None:
    faults = [
        hangs_up,
        sends(HELLO, then="reset"),
        sends(b"data: x\n\n"),
        refuses(500, ""),
        sends(HELLO, then="silence"),
    ]
    script = [answer for fault in faults for answer in (fault, says("fine"))]
    with FakeModel(script) as fake:
        async with model_at(fake, tmp_path, silence_seconds=0.2) as model:
            for _ in faults:
                with pytest.raises(Transient):
                    await model.ask(question())
                assert (await model.ask(question())).text == "fine"
