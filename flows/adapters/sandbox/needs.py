"""What trusted tests need besides themselves, as their source says: modules, and fixtures. Pure."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import PurePosixPath

from stages.syntax import parse

BUILT_IN = frozenset({
    "cache", "capfd", "capfdbinary", "caplog", "capsys", "capsysbinary", "capteesys", "doctest_namespace", "event_loop",
    "event_loop_policy", "monkeypatch", "pytestconfig", "record_property", "record_testsuite_property",
    "record_xml_attribute", "recwarn", "request", "subtests", "tmp_path", "tmp_path_factory", "tmpdir",
    "tmpdir_factory", "unused_tcp_port", "unused_tcp_port_factory",
})  # fmt: skip
"""Fixtures of pytest and pytest-asyncio."""
DEEPEST = 300
"""Nodes in each other, of a syntax tree."""


def trees(tests: Mapping[str, str]) -> Iterator[tuple[str, ast.Module]]:
    """The files in Python, path and content, without what is none of our Python. Raises RecursionError."""
    for path, text in tests.items():
        with suppress(SyntaxError, ValueError):
            if path.endswith(".py"):
                tree = parse(text, path)
                _measure(tree)
                yield path, tree


def _measure(tree: ast.Module) -> None:
    """Raises RecursionError for what Python can parse and pytest cannot go through."""
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [inner for node in level for inner in ast.iter_child_nodes(node)]
    if level:
        raise RecursionError(f"more than {DEEPEST} expressions in each other")


def imports(modules: Iterable[ast.Module]) -> frozenset[str]:
    """Top-level modules without which these cannot be imported."""
    nodes = [node for tree in modules for node in tree.body]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    of = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return frozenset(name.partition(".")[0] for name in plain | of)


def modules(tests: Mapping[str, str], code: Collection[str] = ()) -> dict[str, str]:
    """Module, as the tests import it → path, for those files of the tests' own that they import.

    Of several that may be meant, the one nearest to the top: so pytest names conftests, too. code: top-level modules
    that are the code's, unless the tests' own of that name lies beside one of the tests.
    """
    wanted = {name for path, tree in trees(tests) for name in _imported(path, tree)}
    wanted |= {name.rpartition(".")[0] for name in wanted}
    deepest_first = sorted((path for path in tests if path.endswith(".py")), key=lambda path: -path.count("/"))
    beside = {str(PurePosixPath(path).parent) for path in tests if _is_found(path)}
    return {
        name: path
        for path in deepest_first
        for name, folder in _names(path).items()
        if name in wanted
        and f"{folder}/__init__.py" not in tests
        and (folder == "." or folder in beside or _top(name) not in code)
    }


def early(tests: Mapping[str, str], brought: Mapping[str, str], code: Collection[str]) -> tuple[str, ...]:
    """Those of the modules that import nothing of the code, top-level modules, nor are within it, nor hold tests."""
    asked = {path: {_top(name) for name in _imported(path, tree)} for path, tree in trees(tests)}
    return tuple(
        name
        for name, path in brought.items()
        if path in asked and not (asked[path] | {_top(name)}) & set(code) and not _is_found(path)
    )


def _top(name: str) -> str:
    return name.partition(".")[0]


def _names(path: str) -> dict[str, str]:
    """What a file may be called as a module → the folder that it is found from."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return {".".join(parts[n:]): "/".join(parts[:n]) or "." for n in range(len(parts))}


def _is_found(path: str) -> bool:
    """Whether pytest finds the file by itself, and then whatever lies beside it."""
    name = PurePosixPath(path).name
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def _imported(path: str, tree: ast.Module) -> Iterator[str]:
    """Full names of all that a file may import: modules, and names that may be modules of a package."""
    folder = PurePosixPath(path).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = folder[: -node.level] if node.level else ()
            base = ".".join((*package, *([node.module] if node.module else ())))
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def lacking_fixtures(modules: Iterable[ast.Module]) -> frozenset[str]:
    """Arguments that neither a parameter, nor a function of these files, nor pytest provides."""
    nodes = [node for tree in modules for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    asked = {argument.arg for function in functions for argument in (*function.args.args, *function.args.kwonlyargs)}
    words = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    named = {part.strip() for word in words for part in word.split(",")}
    return frozenset(asked - named - {function.name for function in functions} - BUILT_IN - {"self", "cls"})
