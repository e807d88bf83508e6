"""The local Hub's answers to who reads: its client, `datasets`, a browser."""

from bisect import bisect_right
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flows.adapters.local_hub_blobs import Blob, Refused
from flows.adapters.local_hub_store import Dataset

PAGE = 1000
POINTER = 130  # bytes of an LFS pointer, about; only shown


def dataset(request: Request) -> Dataset:
    """The dataset, or Space, that the address names. Raises Refused (400, 404)."""
    found = place(request.app.state.folder, "{owner}/{name}".format(**request.path_params), kind(request))
    if not found.exists:
        raise Refused(404, "RepoNotFound", "Repository not found")
    return found


def kind(request: Request) -> str:
    """Of the repository that the address names: `datasets` or `spaces`."""
    return "spaces" if request.url.path.startswith(("/spaces/", "/api/spaces/")) else "datasets"


def place(folder: Path, name: str, kind: str = "datasets") -> Dataset:
    """Where the repository of that name is, or would be. Raises Refused (400)."""
    parts = name.split("/")
    if len(parts) != 2 or not all(parts) or any(part.startswith(".") or "\0" in part for part in parts):
        raise Refused(400, "", f"Not a repository's name: {name!r}")
    return Dataset(folder / kind / name)


def whoami(request: Request) -> Response:
    """Any token, or none, is the user that the Hub was started for."""
    token = {"displayName": "local", "role": "write"}
    auth = {"type": "access_token", "accessToken": token}
    return JSONResponse({"type": "user", "name": request.app.state.user, "orgs": [], "auth": auth})


def info(request: Request) -> Response:
    """What is known of a dataset; only what `expand` asks for, at a cost that its size does not change."""
    found = dataset(request)
    commit = found.resolve(request.path_params.get("revision", "main"))
    known: dict[str, Any] = {
        "id": "{owner}/{name}".format(**request.path_params),
        "sha": commit,
        "lastModified": found.about(commit)["date"],
        "private": found.private,
        "gated": False,
        "disabled": False,
        "tags": [],
    }
    if asked := request.query_params.getlist("expand"):
        known["usedStorage"] = found.blobs.storage() if "usedStorage" in asked else None
        return JSONResponse({key: value for key, value in known.items() if key in {"id", *asked}})
    return JSONResponse(known | {"siblings": [{"rfilename": path} for path in found.tree(commit)]})


def tree(request: Request) -> Response:
    """Files and folders below a path, a page at a time."""
    found = dataset(request)
    commit = found.resolve(request.path_params["revision"])
    recursive = request.query_params.get("recursive", "").lower() in ("true", "1")
    items = list(_listing(found, commit, request.path_params.get("path", "").strip("/"), recursive).values())
    start = bisect_right(items, request.query_params.get("cursor", ""), key=lambda item: str(item["path"]))
    page = items[start : start + PAGE]
    if start + PAGE >= len(items):
        return JSONResponse(page)
    further = request.url.include_query_params(cursor=page[-1]["path"])
    return JSONResponse(page, headers={"link": f'<{further}>; rel="next"'})


async def paths_info(request: Request) -> Response:
    """Those of the paths asked about that exist."""
    asked = parse_qs((await request.body()).decode()).get("paths", [])
    found = dataset(request)
    items = _listing(found, found.resolve(request.path_params["revision"]), "", True)
    return JSONResponse([items[path] for path in asked if path in items])


def commits(request: Request) -> Response:
    """The history, newest first, a page at a time."""
    found = dataset(request)
    commit: str | None = found.resolve(request.path_params["revision"])
    page: list[dict[str, Any]] = []
    while commit and len(page) < 50:
        about = found.about(commit)
        author = {"user": request.app.state.user}
        page.append({"id": commit, "title": about["title"], "message": "", "date": about["date"], "authors": [author]})
        commit = about["parent"]
    if commit is None:
        return JSONResponse(page)
    further = request.url.replace(path=request.url.path.rpartition("/")[0] + f"/{commit}")
    return JSONResponse(page, headers={"link": f'<{further}>; rel="next"'})


def resolve(request: Request) -> Response:
    """A file's bytes."""
    found = dataset(request)
    commit = found.resolve(request.path_params["revision"])
    blob = found.tree(commit).get(request.path_params["path"])
    if blob is None:
        raise Refused(404, "EntryNotFound", "Entry not found")
    headers = {"x-repo-commit": commit, "etag": f'"{blob.key}"', "accept-ranges": "bytes"}
    return FileResponse(found.blobs.file(blob), headers=headers, media_type="application/octet-stream")


def page(request: Request) -> Response:
    """One dataset, for people."""
    found = dataset(request)
    commit = found.resolve(request.path_params.get("revision", "main"))
    about, files = found.about(commit), found.tree(commit)
    lines = [f"{blob.size:>12,}  {path}" for path, blob in files.items()]
    card = found.blobs.file(files["README.md"]).read_text(errors="replace") if "README.md" in files else ""
    head = f"{found.root}/main\n{commit}  {about['date']}  {about['title']}\n"
    return PlainTextResponse("\n".join([head, *lines, "", card]))


def pages(request: Request) -> Response:
    """The datasets there are, for people."""
    mains = request.app.state.folder.glob("datasets/[!.]*/[!.]*/main")
    names = sorted(f"{main.parent.parent.name}/{main.parent.name}" for main in mains)
    return PlainTextResponse("".join(f"{request.base_url}datasets/{name}\n" for name in names))


@lru_cache(maxsize=8)
def _listing(found: Dataset, commit: str, below: str, recursive: bool) -> dict[str, dict[str, Any]]:
    prefix = f"{below}/" if below else ""
    items: dict[str, dict[str, Any]] = {}
    for path, blob in found.tree(commit).items():
        if not path.startswith(prefix):
            continue
        slash = path.find("/", len(prefix))
        if slash < 0 or recursive:
            items[path] = _file(path, blob)
        while slash >= 0:
            items[path[:slash]] = _folder(path[:slash])
            slash = path.find("/", slash + 1) if recursive else -1
    if prefix and not items:
        raise Refused(404, "EntryNotFound", f"{below} does not exist")
    return dict(sorted(items.items()))


def _file(path: str, blob: Blob) -> dict[str, Any]:
    shown = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
    return shown | ({"lfs": {"oid": blob.lfs, "size": blob.size, "pointerSize": POINTER}} if blob.lfs else {})


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}


API = "/api/datasets/{owner}/{name}"
ROUTES = [
    Route("/", pages),
    Route("/datasets/{owner}/{name}", page),
    Route("/datasets/{owner}/{name}/commit/{revision}", page),
    Route("/datasets/{owner}/{name}/tree/{revision}", page),
    Route("/datasets/{owner}/{name}/resolve/{revision}/{path:path}", resolve),
    Route("/api/whoami-v2", whoami),
    Route(API, info),
    Route(f"{API}/revision/{{revision:path}}", info),
    Route(f"{API}/tree/{{revision}}", tree),
    Route(f"{API}/tree/{{revision}}/{{path:path}}", tree),
    Route(f"{API}/paths-info/{{revision}}", paths_info, methods=["POST"]),
    Route(f"{API}/commits/{{revision}}", commits),
]
