"""The local Hub's answers to who writes: create, upload, commit."""

import json
from base64 import b64decode
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flows.adapters.local_hub_blobs import Blob, Refused
from flows.adapters.local_hub_reading import API, dataset, kind, place
from flows.adapters.local_hub_store import Dataset

LARGE = 10 << 20


async def create(request: Request) -> Response:
    """A new, empty dataset or Space."""
    wanted = await request.json()
    kinds = {"dataset": "datasets", "space": "spaces"}
    if wanted.get("type") not in kinds:
        raise Refused(400, "", "The local Hub keeps datasets and Spaces only")
    folder = kinds[wanted["type"]]
    name = f"{wanted.get('organization') or request.app.state.user}/{wanted['name']}"
    private = bool(wanted.get("private")) or wanted.get("visibility") == "private"
    url = f"{request.base_url}{folder}/{name}"
    try:
        await run_in_threadpool(Dataset.create, place(request.app.state.folder, name, folder).root, private)
    except Refused as refused:
        if refused.status != 409:
            raise
        return JSONResponse({"error": str(refused), "url": url}, 409)
    return JSONResponse({"url": url, "name": name})


async def validate_yaml(request: Request) -> Response:
    """Whether a card's header can be read."""
    import yaml  # only when a card changes

    content = (await request.json())["content"]
    header = content.split("\n---", 1)[0].removeprefix("---") if content.startswith("---") else ""
    try:
        yaml.safe_load(header)
    except yaml.YAMLError as error:
        return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
    return JSONResponse({"errors": [], "warnings": []})


async def preupload(request: Request) -> Response:
    """How each file is to be uploaded, and what is there under its path now."""
    asked = await request.json()
    found = dataset(request)
    files = found.tree(found.resolve(request.path_params["revision"]))
    answers = [_mode(file, files.get(file["path"]), lfs=request.app.state.lfs) for file in asked["files"]]
    return JSONResponse({"files": answers})


def _mode(file: dict[str, Any], there: Blob | None, lfs: bool) -> dict[str, Any]:
    large = lfs and (file["path"].endswith(".parquet") or file["size"] > LARGE)
    mode = "lfs" if large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": there.key if there else None}


async def lfs_batch(request: Request) -> Response:
    """Where to send each LFS object that is not there yet.

    https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
    """
    asked = await request.json()
    found = dataset(request)
    objects = []
    for wanted in asked["objects"]:
        answer = {"oid": wanted["oid"], "size": wanted["size"]}
        if found.blobs.large(wanted["oid"]) is None:
            href = str(request.url).replace("/info/lfs/objects/batch", f"/lfs/{wanted['oid']}")
            answer["actions"] = {"upload": {"href": href}}
        objects.append(answer)
    return JSONResponse({"transfer": "basic", "objects": objects})


async def lfs_put(request: Request) -> Response:
    """One LFS object's bytes."""
    found = dataset(request)
    part = found.blobs.part()
    try:
        with part.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        await run_in_threadpool(found.blobs.keep_large, part, request.path_params["oid"])
    finally:
        part.unlink(missing_ok=True)
    return Response()


async def commit(request: Request) -> Response:
    """One commit, sent as JSON Lines: a header, then an operation a line."""
    if request.path_params["revision"] != "main":
        raise Refused(404, "RevisionNotFound", "The local Hub has one branch, main")
    found = dataset(request)
    made = await run_in_threadpool(_commit, found, await request.body())
    url = f"{request.base_url}{kind(request)}/{{owner}}/{{name}}/commit/{made}".format(**request.path_params)
    return JSONResponse({"success": True, "commitOid": made, "commitUrl": url})


def _commit(found: Dataset, body: bytes) -> str:
    header: dict[str, Any] = {}
    changes: dict[str, Blob | None] = {}
    for line in body.splitlines():
        operation = json.loads(line)
        key, value = operation["key"], operation["value"]
        if key == "header":
            header = value
        elif key == "file":
            changes[value["path"]] = found.blobs.keep(b64decode(value["content"]))
        elif key == "lfsFile":
            changes[value["path"]] = _uploaded(found, value["oid"])
        elif key == "deletedFile":
            changes[value["path"]] = None
        else:
            raise Refused(400, "", f"The local Hub does not know the operation {key!r}")
    return found.commit(changes, header.get("parentCommit", ""), header.get("summary", ""))


async def squash(request: Request) -> Response:
    """One commit in place of the whole history."""
    if request.path_params["revision"] != "main":
        raise Refused(404, "RevisionNotFound", "The local Hub has one branch, main")
    asked = await request.json()
    await run_in_threadpool(dataset(request).squash, asked.get("message", ""))
    return JSONResponse({"success": True})


def _uploaded(found: Dataset, oid: str) -> Blob:
    blob = found.blobs.large(oid)
    if blob is None:
        raise Refused(400, "", f"The LFS object {oid} was not uploaded")
    return blob


GIT = "/datasets/{owner}/{name}.git"
ROUTES = [
    Route("/api/repos/create", create, methods=["POST"]),
    Route("/api/validate-yaml", validate_yaml, methods=["POST"]),
    Route(f"{API}/preupload/{{revision}}", preupload, methods=["POST"]),
    Route(f"{API}/commit/{{revision}}", commit, methods=["POST"]),
    Route(f"{API}/super-squash/{{revision}}", squash, methods=["POST"]),
    Route(f"{GIT}/info/lfs/objects/batch", lfs_batch, methods=["POST"]),
    Route(f"{GIT}/lfs/{{oid}}", lfs_put, methods=["PUT"]),
]
