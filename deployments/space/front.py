"""The one public port of a Space: `/status` and `/webhook`, and everything else passed on to the Prefect server."""

import os
from pathlib import Path

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute

from deployments.space import sockets, webhook
from deployments.space.passing import METHODS, POLICY, forward
from deployments.space.server import Server
from deployments.space.status import Lookout, Status
from flows.environment import load
from flows.settings import Settings

CONNECTIONS = 512
"""More at once are answered 503."""
STATUS_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; {POLICY}"

_pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def page(status: Status) -> str:
    """The page as HTML; whatever a finding's title holds, it is text there."""
    return _pages.get_template("status.html").render(status=status)


async def show(request: Request) -> Response:
    """The page, for everybody."""
    lookout: Lookout = request.app.state.lookout
    headers = {"content-security-policy": STATUS_POLICY, "cache-control": "no-store"}
    return HTMLResponse(page(await lookout.status()), headers=headers)


def app(settings: Settings, server: Server) -> Starlette:
    """The front of this server."""
    made = Starlette(
        routes=[
            Route("/status", show),
            Route("/webhook", webhook.receive, methods=["POST"]),
            WebSocketRoute("/{path:path}", sockets.relay),
            Route("/{path:path}", forward, methods=METHODS),
        ]
    )
    made.state.settings, made.state.server, made.state.lookout = settings, server, Lookout(settings, server)
    return made


def main() -> None:
    """Serve until told to stop. Environment: PORT, PREFECT_API_URL, PREFECT_API_AUTH_STRING, and the settings."""
    server = Server(os.environ["PREFECT_API_URL"].removesuffix("/api"), os.environ["PREFECT_API_AUTH_STRING"])
    uvicorn.run(
        app(load(), server),
        host="0.0.0.0",  # noqa: S104  # it is what the Hub's proxy speaks to
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=sockets.LARGEST,
        limit_concurrency=CONNECTIONS,
    )


if __name__ == "__main__":
    main()
