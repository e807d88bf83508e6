"""The same tests on the code before a draft and after it, confined."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.adapters.commands import compared, run_command, told, words
from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.expected import test_files
from flows.adapters.sandbox.judging import TestRun
from flows.adapters.sandbox.testing import ROOTS, run_tests
from flows.adapters.trees import Trees, laid
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
        with laid(self.trees.untouched, files) as untouched, laid(self.trees.after, files) as changed:
            return self._by_command(what, self.command, (untouched, changed), self.command)

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
        trees = (self.trees.untouched, self.trees.after)
        return self._by_command("The finding's check", command, trees, f"check: {command}"[:200])

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

    def _by_command(self, what: str, command: str, trees: tuple[Path, Path], name: str) -> Trial:
        """A trial by a command's exit codes, in the code before and after."""
        if reason := self._unusable(command):
            unsaid = Run(outcome="error", reason=reason)
            return Trial(what=what, before=unsaid, after=unsaid, by_exit_code=True)
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
