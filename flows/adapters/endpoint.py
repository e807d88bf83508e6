"""One address that answers chat completions: asked in the terms that it takes, its faults sorted into the tree."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from flows.adapters.completion import Completion, InStream, read
from flows.adapters.dialect import Dialects
from flows.adapters.model_errors import Refusal, in_stream, refusal, sorted_out
from flows.adapters.recording import CALL_HEADER, call_key
from flows.adapters.redaction import without
from flows.addresses import without_login
from flows.settings import ROUTER, Settings
from stages.errors import Misconfigured, Transient, WorkerError
from stages.models import Question

if TYPE_CHECKING:
    import httpx2
    import openai

_CONNECT_SECONDS = 10
_DIRECT = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""A model on this machine is never behind the proxy that HTTP_PROXY names."""
_BOUND = 8
"""Characters per token of the longest answer, after which an endpoint that goes on is cut off."""
_REFUSALS = 6
"""Things that one endpoint may refuse in turn."""


@dataclass
class Tally:
    """What one question has cost so far, should it come to nothing."""

    requests: int = 0
    lost: list[Completion] = field(default_factory=list)
    """What came of calls that the endpoint has, or may have, begun to answer, and that came to nothing."""


class Endpoint:
    """The endpoint that the settings name. Belongs to the event loop of its first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.model_name
        self.address = without_login(settings.model_address) or self._name
        self._dialects = Dialects(settings.home / "endpoints.json")
        self._naming = asyncio.Lock()
        self._client = _client(settings)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def complete(self, question: Question, tally: Tally) -> Completion:
        """The answer as the endpoint gave it.

        Raises Transient for what may pass; OutOfCredits or Misconfigured where no other call would fare better;
        Permanent for this call. No message holds a key.
        """
        asked = f"{self._name or 'The model'} at {self.address} ({call_key(question)})"
        try:
            async with asyncio.timeout(self._settings.call_seconds):
                return await self._negotiate(question, asked, tally)
        except TimeoutError:
            raise Transient(
                f"{asked} did not finish within {self._settings.call_seconds:g} s: raise AUTOCODER_CALL_SECONDS or "
                "lower AUTOCODER_ANSWER_TOKENS if that is how long it takes."
            ) from None
        except WorkerError as error:
            error.args = (without(self._settings.secrets, str(error)),)
            raise

    async def _negotiate(self, question: Question, asked: str, tally: Tally) -> Completion:
        """Ask, in lesser and lesser terms while the endpoint refuses one; what worked is remembered."""
        model = await self.model(asked)
        known_as = f"{self.address} {model}"
        dialect = self._dialects.of(known_as)
        answer: Completion | Refusal = Refusal(400)
        for _ in range(_REFUSALS):
            body = dialect.body(question, model, self._settings.answer_tokens, self._settings.temperature)
            answer = await self._call(body, call_key(question), asked, tally)
            if isinstance(answer, Completion):
                self._dialects.learn(known_as, replace(dialect, stream=dialect.stream and not answer.plain))
                return answer
            lesser = dialect.without(answer, body)
            if lesser is None:
                break
            dialect = lesser
        raise sorted_out(cast("Refusal", answer), asked)

    async def _call(self, body: Mapping[str, Any], key: str, asked: str, tally: Tally) -> Completion | Refusal:
        import httpx2
        import openai

        completion = Completion(_BOUND * self._settings.answer_tokens)
        silence = self._settings.silence_seconds if body["stream"] else self._settings.call_seconds
        timeout = httpx2.Timeout(silence, connect=_CONNECT_SECONDS, pool=None)
        tally.requests += 1
        tally.lost.append(completion)  # until it is known otherwise
        try:
            response = cast(
                "httpx2.Response",
                await self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body=body,
                    options={"headers": {CALL_HEADER: key}, "timeout": timeout},
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                ),
            )
            try:
                await read(response, completion)
            finally:
                await response.aclose()
        except openai.APIStatusError as error:
            refused = refusal(error.status_code, error.body, error.response.headers)
            if not refused.may_have_cost:
                tally.lost.pop()
            return refused
        except InStream as error:
            return in_stream(error.body)
        except openai.APIConnectionError as error:
            if _never_arrived(error):
                tally.lost.pop()
            raise Transient(f"{asked} {_fault(error)}.") from None
        except Transient as fault:
            raise Transient(f"{asked} {fault}.") from None
        tally.lost.pop()
        return completion

    async def model(self, asked: str) -> str:
        """The id of the model; where the settings name none, that of the only one that the endpoint has."""
        async with self._naming:
            if not self._name:
                self._name = await self._only_model(asked)
        return self._name

    async def _only_model(self, asked: str) -> str:
        import httpx2
        import openai

        try:
            timeout = httpx2.Timeout(self._settings.silence_seconds, connect=_CONNECT_SECONDS)
            response = await self._client.get("/models", cast_to=httpx2.Response, options={"timeout": timeout})
            names = [str(model["id"]) for model in response.json().get("data") or []]
        except openai.APIStatusError as error:
            raise sorted_out(refusal(error.status_code, error.body, error.response.headers), asked) from None
        except openai.APIConnectionError as error:
            raise Transient(f"{asked} {_fault(error)}.") from None
        except (ValueError, AttributeError, TypeError, KeyError):
            names = []
        if len(names) == 1:
            return names[0]
        listed = f"has several models: {', '.join(names[:20])}" if names else "lists no model"
        raise Misconfigured(f"{self.address} {listed}. Name the one to use in AUTOCODER_MODEL.")


def _client(settings: Settings) -> "openai.AsyncOpenAI":
    import openai

    if settings.model_name.startswith("replay:"):
        from flows.adapters.replay import Replay

        player = openai.DefaultAsyncHttpxClient(transport=Replay(replay_path(settings.model_name)))
        return openai.AsyncOpenAI(api_key="none", base_url="http://replay/v1", max_retries=0, http_client=player)
    on_router = urlsplit(settings.model_address).hostname == urlsplit(ROUTER).hostname
    ours = settings.hf_token if on_router and settings.on_real_hub else None
    key = (settings.openai_api_key or ours) if settings.openai_base_url else (ours or settings.openai_api_key)
    return openai.AsyncOpenAI(
        api_key=key.get_secret_value() if key else "none",
        base_url=settings.model_address,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(mounts=dict.fromkeys(_DIRECT)),
    )


def replay_path(name: str) -> Path:
    """The file or folder that `replay:PATH` names."""
    return Path(name.removeprefix("replay:")).expanduser().absolute()


def _never_arrived(error: "openai.APIConnectionError") -> bool:
    import httpx2

    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol)


def _fault(error: "openai.APIConnectionError") -> str:
    if _never_arrived(error):
        return "cannot be reached: is it running, and OPENAI_BASE_URL right?"
    timed_out = "Timeout" in type(error).__name__
    return "did not begin to answer in time" if timed_out else "broke the connection before it answered"
