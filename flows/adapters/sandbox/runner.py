"""Runs trusted tests with pytest, next to code that nobody trusts, and reports on descriptor 3.

In a fork of the supervisor, or by itself (`python -I -S -B runner.py`, the plan on standard input) where another Python
or another mechanism is needed: standard library, pytest and denials.py only. Once the code is imported it may tamper
with all of this; what is reported here is a claim that the worker tests (canaries.py).

Each report is a line of JSON with the plan's nonce under "nonce": {"missing": why} instead of all others, or {"begun"}
before any code is imported, {"collected": [ids]}, {"id", "when", "outcome", …}, {"subtest": id} for one that failed,
{"broke": id, path or "pytest", …} for an exception, {"meddled": module}, and at the end {"done": exit code}.
"""
# ruff: noqa: SIM115 (the streams of the process)

import json
import os
import sys
import traceback
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FunctionType, ModuleType, TracebackType
from typing import Any, NoReturn


def _sibling(name: str) -> ModuleType:
    """A module next to this one, which has no package when it runs by itself."""
    module = ModuleType(name)
    SourceFileLoader(name, f"{__file__.rpartition('/')[0]}/{name}.py").exec_module(module)
    return module


DENIALS = _sibling("denials")
RESULT_FD = 3
MESSAGE = 600
"""Characters of what a failure says."""
Plan = dict[str, Any]
"""tests: folder; files: paths in it; ini: file; packages: site-packages folders; roots: folders of the code;
home: top-level modules that are the code's; helpers: top-level module of the tests' own → folder; early: modules of
the tests' own, to be imported before any code → file; conftest: bool; asyncio: bool; plugins: modules of the packages;
nonce: str."""


def warm_up() -> None:
    """Import what pytest imports when it starts, for the forks that will start it."""
    from _pytest.config import default_plugins

    for name in default_plugins:
        import_module(f"_pytest.{name}")


def main(plan: Plan) -> NoReturn:
    """Run the tests and end the process, whatever threads and exit handlers the code leaves behind."""
    sys.dont_write_bytecode = True
    _open_streams()
    library = list(sys.path)
    sys.path += plan["packages"]
    report = Report(plan["nonce"], plan["tests"])
    try:
        import pytest
    except ImportError as error:
        report.write(missing=f"{error}")
        os._exit(4)
    if used := sorted(set(plan["home"]) & set(sys.modules)):
        report.write(missing=f"{', '.join(used)} cannot be tested here: the test runner itself uses it")
        os._exit(4)
    # as after a usual start, but with the code last: what it ships cannot stand in for a package of the tests
    sys.path[:] = [*library, *plan["packages"], *plan["roots"]]
    roots: list[str] = plan["roots"]
    sys.meta_path.insert(0, Home(dict.fromkeys(plan["home"], roots)))
    sys.meta_path.insert(0, Home({name: [folder] for name, folder in plan["helpers"].items()}))
    _complete_builtins()
    report.write(begun=True)
    helpers = Helpers(plan["early"])
    code = int(pytest.main(_arguments(plan), plugins=[report]))
    for name in helpers.exchanged():
        report.write(meddled=name)
    report.write(done=code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _open_streams() -> None:
    """Fresh ones: what the descriptors were before the fork is of no account."""
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = open(fd, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        vars(sys)[name] = vars(sys)[f"__{name}__"] = stream


def _complete_builtins() -> None:
    """exit, quit, help and the like: `-S` left them out."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def _arguments(plan: Plan) -> list[str]:
    words = ["-p", "no:cacheprovider", "-c", plan["ini"], "--rootdir", plan["tests"], "--confcutdir", plan["tests"]]
    words += ["--import-mode=importlib", "--capture=no", "--color=no", "--tb=short", "--no-header", "-q"]
    words += [] if plan["conftest"] else ["--noconftest"]
    words += [word for name in plan["plugins"] for word in ("-p", name)]
    words += ["-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=auto"] if plan["asyncio"] else []
    return [*words, *(f"{plan['tests']}/{path}" for path in plan["files"])]


class Home:
    """Finds these modules in their folders, even if a package of that name is installed."""

    def __init__(self, folders: dict[str, list[str]]) -> None:
        self.folders = folders

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, self.folders[name]) if name in self.folders else None


class Helpers:
    """Modules that the tests bring along, imported before the code can put others in their place."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files
        self._known = {name: self._functions(name) for name in files if _imported(name)}

    def exchanged(self) -> list[str]:
        """Those that are not what they were any more, or come from elsewhere."""
        there = [name for name in self._files if name in sys.modules]
        odd = [name for name in there if getattr(sys.modules[name], "__file__", "") != self._files[name]]
        return odd + [name for name, known in self._known.items() if self._functions(name) != known]

    @staticmethod
    def _functions(name: str) -> dict[str, tuple[int, int]]:
        module = vars(sys.modules.get(name, ModuleType("")))
        return {key: (id(f), id(f.__code__)) for key, f in module.items() if isinstance(f, FunctionType)}


def _imported(name: str) -> bool:
    """Whether it could be; if not, the test that wants it will say why."""
    try:
        import_module(name)
    except Exception:
        return False
    return True


class Report:
    """A pytest plugin that tells what happens, as it happens."""

    def __init__(self, nonce: str, tests: str) -> None:
        self.nonce = nonce
        self.tests = tests
        self.pid = os.getpid()
        self.denials = DENIALS.Denials(tests)

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
        chain = list(_chain(error))
        first = chain[-1]
        self.write(
            broke=broke,
            message=_text(error),
            fixture=_absent_fixture(error),
            absent=next((str(e.name) for e in chain if isinstance(e, ModuleNotFoundError)), ""),
            unimportable=any(isinstance(e, ImportError) for e in chain),
            in_tests=_last_file(first.__traceback__).startswith(self.tests),
            denied=next((what for e in chain if (what := self.denials.of(e))), ""),
        )


def _chain(error: BaseException) -> Any:
    """The exception and those that it came from."""
    seen: list[BaseException] = []
    waiting: BaseException | None = error
    while waiting is not None and waiting not in seen and len(seen) < 20:
        seen.append(waiting)
        waiting = waiting.__cause__ or waiting.__context__
    return seen


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


if __name__ == "__main__":
    main(json.load(sys.stdin))
