"""HTTP passed on to the Prefect server, which checks the password on every path of its API, and its answers back."""

from collections.abc import Iterable

import httpx2
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from deployments.space.server import Server

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
}  # fmt: skip
"""https://www.rfc-editor.org/rfc/rfc9110#name-connection"""
POLICY = (
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' https://huggingface.co"
)
"""The pages speak to this address alone (not to Prefect's analytics), and stand in no frame but the Hub's."""

Headers = list[tuple[bytes, bytes]]


async def forward(request: Request) -> Response:
    """What the Prefect server answers; 503 while it is away."""
    server: Server = request.app.state.server
    path = request.scope["raw_path"] + (b"?" + request.scope["query_string"] if request.scope["query_string"] else b"")
    headers = _without_hops(request.scope["headers"])
    has_body = {b"content-length", b"transfer-encoding"} & {name for name, _ in request.scope["headers"]}
    if not path.startswith(b"/") or len(has_body) == 2:  # with two lengths the server might see two requests
        return PlainTextResponse("Expected a path, and one length of the body\n", 400)
    asked = server.client.build_request(
        request.method,
        httpx2.URL(server.address).copy_with(raw_path=path),
        headers=headers,
        content=request.stream() if has_body else None,
    )
    try:
        answer = await server.client.send(asked, stream=True)
    except httpx2.TransportError:
        wait = "The Prefect server is starting, or was away just now: try again in some seconds. Meanwhile: /status\n"
        return PlainTextResponse(wait, 503, {"retry-after": "5"})
    passed_on = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
    passed_on.raw_headers = [*_without_hops(answer.headers.raw), (b"content-security-policy", POLICY.encode())]
    return passed_on


def _without_hops(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
