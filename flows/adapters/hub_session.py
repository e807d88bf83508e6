"""The HTTP session under the Hub's client: timeouts, one attempt per request, errors sorted into the tree."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic, time
from typing import Any, cast

import httpx2
from huggingface_hub import constants, get_session, set_client_factory
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # exported lazily
    build_hf_headers,
    disable_progress_bars,
    parse_ratelimit_headers,
)

from flows.adapters.hub import Conflict, Gated, Missing, Squashed
from stages.errors import Permanent, Transient, WorkerError

PRODUCT = "autocoder-implementation-worker"
TIMEOUT = httpx2.Timeout(60, connect=10)
WHOLE_S = 1_800.0
"""For a whole answer: one that comes by the byte is within every other bound, and would hold a run for days."""


class _Within(httpx2.SyncByteStream):
    """The body as it comes, until its time is over; raises ReadTimeout then."""

    def __init__(self, body: httpx2.SyncByteStream) -> None:
        self._body = body
        self._end = monotonic() + WHOLE_S

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            if monotonic() > self._end:
                raise httpx2.ReadTimeout(f"not whole after {WHOLE_S:g} s")
            yield part

    def close(self) -> None:
        self._body.close()


def _bound(response: httpx2.Response) -> None:
    if _ours(response.request):
        response.stream = _Within(cast("httpx2.SyncByteStream", response.stream))


class _Session(httpx2.Client):
    """Raises WorkerErrors for our own requests, so that the client under it, which would try again, cannot.

    Requests of other libraries that share the session (`datasets`, say) keep what they are used to.
    """

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        if not _ours(request):
            return super().send(request, **options)
        request.extensions["timeout"] = TIMEOUT.as_dict()  # in places the client asks for none: it would wait for ever
        try:
            response = super().send(request, **options)
            if response.is_error:
                response.read()
                response.close()
        except httpx2.RequestError as fault:
            raise broken(request, fault) from fault
        if response.is_error:
            raise sorted_out(response)
        if "/api/" in request.url.path and "json" not in response.headers.get("content-type", "json"):
            raise Transient(f"{_asked(request)}: the answer is no JSON; a proxy or another server answers there.")
        return response


def _ours(request: httpx2.Request) -> bool:
    # An LFS upload goes to the storage's own address, without our name; nobody else in this process uses PUT.
    return request.method == "PUT" or request.headers.get("user-agent", "").startswith(PRODUCT)


@cache
def _install() -> None:
    direct = dict.fromkeys(["all://127.0.0.1", "all://localhost"])  # the local Hub is never behind the proxy
    hooks = {"response": [_bound]}
    set_client_factory(lambda: _Session(follow_redirects=True, timeout=TIMEOUT, mounts=direct, event_hooks=hooks))
    constants.HF_HUB_DISABLE_XET = True  # Xet uploads go through a transport of their own, without these timeouts
    disable_progress_bars()


class Door:
    """The requests that the client has no method for, or only one with a cache."""

    def get_json(self, url: str, token: str | bool) -> Any:
        """The answer, decoded."""
        return get_session().get(url, headers=_headers(token)).json()

    def download(self, url: str, token: str | bool, limit: int | None) -> bytes:
        """The bytes at `url`; over `limit` of them it stops reading and raises Permanent."""
        headers = {**_headers(token), "accept-encoding": "identity"}
        with get_session().stream("GET", url, headers=headers) as response:
            content = bytearray()
            try:
                for chunk in response.iter_bytes():
                    content += chunk
                    if limit is not None and len(content) > limit:
                        raise Permanent(f"{url} is over {limit} bytes; it was not read to its end.")
            except httpx2.RequestError as fault:
                raise broken(response.request, fault) from fault
        return bytes(content)


def _headers(token: str | bool) -> dict[str, str]:
    return dict(build_hf_headers(token=token, library_name=PRODUCT))


@contextmanager
def door() -> Iterator[Door]:
    """The way to the Hub; what the client raises by itself inside comes out as a WorkerError."""
    _install()
    try:
        yield Door()
    except RuntimeError as error:
        if isinstance(error.__cause__, WorkerError):  # the client wraps what an LFS upload raises
            raise error.__cause__ from error
        raise
    except HFValidationError as error:
        raise Permanent(f"The Hub takes no such name: {error}") from error
    except (ValueError, KeyError) as error:  # an LFS upload refused, JSON that is no answer of a Hub
        raise Transient(f"The Hub's answer is not what its client expects: {error}") from error


def broken(request: httpx2.Request, fault: httpx2.RequestError) -> Transient:
    """No answer, or half of one."""
    why = str(fault) or type(fault).__name__
    return Transient(f"{_asked(request)}: no whole answer ({why}). Is the Hub up, and this machine connected?")


def sorted_out(response: httpx2.Response) -> WorkerError:
    """The error that an answer of 400 and above means."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    said = _sentence(response)
    asked = f"{_asked(response.request)}: {status}" + (f", {said}" if said else "")
    if status in (409, 412):
        return Conflict(f"{asked}. The dataset changed meanwhile.", retry_after=retry_after(response.headers))
    if status in (408, 429) or status >= 500:
        return Transient(asked, retry_after=retry_after(response.headers))
    if code == "GatedRepo":
        return Gated(f"{asked}. It is gated: ask for access on its page with the account whose token HF_TOKEN is.")
    if code == "EntryNotFound":
        return Missing(f"{asked}. There is no such file at this revision.")
    if code == "RevisionNotFound":
        return Squashed(f"{asked}. There is no such revision; the history may have been squashed.")
    if code == "RepoNotFound" or status == 404 or (status == 401 and _hides_a_dataset(response, said)):
        return Missing(f"{asked}. It does not exist, or is private and not for this token (or for none) to see.")
    if status == 401:
        return Permanent(f"{asked}. The Hub does not accept the token: set HF_TOKEN to a valid one.")
    if status == 403:
        return Permanent(f"{asked}. The token may not do this: give HF_TOKEN one that may write there.")
    return Permanent(f"{asked}. The Hub will not do this; trying again would not help.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the Hub asks us to wait: Retry-After in either form, else its `ratelimit` header.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    said = headers.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    if said:
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time())
        except ValueError:
            return None
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit and not limit.remaining else None


def _hides_a_dataset(response: httpx2.Response, said: str) -> bool:
    # Who is not signed in gets 401 for a dataset that does not exist, too; a bad token has words of its own.
    return "/datasets/" in response.request.url.path and "invalid credentials" not in said.lower()


def _asked(request: httpx2.Request) -> str:
    return f"{request.method} {request.url.copy_with(query=None)}"


def _sentence(response: httpx2.Response) -> str:
    said = response.headers.get("x-error-message", "")
    if not said and "json" in response.headers.get("content-type", ""):
        with suppress(ValueError, AttributeError):
            body = response.json()
            said = str(body.get("error") or body.get("errors") or "")
    return " ".join(said.split())[:200].rstrip(".")
