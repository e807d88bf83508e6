"""`python -m tests.bench.hub FOLDER PORT LEDGER`: the local Hub, writing down every request."""

import sys
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from flows.adapters.local_hub import LocalHub
from tests.bench.ledger import Ledger


def main() -> None:
    folder, port, path = sys.argv[1:]
    ledger = Ledger(Path(path))

    def counted(app: ASGIApp) -> ASGIApp:
        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            ledger.write(method=scope.get("method", ""), path=scope["path"])
            await app(scope, receive, send)

        return count

    LocalHub(Path(folder), port=int(port), wrap=counted).serve()


if __name__ == "__main__":
    main()
