"""What an endpoint's refusal means: may pass, won't, or wants money; with what to do about it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from stages.errors import Misconfigured, OutOfCredits, Permanent, Transient, WorkerError

_CONTEXT = re.compile(
    r"context.{0,12}(length|window|size|limit)|(prompt|input) is too long|too many (input )?tokens|reduce the length|"
    r"token count.{0,40}exceeds|exceeds the maximum number of (\w+ )?tokens|exceed_context_size|"
    r"max_new_tokens.{0,5} must be|max_(completion_|output_)?tokens.{0,40} (too large|> \d|less than or equal|at most)",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"insufficient_quota|billing_(hard_limit|not_active)|insufficient balance|payment required|"
    r"(exceeded|insufficient|not enough|no|out of).{0,30}credits?",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model.{0,120}(not found|not exist|not supported by any|unknown)|model_not_", re.IGNORECASE)
_BAD_KEY = re.compile(
    r"api[ _-]?key.{0,30}(not valid|invalid|incorrect|expired)|(invalid|incorrect|expired|missing).{0,20}api[ _-]?key",
    re.IGNORECASE,
)
_PROMPT = re.compile(r"\bmessages\b|\bprompt\b", re.IGNORECASE)
GENERATION_FAILED = "json_validate_failed"
"""Groq's code for a schema that the model did not keep to: the request was fine."""
_FLAGGED = re.compile(r"moderation|flagged", re.IGNORECASE)
_PASSES = (408, 409, 425, 429)
_WONT_PASS = (501, 505)
_MAYBE_PAID = (408, 504, 524)


@dataclass(frozen=True)
class Refusal:
    """An error answer, as much of it as can be trusted."""

    status: int
    said: str = ""
    """The endpoint's sentence, at most 500 characters; what it repeats of the request is left out."""
    code: str = ""
    param: str = ""
    retry_after: float | None = None

    @property
    def may_have_cost(self) -> bool:
        """A gateway lost patience: the model behind it probably did the work."""
        return self.status in _MAYBE_PAID

    @property
    def words(self) -> str:
        """Everything it says, to look for names in."""
        return f"{self.param} {self.code} {self.said}"


def refusal(status: int, body: object, headers: Mapping[str, str] | None = None) -> Refusal:
    """The refusal in a body of any of the shapes that servers give."""
    error = body.get("error", body) if isinstance(body, dict) else body
    fields = error if isinstance(error, dict) else {}
    code = str(fields.get("code") or fields.get("type") or "")
    said = " ".join(_sentence(error).split())[:500].rstrip(".")
    return Refusal(status, said, code, str(fields.get("param") or ""), retry_after(headers or {}))


def in_stream(body: Mapping[str, Any]) -> Refusal:
    """The refusal that came after a 200; its status is the code where that is one, else 500."""
    found = refusal(500, body)
    return Refusal(int(found.code), found.said) if re.fullmatch(r"[45]\d\d", found.code) else found


def sorted_out(refused: Refusal, asked: str) -> WorkerError:
    """The error that a refusal means. `asked` names model, address and call."""
    what = f"{asked}: {refused.status}" + (f", {refused.said}" if refused.said else "")
    status, words = refused.status, refused.words
    if status == 402 or (status in (400, 403, 429) and _NO_MONEY.search(words)):
        return OutOfCredits(f"{what}. The account has no credit left: add some, or name another endpoint or model.")
    if refused.code == GENERATION_FAILED:
        return Transient(f"{what}. The model did not keep to the schema this time.")
    if status in _PASSES or (status >= 500 and status not in _WONT_PASS):
        return Transient(f"{what}.", retry_after=refused.retry_after)
    if (status in (401, 403) and not _FLAGGED.search(words)) or (status == 400 and _BAD_KEY.search(words)):
        return Misconfigured(
            f"{what}. The endpoint does not accept the key: check OPENAI_API_KEY (HF_TOKEN on the router)."
        )
    if status == 413 or _CONTEXT.search(words):
        return Permanent(
            f"{what}. Prompt and answer do not fit the model: lower AUTOCODER_CODE_TOKENS or AUTOCODER_ANSWER_TOKENS, "
            "or serve the model with a longer context."
        )
    if _NO_MODEL.search(words):
        return Misconfigured(f"{what}. The endpoint does not have this model: check AUTOCODER_MODEL.")
    if status in (404, 405):
        return Misconfigured(f"{what}. Check OPENAI_BASE_URL (most end in /v1) and AUTOCODER_MODEL.")
    return Permanent(f"{what}. The endpoint will not take this request; trying again would not help.")


def explained(refused: Refusal) -> bool:
    """Whether the refusal's words give a reason that has nothing to do with how the answer was asked for."""
    reasons = (_CONTEXT, _NO_MONEY, _NO_MODEL, _FLAGGED, _BAD_KEY, _PROMPT)
    return any(reason.search(refused.words) for reason in reasons)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the endpoint asks us to wait, from the most exact header that it gives; None if it does not say.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after, and OpenAI's x-ratelimit-* ("6m0s").
    """
    waits = [_seconds(headers.get("retry-after-ms", ""), 0.001), _retry_after(headers.get("retry-after", ""))]
    spent = [what for what in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{what}") == "0"]
    waits += [_duration(headers.get(f"x-ratelimit-reset-{what}", "")) for what in spent]
    return next((max(0.0, wait) for wait in waits if wait is not None), None)


def _retry_after(said: str) -> float | None:
    seconds = _seconds(said)
    if seconds is None and said:
        with suppress(ValueError):
            return parsedate_to_datetime(said).timestamp() - time()
    return seconds


def _seconds(said: str, unit: float = 1.0) -> float | None:
    return float(said) * unit if re.fullmatch(r"\d+(\.\d+)?", said.strip()) else None


def _duration(said: str) -> float | None:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", said)
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in parts) if parts else _seconds(said)


def _sentence(error: object) -> str:
    """The words of an error body without the request that some servers repeat in it."""
    if isinstance(error, str):
        return error if "<html" not in error[:200].lower() else re.sub(r"<[^>]*>", " ", error)
    if isinstance(error, list):
        return "; ".join(_sentence(each) for each in error)
    if not isinstance(error, dict):
        return ""
    where = ".".join(str(part) for part in error.get("loc") or ())
    for name in ("message", "msg", "detail", "error"):
        if error.get(name):
            return f"{where} {_sentence(error[name])}".strip()
    return ""
