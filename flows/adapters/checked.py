"""What the shards hold that were read whole before: their bytes have a name, so nobody need download them again."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.adapters import parquet
from flows.adapters.lately import lately
from stages.models import Frozen

AGAIN_S = 7 * 86_400.0
"""So long a shard counts as sound: what the Hub keeps under a name that it once gave may rot or be lost there."""
COLUMNS = ("iteration", "id", "verdict.grade", "cumulative_progress")


class Held(Frozen):
    """A shard's rows, as far as the check of the dataset asks for them."""

    rows: tuple[tuple[int, str], ...]
    """Iteration and id."""
    grades: tuple[str, ...]
    newest: dict[str, Any]
    """Id and progress of the last row; empty where there is none."""


def held(content: bytes) -> Held:
    """What is in a shard. Raises UnreadableShard where any page of any column is damaged."""
    for _ in parquet.read(content):
        pass
    rows = parquet.read_columns(content, COLUMNS)
    return Held(
        rows=tuple((row["iteration"], row["id"]) for row in rows),
        grades=tuple(row["verdict"]["grade"] for row in rows),
        newest={name: rows[-1][name] for name in ("id", "cumulative_progress")} if rows else {},
    )


class Checked:
    """A folder with a file for each shard that was sound; without a folder nothing is remembered."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, blob_id: str) -> Held | None:
        """What the shard of these bytes holds, if it was read in the last `AGAIN_S`."""
        if self._folder is None:
            return None
        file = self._folder / f"{blob_id}.json"
        try:
            if not lately(file.stat().st_mtime, time.time(), AGAIN_S):
                return None
            known = Held.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None
        return known

    def put(self, blob_id: str, known: Held) -> None:
        """Remember it; where the disk is full, it is read again next time."""
        if self._folder is None:
            return
        draft = self._folder / f"{blob_id}.{os.getpid()}.tmp"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(known.model_dump_json())
            draft.replace(self._folder / f"{blob_id}.json")
        with suppress(OSError):
            draft.unlink(missing_ok=True)
