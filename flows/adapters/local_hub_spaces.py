"""The local Hub's Spaces: repositories of files as datasets are, and secrets, which nobody is ever shown."""

import json
from fcntl import LOCK_EX, flock
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flows.adapters.local_hub_reading import dataset, info, page, place, tree
from flows.adapters.local_hub_writing import commit, preupload

SECRETS = "secrets.json"


async def add_secret(request: Request) -> Response:
    """One secret more, or another value of it; answered by the names alone."""
    given = await request.json()
    names = await run_in_threadpool(_keep, dataset(request).root / SECRETS, given["key"], given["value"])
    return JSONResponse({name: {"key": name} for name in names})


def secrets(folder: Path, name: str) -> dict[str, str]:
    """The secrets of the Space of that name, as its container gets them. `folder`: the local Hub's."""
    file = place(folder, name, "spaces").root / SECRETS
    known: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return known


def _keep(file: Path, name: str, value: str) -> list[str]:
    with file.open("a+", encoding="utf-8") as held:
        flock(held, LOCK_EX)
        held.seek(0)
        known = {**json.loads(held.read() or "{}"), name: value}
        held.truncate(0)
        held.write(json.dumps(known))
    return list(known)


API = "/api/spaces/{owner}/{name}"
ROUTES = [
    Route("/spaces/{owner}/{name}", page),
    Route("/spaces/{owner}/{name}/commit/{revision}", page),
    Route(API, info),
    Route(f"{API}/revision/{{revision:path}}", info),
    Route(f"{API}/tree/{{revision}}", tree),
    Route(f"{API}/secrets", add_secret, methods=["POST"]),
    Route(f"{API}/preupload/{{revision}}", preupload, methods=["POST"]),
    Route(f"{API}/commit/{{revision}}", commit, methods=["POST"]),
]
