"""What happens in a run of trusted tests, told on descriptor 3 as it happens: a pytest plugin.

Runs in the process of the code under test, which may tamper with it (see runner.py): standard library and pytest only.

Each report is a line of JSON with the plan's nonce under "nonce": {"missing": why} instead of all others, or {"begun"}
before any code is imported, {"collected": [ids]}, {"id", "when", "outcome", …}, {"subtest": id} for one that failed,
{"broke": id, path or "pytest", …} for an exception, {"meddled": module}, and at the end {"done": exit code}.
"""
# ruff: noqa: PTH109, PTH117 (the code may change what pathlib does)

import builtins
import json
import os
import traceback
from types import TracebackType
from typing import Any

RESULT_FD = 3
MESSAGE = 600
"""Characters of what a failure says."""
FILES = 20
"""Paths told of an exception, and exceptions of a group that are looked at."""
MANY = 100
"""Exceptions that are looked at for one failure."""
DEEPEST = 3
"""Groups in groups."""


class Report:
    """A pytest plugin that tells what happens, as it happens."""

    def __init__(self, nonce: str, tests: str, denials: Any) -> None:
        self.nonce = nonce
        self.tests = tests
        self.pid = os.getpid()
        self.denials = denials
        self.code = os.path.realpath(os.getcwd())

    def write(self, **facts: Any) -> None:
        """A line of report; of this process only: a fork that returns from a test would report all over again."""
        if os.getpid() == self.pid:
            line = json.dumps({**facts, "nonce": self.nonce}).encode() + b"\n"
            while line:
                line = line[os.write(RESULT_FD, line) :]

    def pytest_collection_finish(self, session: Any) -> None:
        self.write(collected=[item.nodeid for item in session.items])

    def pytest_collectreport(self, report: Any) -> None:
        if report.outcome != "passed":
            self.write(uncollected=report.nodeid, outcome=report.outcome)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if hasattr(report, "context"):  # of a subtest; the test's own report follows, and may call it passed
            if report.outcome == "failed":
                self.write(subtest=report.nodeid)
            return
        if report.when == "teardown":
            self.denials.next_test()
        expected_to_fail = hasattr(report, "wasxfail")
        self.write(id=report.nodeid, when=report.when, outcome=report.outcome, xfail=expected_to_fail)

    def pytest_internalerror(self, excinfo: Any) -> None:
        self._tell("pytest", excinfo.value)

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        self._tell(node.nodeid, call.excinfo.value)

    def _tell(self, broke: str, error: BaseException) -> None:
        chain = _all(error)
        first = _chain(error)[-1]
        self.write(
            broke=broke,
            message=_text(error),
            fixture=_absent_fixture(error),
            absent=next((str(e.name) for e in chain if isinstance(e, ModuleNotFoundError)), ""),
            unimportable=any(isinstance(e, ImportError) for e in chain),
            in_tests=_last_file(first.__traceback__).startswith(self.tests),
            denied=_told(error, self.denials.of),
            hidden=_told(error, self.denials.hidden),
            through=sorted({path for e in chain for path in self._files_of_code(e)})[:FILES],
        )

    def _files_of_code(self, error: BaseException) -> Any:
        """Those that the exception came through, as paths in the code's folder."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            file = os.path.realpath(frame.f_code.co_filename)
            if os.path.isabs(frame.f_code.co_filename) and file.startswith(f"{self.code}/"):
                yield file.removeprefix(f"{self.code}/")


def _chain(error: BaseException) -> Any:
    """The exception and those that it came from."""
    seen: list[BaseException] = []
    waiting: BaseException | None = error
    while waiting is not None and waiting not in seen and len(seen) < 20:
        seen.append(waiting)
        waiting = waiting.__cause__ or waiting.__context__
    return seen


def _parts(error: BaseException) -> Any:
    """Of a group, which Python has from 3.11 on."""
    grouped = isinstance(error, getattr(builtins, "BaseExceptionGroup", ()))
    return getattr(error, "exceptions", ())[:FILES] if grouped else ()


def _all(error: BaseException) -> list[BaseException]:
    """The chain of an exception, and those of all that are grouped in it."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting and len(found) < MANY:
        new = [one for one in _chain(waiting.pop(0)) if one not in found]
        found += new
        waiting += [part for one in new for part in _parts(one)]
    return found


def _told(error: BaseException, look: Any, depth: int = 0) -> str:
    """What one of a chain tells, or a group each of whose exceptions tells something."""
    for one in _chain(error):
        if what := look(one):
            return str(what)
        told = [_told(part, look, depth + 1) for part in _parts(one)] if depth < DEEPEST else []
        if told and all(told):
            return told[0]
    return ""


def _absent_fixture(error: BaseException) -> str:
    """The name of a fixture that pytest did not find."""
    from _pytest.fixtures import FixtureLookupError

    if not isinstance(error, FixtureLookupError) or error.msg is not None:
        return ""
    return str(error.argname) if _last_file(error.__traceback__).endswith("/_pytest/fixtures.py") else ""


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:MESSAGE]
    except Exception:
        return type(error).__name__


def _last_file(trace: TracebackType | None) -> str:
    """The innermost file that is not Python's import machinery."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    return next((file for file in reversed(files) if not file.startswith("<frozen")), "")
