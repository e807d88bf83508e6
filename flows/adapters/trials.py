"""The same tests on the code before a draft and after it, confined."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.adapters.commands import by_exit_code, run_command, told, words
from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.expected import test_files
from flows.adapters.sandbox.judging import TestRun
from flows.adapters.sandbox.testing import ROOTS, run_tests
from flows.adapters.trees import Trees, write
from stages.evidence import Trial
from stages.paths import holds_tests
from stages.runs import Run


@dataclass(frozen=True, slots=True)
class Bench:
    """What it takes to hold a trial."""

    sandbox: Sandbox
    limits: Limits
    python: Path | None
    trees: Trees
    command: str = ""
    """What runs tests that are not Python, where they lie in the tree, and passes on the untouched code."""

    def tests(self, what: str, files: Mapping[str, str]) -> Trial | None:
        """A trial by these tests, path → text; None where none of them is a test. Raises SandboxBroken."""
        if test_files(files):
            files = self._conftests(files) | dict(files)
            before = self._run(self.trees.before, files, canaries=False)  # there, nothing has an interest in passing
            return Trial(what=what, before=before, after=self._run(self.trees.after, files, canaries=True))
        if not any(holds_tests(path) and not path.endswith(".py") for path in files):
            return None
        before, after = (self._by_command(tree, files) for tree in (self.trees.untouched, self.trees.after))
        return Trial(what=what, before=before, after=after, by_exit_code=True)

    def passing(self, files: Mapping[str, str]) -> list[str]:
        """Of these tests in Python, path → text, those that pass on the code after. Raises SandboxBroken."""
        if not test_files(files):
            return []
        run = self._run(self.trees.after, self._conftests(files) | dict(files), canaries=False)
        return sorted(test for test, state in run.tests.items() if state == "passed")

    def check(self, command: str) -> Trial | None:
        """A trial by a finding's own command; None without one. Raises SandboxBroken."""
        if not command.strip():
            return None
        before, after = (self._check(tree, command) for tree in (self.trees.before, self.trees.after))
        return Trial(what="The finding's check", before=before, after=after)

    def _run(self, tree: Path, files: Mapping[str, str], *, canaries: bool) -> Run:
        run = run_tests(
            self.sandbox, tree, files, self.limits, python=self.python, home=_modules(tree), canaries=canaries
        )
        return _as_run(run)

    def _conftests(self, files: Mapping[str, str]) -> dict[str, str]:
        """The repository's own, as they were, of every folder that one of the tests is in."""
        folders = {folder for path in files for folder in PurePosixPath(path).parents}
        found = {str(folder / "conftest.py"): self.trees.untouched / folder / "conftest.py" for folder in folders}
        return {
            path: file.read_text(encoding="utf-8", errors="replace") for path, file in found.items() if file.is_file()
        }

    def _by_command(self, tree: Path, files: Mapping[str, str]) -> Run:
        if not self.command:
            return Run(outcome="error", reason="no command that works runs them; AUTOCODER_SUITE may name one")
        with_tests = tree.with_name(f"{tree.name}-with-tests")
        shutil.copytree(tree, with_tests, symlinks=True)
        write(with_tests, files)
        try:
            return self._command(with_tests, self.command, self.command)
        finally:
            shutil.rmtree(with_tests)

    def _check(self, tree: Path, command: str) -> Run:
        return self._command(tree, command, f"check: {command}"[:200])

    def _command(self, tree: Path, command: str, name: str) -> Run:
        try:
            argv = words(command, self.python)
        except ValueError as error:
            return Run(outcome="error", reason=f"{command!r} is no command: {error}")
        return by_exit_code(name, run_command(self.sandbox, tree, argv, self.limits, self.python), tree)


def _as_run(run: TestRun) -> Run:
    """As evidence. A test that could not be imported is told from one that failed: it shows nothing of the code."""
    tests = {test: "not imported" if _unimported(test, run) else state for test, state in run.tests.items()}
    return Run(
        outcome=run.outcome.value,
        tests=tests,
        reason=told(run.reason),
        output=told(run.output),
        seconds=run.seconds,
        canaries=run.canaries,
    )


def _unimported(test: str, run: TestRun) -> bool:
    file = test.partition("::")[0]
    message = run.messages.get(test, "")
    return file in run.messages or message.startswith(("ImportError", "ModuleNotFoundError"))


def _modules(tree: Path) -> tuple[str, ...]:
    """Modules at the top of a tree: these are what is tested, whatever is installed under the same name."""
    roots = [tree / root for root in ROOTS if (tree / root).is_dir()]
    entries = [entry for root in roots for entry in root.iterdir()]
    packages = [entry.name for entry in entries if (entry / "__init__.py").is_file()]
    modules = [
        entry.stem for entry in entries if entry.suffix == ".py" and entry.name not in ("setup.py", "conftest.py")
    ]
    return tuple(sorted({*packages, *modules} - {"tests", "test"}))
