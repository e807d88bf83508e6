"""A file that one process writes its requests down in, and another reads."""

import json
from pathlib import Path
from typing import Any


class Ledger:
    """JSON Lines at `path`, one request each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", buffering=1)

    def write(self, **request: Any) -> None:
        """Add a request: one write, so that a reader sees whole lines."""
        self._file.write(json.dumps(request) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """All requests so far."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]
