"""What trusted tests say about code that nobody trusts: a claim made in the sandbox, and held against canaries."""

import os
import secrets
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.adapters.sandbox import Limits, needs
from flows.adapters.sandbox.base import Job, Sandbox, temporary_folder
from flows.adapters.sandbox.canaries import Canary, canaries_of, changed, split
from flows.adapters.sandbox.canary_plans import further, left_out
from flows.adapters.sandbox.canary_runs import fooled, strays, weighed
from flows.adapters.sandbox.expected import Suite, expected, test_files
from flows.adapters.sandbox.folders import INI, Folders
from flows.adapters.sandbox.interpreter import Interpreter, interpreter
from flows.adapters.sandbox.judging import Outcome, TestRun, judge, names
from flows.adapters.sandbox.reports import confirmed, read_report
from flows.adapters.sandbox.session import Session
from stages.search_replace import BYTE_ORDER_MARK

TOO_DEEP = "The tests cannot be read: an expression in them is too deep for Python's parser."
ROOTS = ("src", ".")
CANARY_S = 20.0
"""Once canary runs have taken so long in all, those beyond the first two are left out."""


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
    hold for each run: before one of the tests as they are come two or more, in each of which a secret random part of
    the tests is changed so that it must fail; once other tests fail, there are no more of those. Raises SandboxBroken.
    """
    tests = {path: text.removeprefix(BYTE_ORDER_MARK) for path, text in tests.items()}
    try:
        suite = expected(tests)
    except (SyntaxError, ValueError) as error:
        return TestRun(Outcome.ERROR, f"The tests cannot be read: {error}.", unread=True)
    except (RecursionError, MemoryError):
        return TestRun(Outcome.ERROR, TOO_DEEP, unread=True)
    if not suite.tests and not suite.open_classes:
        where = names(test_files(tests)) or "files of these names"
        return TestRun(Outcome.ERROR, f"There are no tests to be seen in {where}.", unread=True)
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
        run = trial.believed(session, tests) if canaries else trial.run(session, tests)
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
            plan = self._plan(folders, tests, nonce, ours)  # now: the run may close its folders
            job = Job(
                folders.work, folders.tmp, (), plan, self.python, (folders.tests, *self.readable), self.limits,
                {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, preload=self._preload(), scratch=scratch, room=folders.room,
            )  # fmt: skip
            lacking = self._lacking(ours | needs.modules(tests, self.home).keys())
            ran = self.sandbox.ask(session, job)
        report = confirmed(read_report(ran.result, nonce), os.path.exists)
        return judge(self.suite, report, ran, self.limits, lacking)

    def _lacking(self, ours: frozenset[str]) -> frozenset[str]:
        """What the tests import and neither Python, nor its environment, nor the code, nor they themselves provide."""
        unknown = self.suite.imports - ours - sys.stdlib_module_names
        return frozenset(name for name in unknown if not self.python.has(name))

    def believed(self, session: Session, tests: Mapping[str, str]) -> TestRun:
        """One run that is no pass if the code reports what cannot be: it is held against canary runs before it.

        Those come first so that the code has never seen the tests as they are when it has to fail those that are not:
        whatever it could carry from run to run would not tell it which.
        """
        try:
            found = canaries_of(tests, [test for test in self.suite.tests if test.function])
        except (RecursionError, MemoryError):
            return TestRun(Outcome.ERROR, TOO_DEEP, unread=True)
        held = self._held(session, tests, found)
        if lies := {one: lied for part, then in held for one in part if one.stops and (lied := one.lies(then.tests))}:
            then = self.run(session, changed(tests, [one.stopped for one in lies]))
            idle = {one.owner for one, lied in lies.items() if lied <= one.lies(then.tests)}
            found = [one.ended if one.owner in idle else one for one in found]
            held = self._held(session, tests, found) if idle else held
        run = self.run(session, tests)
        if run.outcome is not Outcome.PASSED:
            return run
        for part, then in held:
            if reason := fooled(run, then, part):
                return replace(run, outcome=Outcome.UNVERIFIED, reason=reason, canaries=reason)
        able = [canary for one in found if (canary := one.among(run.tests)).tests]
        unused = left_out(able, [canary for part, _ in held for canary in part])
        said, reason = weighed(able, len(held), unused)
        return replace(run, outcome=Outcome.UNVERIFIED if reason else run.outcome, reason=reason, canaries=said)

    def _held(
        self, session: Session, tests: Mapping[str, str], found: Collection[Canary]
    ) -> list[tuple[list[Canary], TestRun]]:
        """Canary runs, each with the tests that are changed in it."""
        held: list[tuple[list[Canary], TestRun]] = []
        began = time.monotonic()
        for number, part in enumerate([*split(found), *further(found)]):
            if number >= 2 and time.monotonic() - began > CANARY_S:
                break
            held.append((part, self.run(session, changed(tests, part))))
            if strays(held[-1][1], part):
                break
        return held

    def _plan(self, folders: Folders, tests: Mapping[str, str], nonce: str, ours: frozenset[str]) -> dict[str, Any]:
        brought = needs.modules(tests, self.home)
        packages = {name.partition(".")[0] for name in brought if "." in name} - self.home
        return {
            "tests": str(folders.tests),
            "files": test_files(tests),
            "ini": str(folders.tests / INI),
            "packages": [str(path) for path in self.python.packages],
            "roots": folders.existing(self.roots),
            "home": sorted(self.home),
            "helpers": dict.fromkeys(sorted(packages), str(folders.tests)),
            "brought": {name: str(folders.tests / path) for name, path in brought.items()},
            "early": needs.early(tests, brought, ours - packages),
            "conftest": any(Path(path).name == "conftest.py" for path in tests),
            "asyncio": self.suite.asynchronous,
            "plugins": [name for name in self.plugins if name.partition(".")[0] not in self.home],
            "nonce": nonce,
        }

    def _preload(self) -> tuple[str, ...]:
        plugin = ("pytest_asyncio.plugin",) if self.suite.asynchronous else ()
        return ("pytest", "flows.adapters.sandbox.runner", *plugin)
