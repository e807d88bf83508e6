"""A small Hub over a folder: the keyless default, and what tests talk to.

`python -m flows.adapters.local_hub FOLDER` says its address when it is ready.
"""

import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from flows.adapters import local_hub_reading, local_hub_spaces, local_hub_writing
from flows.adapters.local_hub_blobs import Refused
from flows.adapters.local_hub_store import Dataset
from stages.errors import Permanent

HOST = "127.0.0.1"


def app(folder: Path, user: str = "autocoder", lfs: bool = False) -> Starlette:
    """The Hub's HTTP interface over `folder`. With `lfs`, Parquet and large files go by LFS, as to the real Hub."""
    made = Starlette(
        routes=[*local_hub_reading.ROUTES, *local_hub_writing.ROUTES, *local_hub_spaces.ROUTES],
        exception_handlers={Refused: _refused},
    )
    made.state.folder, made.state.user, made.state.lfs = folder, user, lfs
    return made


class LocalHub:
    """A Hub over `folder`, served from a thread of this process while the `with` block lasts.

    `port` 0 takes a free one; `host` is whose requests are heard, for there are no accounts: by default this machine's
    alone; `wrap` may put something between the server and the Hub. Raises Permanent when the port is taken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        host: str = HOST,
        user: str = "autocoder",
        lfs: bool = False,
        wrap: Callable[[ASGIApp], ASGIApp] = lambda inner: inner,
    ) -> None:
        self.folder = folder.absolute()
        self._socket = _listen(host, port)
        self.address = f"http://{host}:{self._socket.getsockname()[1]}"
        served = wrap(app(self.folder, user, lfs))
        self._server = uvicorn.Server(
            uvicorn.Config(served, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        )
        self._thread = Thread(target=self.serve, name="local Hub", daemon=True)

    def __enter__(self) -> "LocalHub":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()

    def serve(self) -> None:
        """Answer until stopped."""
        self._server.run(sockets=[self._socket])

    def put(self, dataset: str, files: Mapping[str, bytes | None], message: str = "seeded") -> str:
        """Sha of a commit that writes and deletes (None) files; the dataset is made when it is missing."""
        found = self._dataset(dataset)
        if not found.exists:
            Dataset.create(found.root)
        changes = {path: None if content is None else found.blobs.keep(content) for path, content in files.items()}
        return found.commit(changes, "", message)

    def squash(self, dataset: str) -> str:
        """Sha of the one commit that stands in place of the history."""
        return self._dataset(dataset).squash("squashed")

    def head(self, dataset: str) -> str:
        """Sha of the newest commit."""
        return self._dataset(dataset).head()

    def files(self, dataset: str, revision: str = "main") -> dict[str, bytes]:
        """Every file of a commit by its path."""
        found = self._dataset(dataset)
        tree = found.tree(found.resolve(revision))
        return {path: found.blobs.file(blob).read_bytes() for path, blob in tree.items()}

    def path(self, dataset: str) -> Path:
        """The folder that always holds the newest commit: `datasets.load_dataset(str(path))` reads it."""
        return self._dataset(dataset).root / "main"

    def _dataset(self, name: str) -> Dataset:
        return local_hub_reading.place(self.folder, name)


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = ArgumentParser(prog="python -m flows.adapters.local_hub", description="A small Hub over a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--host", default=HOST, help="0.0.0.0: whoever reaches this machine may read and write")
    parser.add_argument("--user", default=os.environ.get("HF_USERNAME") or "autocoder", help="who everybody is here")
    parser.add_argument("--lfs", action="store_true", help="clients upload by LFS, as to the real Hub (no Xet)")
    given = parser.parse_args()
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        hub = LocalHub(given.folder, port=given.port, host=given.host, user=given.user, lfs=given.lfs)
    except (OSError, Permanent) as error:
        sys.exit(str(error))
    sys.stdout.write(f"The local Hub is at {hub.address} over {hub.folder}\n")
    sys.stdout.flush()
    try:
        hub.serve()
    except KeyboardInterrupt:
        sys.exit(130)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on: 40 ms a request
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        why = f"The local Hub cannot listen on {host}:{port} ({error.strerror})"
        raise Permanent(f"{why}: stop what is there, or choose another port.") from None
    listener.listen(128)  # from here on clients may connect; they are answered once it serves
    return listener


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  # starlette's type is wider than what it passes
    headers = {"x-error-message": str(error).encode("ascii", "replace").decode()}
    if error.code:
        headers["x-error-code"] = error.code
    return JSONResponse({"error": str(error)}, error.status, headers)


if __name__ == "__main__":
    main()
