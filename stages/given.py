"""Tests that were given, read as they stand: what they import, what of them is run, whose cases they try. Pure."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from stages.paths import holds_tests
from stages.syntax import parse

_TEST = re.compile(r"^\s*(async\s+)?def test|^class Test", re.MULTILINE)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def imported(files: Mapping[str, str], run: Collection[str]) -> frozenset[str]:
    """Top-level modules that the tests cannot do without: imported outside any function or condition."""
    found: set[str] = set()
    for path in run:
        for node in _parsed(files[path]):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return frozenset(found)


def left_out(files: Mapping[str, str], run: Collection[str], by_command: bool) -> tuple[str, ...]:
    """Paths of files that hold tests and are not run. by_command: whether there is one for what is not Python.

    A module that another of the files names is a helper of theirs.
    """
    others = [path for path in files if path not in run and PurePosixPath(path).name != "conftest.py"]
    python = [path for path in others if path.endswith(".py") and _TEST.search(files[path])]
    helped = [path for path in python if any(_names(files[other], path) for other in files if other != path)]
    foreign = [path for path in others if not path.endswith(".py") and holds_tests(path) and not by_command]
    return tuple(sorted({*python, *foreign} - {*helped}))


def cases_of_code(files: Mapping[str, str], run: Collection[str], modules: Collection[str]) -> tuple[str, ...]:
    """Names of test functions and fixtures whose cases come from these modules, which may change what is tried."""
    found: set[str] = set()
    for path in run:
        body = _parsed(files[path])
        known = _names_of_code(body, modules)
        inner = (node for outer in body for node in ast.walk(outer))
        for node in inner:
            if isinstance(node, _Function | ast.ClassDef):
                found |= {node.name for values in _cases(node) if known & _used(values)}
    return tuple(sorted(found))


def _names_of_code(body: list[ast.stmt], modules: Collection[str]) -> set[str]:
    """Names that a module gets from the code, or computes of them at its top level."""
    known: set[str] = set()
    for node in body:
        if isinstance(node, ast.Import):
            names = [alias for alias in node.names if alias.name.partition(".")[0] in modules]
            known |= {alias.asname or alias.name.partition(".")[0] for alias in names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or (node.module or "").partition(".")[0] in modules:
                known |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and known & _used(node.value):
            known |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return known


def _cases(node: _Function | ast.ClassDef) -> Iterator[ast.expr]:
    """What decides which cases a test or fixture has: of a list that is written out, only what is unpacked in it."""
    for decorator in node.decorator_list:
        name = ast.unparse(decorator.func).rpartition(".")[2] if isinstance(decorator, ast.Call) else ""
        if isinstance(decorator, ast.Call) and name in ("parametrize", "fixture"):
            values = decorator.args[1:2] if name == "parametrize" else []
            values += [word.value for word in decorator.keywords if word.arg in ("argvalues", "params")]
            for value in values:
                written = value.elts if isinstance(value, ast.List | ast.Tuple) else None
                yield from [value] if written is None else (part for part in written if isinstance(part, ast.Starred))


def _used(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _names(text: str, path: str) -> bool:
    return bool(re.search(rf"\b{re.escape(PurePosixPath(path).stem)}\b", text))


def _parsed(text: str) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
