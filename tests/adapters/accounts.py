"""A Hub with accounts: who may see and write what, answered as the real Hub does. `LocalHub(wrap=Accounts(...))`"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DATASET = re.compile(r"^(?:/api)?/datasets/([^/]+/[^/]+?)(?:\.git)?(?=/|$)")
_WRITES = re.compile(r"/(commit|preupload)/|\.git/")


@dataclass(frozen=True)
class Who:
    """One token's account."""

    name: str
    orgs: Mapping[str, str] = field(default_factory=dict)
    """Organisation → role in it: admin, write, contributor, read."""
    token: Mapping[str, Any] = field(default_factory=lambda: {"role": "write"})
    """`auth.accessToken` as /api/whoami-v2 shows it."""

    def sees(self, owner: str) -> bool:
        return owner == self.name or owner in self.orgs

    def writes(self, owner: str) -> bool:
        return self.token["role"] != "read" and (owner == self.name or self.orgs.get(owner, "read") != "read")


@dataclass
class Accounts:
    """Tokens, and datasets that are not open to all. Datasets are named `owner/name`."""

    tokens: dict[str, Who] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)

    def __call__(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            body = b""
            more = True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)

            first = iter([{"type": "http.request", "body": body}])

            async def again() -> Message:
                return next(first, None) or await receive()

            answer = self._answer(scope, body)
            await (answer(scope, again, send) if answer else app(scope, again, send))

        return guarded

    def _answer(self, scope: Scope, body: bytes) -> Response | None:
        """What the Hub says instead; None where it does as it is asked."""
        token = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ")
        who = self.tokens.get(token)
        if token and not who:
            return _refuse(401, "Invalid credentials in Authorization header")
        if scope["path"] == "/api/whoami-v2":
            return _whoami(who) if who else _refuse(401, "Invalid username or password.")
        if scope["path"] == "/api/repos/create":
            owner = json.loads(body)["organization"]
            return (
                None if who and who.writes(owner) else _forbid(who, f"You don't have the rights to create in {owner}")
            )
        if scope["method"] == "PUT":
            return None  # the address of an upload by LFS is signed: it takes no token
        named = _DATASET.match(scope["path"])
        return self._dataset(scope, named[1], who) if named else None

    def _dataset(self, scope: Scope, name: str, who: Who | None) -> Response | None:
        if name in self.renamed:
            return RedirectResponse(scope["path"].replace(name, self.renamed[name], 1), 307)
        owner = name.split("/")[0]
        if name in self.private and not (who and who.sees(owner)):
            return _refuse(404, "Repository not found", "RepoNotFound") if who else _forbid(None, "")
        if name in self.gated and "/resolve/" in scope["path"]:
            return _refuse(403 if who else 401, f"Access to dataset {name} is restricted", "GatedRepo")
        if _WRITES.search(scope["path"]) and not (who and who.writes(owner)):
            return _forbid(who, "You don't have the required permissions to perform this action")
        return None


def _whoami(who: Who) -> Response:
    orgs = [{"type": "org", "name": name, "roleInOrg": role} for name, role in who.orgs.items()]
    auth = {"type": "access_token", "accessToken": {"displayName": "test", **who.token}}
    return JSONResponse({"type": "user", "name": who.name, "orgs": orgs, "auth": auth})


def _forbid(who: Who | None, why: str) -> Response:
    return _refuse(403, why) if who else _refuse(401, "Invalid username or password.")


def _refuse(status: int, message: str, code: str = "") -> Response:
    headers = {"x-error-message": message} | ({"x-error-code": code} if code else {})
    return JSONResponse({"error": message}, status, headers)
