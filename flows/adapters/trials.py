"""The same tests on the code before a draft and after it, confined."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from flows.adapters.commands import compared, run_command, words
from flows.adapters.companions import companions
from flows.adapters.layouts import lacking, modules, plugins, roots
from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.expected import test_files
from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.sandbox.judging import TestRun
from flows.adapters.sandbox.testing import run_tests
from flows.adapters.stand_ins import stand_ins
from flows.adapters.trees import Trees, laid
from flows.adapters.trial_runs import as_run, steady, without_need
from stages.evidence import Trial
from stages.given import cases_of_code, imported
from stages.paths import holds_tests
from stages.runs import Run


@dataclass(frozen=True)
class Bench:
    """What it takes to hold a trial."""

    sandbox: Sandbox
    limits: Limits
    python: Path | None
    trees: Trees
    command: str = ""
    """What runs tests that are not Python, where they lie in the tree, and passes on the untouched code."""

    def tests(self, what: str, files: Mapping[str, str], *, given: bool = False) -> Trial | None:
        """A trial by those of these tests, path → text, that are Python; None without any. Raises SandboxBroken.

        given: by the upstream, so that they may prove: modules that they import are the draft's to provide, and what
        fails before has to fail twice. What passes on the untouched code did not fail before, whatever stubs do.
        """
        if not (run := test_files(files)):
            return None
        names, files = imported(files, run), self.companions(files) | dict(files)
        trees, python = self.trees, interpreter(self.python)
        lacks = lacking(names - _helpers(files), trees.untouched, trees.after, python) if given else ()
        home, old = (self._home(tree, names, lacks, files) for tree in (trees.after, trees.before))
        was = self._run(trees.before, files, old, canaries=False)  # there, nothing has an interest in passing
        now = self._run(trees.after, files, home, canaries=True)
        online = without_need(was, now, files, trees.draft_files)
        before, after = as_run(was), as_run(now, at_fault=online)
        if after.outcome == "passed" and before.outcome in ("failed", "timeout"):
            for tree in (
                *[trees.untouched] * bool(trees.stubs),
                *[trees.before] * given,
            ):  # a stub may break what works
                again = self._run(tree, files, self._home(tree, names, lacks, files), canaries=False)
                before = steady(before, as_run(again))
        cases = ", ".join(cases_of_code(files, run, home)) if given else ""
        caveats = (f"The cases of {cases} come from the code.",) if cases else ()
        return Trial(
            what=what, before=before, after=after, lacks=lacks, online=online, caveats=caveats, unread=now.unread
        )

    def others(self, what: str, files: Mapping[str, str]) -> Trial | None:
        """A trial by those that are not Python, by the command; None without any. Raises SandboxBroken."""
        if not any(holds_tests(path) and not path.endswith(".py") for path in files):
            return None
        with laid(self.trees.untouched, files) as untouched, laid(self.trees.after, files) as changed:
            return self._by_command(what, self.command, (untouched, changed), self.command)

    def passing(self, files: Mapping[str, str]) -> list[str]:
        """Of these tests in Python, path → text, those that pass on the code after. Raises SandboxBroken."""
        if not test_files(files):
            return []
        home = modules(self.trees.after, self.roots, imported(files, test_files(files)))
        run = as_run(self._run(self.trees.after, self.companions(files) | dict(files), home, canaries=False))
        return sorted(test for test, state in run.tests.items() if state == "passed")

    def check(self, command: str, about: Collection[str] = ()) -> Trial | None:
        """A trial by a finding's own command; None without one. about: its files. Raises SandboxBroken."""
        if not command.strip():
            return None
        trees = (self.trees.untouched, self.trees.after)
        if own := stand_ins(command, *trees, interpreter(self.python), about):
            return _unsaid("The finding's check", f"the draft brings along or rewrites {', '.join(own)}, which it runs")
        what, name = "The finding's check", f"check: {command}"[:200]
        trial = self._by_command(what, command, trees, name)
        restored, changed = self.trees.for_check(about)
        if not changed or trial.after.outcome != "passed":
            return trial
        again = self._by_command(what, command, (self.trees.untouched, restored), name)
        if again.after.outcome == "passed":
            return again
        return _unsaid(
            what, f"it passes only with what the draft did to {', '.join(changed)}, which decides what it says"
        )

    def companions(self, tests: Mapping[str, str]) -> dict[str, str]:
        """What these tests use of the repository's own, path → text, as it was: conftests and helpers."""
        return companions(self.trees.untouched, tests)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Folders that the code is imported from."""
        return roots(self.trees.untouched)

    @cached_property
    def plugins(self) -> tuple[str, ...]:
        """Of pytest's plugins, those that the repository requires; the worker's own are none of them."""
        return plugins(self.trees.untouched, interpreter(self.python)) if self.python else ()

    def _home(
        self, tree: Path, names: Collection[str], lacks: Collection[str], files: Iterable[str]
    ) -> tuple[str, ...]:
        """What is tested in a tree. A module that a draft adds is none if the tests bring one of that name."""
        brought = {PurePosixPath(path).stem for path in files if path.endswith(".py")}
        brought -= {*modules(self.trees.untouched, self.roots, names), *lacks}
        return tuple(name for name in (*modules(tree, self.roots, names), *lacks) if name not in brought)

    def _run(self, tree: Path, files: Mapping[str, str], home: tuple[str, ...], *, canaries: bool) -> TestRun:
        """One run, with the tests' data also where a program in the tree's top folder finds it."""
        with laid(tree, {path: text for path, text in files.items() if not path.endswith(".py")}) as place:
            return run_tests(
                self.sandbox, place, files, self.limits, python=self.python, home=home, roots=self.roots,
                plugins=self.plugins, canaries=canaries,
            )  # fmt: skip

    def _by_command(self, what: str, command: str, trees: tuple[Path, Path], name: str) -> Trial:
        """A trial by a command's exit codes, in the code before and after."""
        if reason := self._unusable(command):
            return _unsaid(what, reason)
        argv = words(command, self.python)
        before, after = (run_command(self.sandbox, tree, argv, self.limits, self.python) for tree in trees)
        one, other = compared(name, before, after, trees)
        return Trial(what=what, before=one, after=other, by_exit_code=True)

    def _unusable(self, command: str) -> str:
        """Why that is no command, empty if it is one."""
        if not command:
            return "no command that works runs them; AUTOCODER_SUITE may name one"
        try:
            words(command, self.python)
        except ValueError as error:
            return f"{command!r} is no command: {error}"
        return ""


def _unsaid(what: str, reason: str) -> Trial:
    """A trial by a command that could not be held."""
    run = Run(outcome="error", reason=reason)
    return Trial(what=what, before=run, after=run, by_exit_code=True)


def _helpers(files: Mapping[str, str]) -> set[str]:
    """Top-level modules that tests may import from what lies beside them."""
    paths = [PurePosixPath(path) for path in files]
    return {"tests", "test", "conftest"} | {path.stem for path in paths} | {path.parts[0] for path in paths}
