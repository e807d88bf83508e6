"""A repository's suite before and after a draft; what it said of an untouched revision is found out once, and kept."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from pydantic import ValidationError

from flows.adapters.trees import Trees
from stages.runs import Run
from stages.suite import Suite

KEPT = 200
"""Revisions kept; the oldest go first."""
LOCK_DIGITS = 3
"""Of a run's name: as many of them share a lock as keep the locks from growing without end."""
KEPT_OUTCOMES = ("passed", "failed", "timeout")

LATE = "only those that were run until then are compared"


class Runs(Protocol):
    """Runs a suite in a tree."""

    def run(self, command: str, tree: Path) -> Run: ...


class SuiteCache:
    """Runs by what was run, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def runs(self, what: tuple[str, ...], wanted: int, run: Callable[[], Run]) -> tuple[Run, ...]:
        """At least `wanted` runs of the suite, those that are missing made by `run`. What did not run is not kept."""
        name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
        file = self._folder / f"{name}.json"
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / f"{name[:LOCK_DIGITS]}.lock"):  # never removed: another may wait for it
            known = _read(file)
            while len(known) < wanted:
                known = (*known, run())
                if known[-1].outcome not in KEPT_OUTCOMES:
                    return known
                self._keep(file, known)
        return known

    def _keep(self, file: Path, runs: tuple[Run, ...]) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps([run.model_dump() for run in runs]))
        new.replace(file)
        for old in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def regressions(
    cache: SuiteCache, runner: Runs, command: str, trees: Trees, what: tuple[str, ...]
) -> tuple[Suite, tuple[str, ...]]:
    """The suite before and after, twice where a test is not seen to pass that passed; and sentences about it.

    command: empty for a repository that has none. what: all that its result on the untouched code depends on.
    Raises SandboxBroken.
    """
    if not command:
        return Suite(), ()
    before = cache.runs(what, 1, lambda: runner.run(command, trees.untouched))
    if not any("passed" in run.tests.values() for run in before):
        why = before[0].reason or "none of them passes before the change"
        return Suite(), (f"The repository's own tests ({command}) say nothing: {why}.",)
    tree = trees.for_suite(test for run in before for test in run.tests)
    suite = Suite(before=before, after=(runner.run(command, tree),))
    if suite.suspects:
        again = cache.runs(what, 2, lambda: runner.run(command, trees.untouched))
        suite = Suite(before=again, after=(*suite.after, runner.run(command, tree)))
    late = any(run.outcome == "timeout" for run in suite.before)
    return suite, (f"The repository's own tests ({command}) ran out of time before the change: {LATE}.",) * late


def _read(file: Path) -> tuple[Run, ...]:
    try:
        return tuple(map(Run.model_validate, json.loads(file.read_text())))
    except (FileNotFoundError, ValueError, ValidationError):
        return ()
