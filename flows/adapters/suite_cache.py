"""What a repository's suite said of an untouched revision: found out once, and kept."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from stages.evidence import Run

KEPT = 200
"""Revisions kept; the oldest go first."""


class SuiteCache:
    """Runs by what was run, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def runs(self, what: tuple[str, ...], wanted: int, run: Callable[[], Run]) -> tuple[Run, ...]:
        """At least `wanted` runs of the suite, those that are missing made by `run`. What did not run is not kept."""
        name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
        file = self._folder / f"{name}.json"
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / f"{name}.lock"):
            known = _read(file)
            while len(known) < wanted:
                known = (*known, run())
                if known[-1].outcome not in ("passed", "failed"):
                    return known
                self._keep(file, known)
        return known

    def _keep(self, file: Path, runs: tuple[Run, ...]) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps([run.model_dump() for run in runs]))
        new.replace(file)
        for old in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".lock").unlink(missing_ok=True)


def _read(file: Path) -> tuple[Run, ...]:
    try:
        return tuple(map(Run.model_validate, json.loads(file.read_text())))
    except (FileNotFoundError, ValueError, ValidationError):
        return ()
