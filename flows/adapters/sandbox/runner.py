"""Runs trusted tests with pytest, next to code that nobody trusts, and reports on descriptor 3.

In a fork of the supervisor, or by itself (`python -I -S -B runner.py`, the plan on standard input) where another Python
or another mechanism is needed: standard library, pytest, denials.py and reporter.py only. Once the code is imported it
may tamper with all of this; what is reported here is a claim that the worker tests (canaries.py).
"""
# ruff: noqa: SIM115 (the streams of the process)

import json
import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import FunctionType, ModuleType
from typing import Any, NoReturn


def _sibling(name: str) -> ModuleType:
    """A module next to this one, which has no package when it runs by itself."""
    module = ModuleType(name)
    SourceFileLoader(name, f"{__file__.rpartition('/')[0]}/{name}.py").exec_module(module)
    return module


DENIALS, REPORTER = _sibling("denials"), _sibling("reporter")
Plan = dict[str, Any]
"""tests: folder; files: paths in it; ini: file; packages: site-packages folders; roots: folders of the code;
home: top-level modules that are the code's; helpers: top-level package of the tests' own → folder it is in; brought:
module of the tests' own → file; early: those to be imported before any code; conftest: bool; asyncio: bool; plugins:
modules of the packages; nonce: str."""


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
    report = REPORTER.Report(plan["nonce"], plan["tests"], DENIALS.Denials(plan["tests"]))
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
    sys.meta_path.insert(0, Brought(plan["brought"]))
    _complete_builtins()
    report.write(begun=True)
    helpers = Helpers(plan["brought"], plan["early"])
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


class Brought:
    """Finds modules that the tests bring along in their files."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self.files[name]) if name in self.files else None


class Helpers:
    """Modules that the tests bring along, some imported before the code can put others in their place."""

    def __init__(self, files: dict[str, str], early: list[str]) -> None:
        self._files = files
        self._known = {name: self._functions(name) for name in early if _imported(name)}

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


if __name__ == "__main__":
    main(json.load(sys.stdin))
