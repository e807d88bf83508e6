"""A repository's own tests: how they are run, and what they say of a tree."""

import re
import secrets
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flows.adapters.commands import absent, by_exit_code, run_command, told, words
from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.base import Sandbox, temporary_folder
from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.suite_reading import Told, read
from stages.runs import Outcome, Run

START = """import os, sys
sys.path[:] = [path for path in sys.path if path]
import pytest, suite_report
os.environ["PYTHONPATH"] = paths = os.environ.pop("SUITE_PATHS")
sys.path[:0] = paths.split(os.pathsep)
sys.exit(pytest.main(plugins=[suite_report]))
"""
"""Nothing of the code can be imported before pytest: neither at Python's start, nor in the place of pytest itself."""
PLUGIN = Path(__file__).with_name("suite_report.py")
PYTEST = "pytest"
_USAGE_ERROR = 4


@dataclass(frozen=True, slots=True)
class Runner:
    """What it takes to run a suite in a tree."""

    sandbox: Sandbox
    limits: Limits
    python: Path | None

    def run(self, command: str, tree: Path) -> Run:
        """What the suite says of a tree. Raises SandboxBroken."""
        if command == PYTEST:
            return self._pytest(tree)
        ran = run_command(self.sandbox, tree, words(command, self.python), self.limits, self.python)
        missing = absent(ran, tree) if ran.exit_code else []
        return by_exit_code(command, ran, (*missing, "")[0])

    def _pytest(self, tree: Path) -> Run:
        ran, told_of = self._start_pytest(tree)
        if ran.exit_code == _USAGE_ERROR and not ran.result:  # options for a plugin that is not there, most likely
            ran, told_of = self._start_pytest(tree, "-o", "addopts=")
        outcome, reason = _outcome(ran, told_of)
        return Run(outcome=outcome, tests=told_of.tests, reason=reason, output=told(ran.output), seconds=ran.seconds)

    def _start_pytest(self, tree: Path, *more: str) -> tuple[ExecResult, Told]:
        argv = [str(interpreter(self.python).python), "-B", "-c", START, "-p", "no:cacheprovider"]
        argv += ["-q", "--tb=short", "--color=no", "--continue-on-collection-errors", "--maxfail=0", *more]
        word = secrets.token_hex(16)
        with temporary_folder() as plugins:
            plugins.chmod(0o755)
            (plugins / PLUGIN.name).write_bytes(PLUGIN.read_bytes())
            (plugins / PLUGIN.name).chmod(0o644)
            ran = run_command(self.sandbox, tree, argv, self.limits, self.python, plugins, {"SUITE_REPORT": word})
        return ran, read(ran.result, word)


def _outcome(ran: ExecResult, told_of: Told) -> tuple[Outcome, str]:
    """What a run of pytest comes to, and why where that is not in its tests."""
    if told_of.fault:
        return "unverified", told_of.fault
    if ran.stopped:
        return "timeout" if "time" in ran.stopped else "failed", f"stopped at the limit of {ran.stopped}"
    if not told_of.tests:
        return "error", f"pytest ended with exit code {ran.exit_code} and no test was run"
    if not told_of.ended:
        return "failed", f"pytest ended with exit code {ran.exit_code} before its tests did"
    return "passed" if ran.exit_code == 0 else "failed", ""


def command_of(tree: Path) -> str:
    """The command that runs a repository's tests, empty where it names none."""
    if _has_pytest(tree):
        return PYTEST
    if '"test":' in _text(tree / "package.json"):
        return "npm test --silent"
    for marker, command in (("Cargo.toml", "cargo test --offline"), ("go.mod", "go test ./...")):
        if (tree / marker).is_file():
            return command
    return "make test" if re.search(r"^test:", _text(tree / "Makefile"), re.MULTILINE) else ""


def _has_pytest(tree: Path) -> bool:
    if any((tree / name).is_file() for name in ("pytest.ini", "pytest.toml")) or "[tool:pytest]" in _text(
        tree / "setup.cfg"
    ):
        return True
    with suppress(tomllib.TOMLDecodeError):
        if "pytest" in tomllib.loads(_text(tree / "pyproject.toml")).get("tool", {}):
            return True
    return any(path.is_file() for pattern in ("test_*.py", "*_test.py") for path in tree.rglob(pattern))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
