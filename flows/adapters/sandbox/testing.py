"""What trusted tests say about code that nobody trusts: a claim made in the sandbox, and held against canaries."""

import secrets
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.adapters.sandbox import Limits, needs
from flows.adapters.sandbox.base import Job, Sandbox, temporary_folder
from flows.adapters.sandbox.canaries import canaries_of, changed, split
from flows.adapters.sandbox.expected import Expected, Suite, expected, test_files
from flows.adapters.sandbox.folders import INI, Folders
from flows.adapters.sandbox.interpreter import Interpreter, interpreter
from flows.adapters.sandbox.judging import Outcome, TestRun, fooled, judge, weighed
from flows.adapters.sandbox.reports import read_report
from flows.adapters.sandbox.session import Session

TOO_DEEP = "The tests cannot be read: an expression in them is too deep for Python's parser."
ROOTS = ("src", ".")


def run_tests(
    sandbox: Sandbox,
    workdir: Path,
    tests: Mapping[str, str],
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    *,
    python: Path | None = None,
    home: Collection[str] = (),
    roots: Sequence[str] = ROOTS,
    readable: Sequence[Path] = (),
    plugins: Sequence[str] = (),
    canaries: bool = True,
) -> TestRun:
    """What trusted tests, path → text, say about the code in a folder, which is copied and stays as it is.

    home: top-level modules that the code is to provide, found there even if a package of that name is installed.
    roots: folders of the code that are importable. plugins: modules of the environment that pytest loads. The limits
    hold for each of up to three runs: two more follow a pass, in which a secret random half of the tests is changed so
    that it must fail. Raises SandboxBroken.
    """
    try:
        suite = expected(tests)
    except (SyntaxError, ValueError) as error:
        return TestRun(Outcome.ERROR, f"The tests cannot be read: {error}.")
    except (RecursionError, MemoryError):
        return TestRun(Outcome.ERROR, TOO_DEEP)
    if not suite.tests and not suite.open_classes:
        return TestRun(Outcome.ERROR, "There are no tests.")
    environment = interpreter(python)
    if suite.asynchronous and not environment.has("pytest_asyncio"):
        return TestRun(
            Outcome.ERROR, "Some tests are coroutines, and pytest-asyncio is not installed in this environment."
        )
    trial = _Trial(
        sandbox, workdir, suite, limits, environment, frozenset(home), tuple(roots), tuple(readable), tuple(plugins)
    )
    started = time.monotonic()
    with sandbox.session() as session:
        run = trial.run(session, tests)
        if canaries and run.outcome is Outcome.PASSED:
            run = trial.hold_against_canaries(session, tests, run)
    return replace(run, mechanism=sandbox.mechanism, seconds=time.monotonic() - started)


@dataclass(frozen=True)
class _Trial:
    """What is the same in all runs of a suite."""

    sandbox: Sandbox
    workdir: Path
    suite: Suite
    limits: Limits
    python: Interpreter
    home: frozenset[str]
    roots: tuple[str, ...]
    readable: tuple[Path, ...]
    plugins: tuple[str, ...] = ()

    def run(self, session: Session, tests: Mapping[str, str]) -> TestRun:
        """One run, on fresh copies: nothing that one run left behind reaches another."""
        with temporary_folder() as scratch:
            folders = Folders.make(scratch, self.workdir, tests)
            nonce = secrets.token_hex(16)
            ours = self.home | folders.modules(self.roots)
            plan = self._plan(folders, tests, nonce, ours)
            job = Job(
                folders.work, folders.tmp, (), plan, self.python, (folders.tests, *self.readable), self.limits,
                {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, preload=self._preload(), scratch=scratch, room=folders.room,
            )  # fmt: skip
            lacking = self._lacking(ours | folders.helpers(tests).keys())  # now: the run may close its folders
            ran = self.sandbox.ask(session, job)
        return judge(self.suite, read_report(ran.result, nonce), ran, self.limits, lacking)

    def _lacking(self, ours: frozenset[str]) -> frozenset[str]:
        """What the tests import and neither Python, nor its environment, nor the code, nor they themselves provide."""
        unknown = self.suite.imports - ours - sys.stdlib_module_names
        return frozenset(name for name in unknown if not self.python.has(name))

    def hold_against_canaries(self, session: Session, tests: Mapping[str, str], first: TestRun) -> TestRun:
        """The first run, no longer passed if the code reports what cannot be."""
        able = [test for test in self.suite.tests if test.function and _all_passed(test, first)]
        try:
            found = canaries_of(tests, able)
        except (RecursionError, MemoryError):
            return replace(first, outcome=Outcome.ERROR, reason=TOO_DEEP)
        for half in split(found):
            then = self.run(session, changed(tests, half))
            if reason := fooled(first, then, half):
                return replace(first, outcome=Outcome.UNVERIFIED, reason=reason, canaries=reason)
        said, reason = weighed(found)
        return replace(first, outcome=Outcome.UNVERIFIED if reason else first.outcome, reason=reason, canaries=said)

    def _plan(self, folders: Folders, tests: Mapping[str, str], nonce: str, ours: frozenset[str]) -> dict[str, Any]:
        return {
            "tests": str(folders.tests),
            "files": test_files(tests),
            "ini": str(folders.tests / INI),
            "packages": [str(path) for path in self.python.packages],
            "roots": folders.existing(self.roots),
            "home": sorted(self.home),
            "helpers": folders.helpers(tests),
            "early": {name: str(folders.tests / path) for name, path in needs.early(tests, ours).items()},
            "conftest": any(Path(path).name == "conftest.py" for path in tests),
            "asyncio": self.suite.asynchronous,
            "plugins": [name for name in self.plugins if name.partition(".")[0] not in self.home],
            "nonce": nonce,
        }

    def _preload(self) -> tuple[str, ...]:
        plugin = ("pytest_asyncio.plugin",) if self.suite.asynchronous else ()
        return ("pytest", "flows.adapters.sandbox.runner", *plugin)


def _all_passed(test: Expected, run: TestRun) -> bool:
    """Whether it was run, and each of its variants passed."""
    outcomes = [outcome for reported, outcome in run.tests.items() if test.covers(reported)]
    return bool(outcomes) and set(outcomes) == {"passed"}
