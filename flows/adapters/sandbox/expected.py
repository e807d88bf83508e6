"""Which tests a suite must report, read from its source: what runs may claim otherwise.

Pure. Follows pytest's default rules (https://docs.pytest.org/en/stable/explanation/goodpractices.html), for test files
given by name.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from flows.adapters.sandbox import needs
from flows.adapters.sandbox.meanings import full_name, full_names, statements
from stages.syntax import parse

Function = ast.FunctionDef | ast.AsyncFunctionDef
FIXTURES = ("fixture", "pytest.fixture", "pytest.yield_fixture", "pytest_asyncio.fixture")
"""What makes a fixture of a function; the first by `from pytest import *`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A test function: one test, or, parametrised, several whose ids begin with its own and "["."""

    id: str
    """As pytest names it: `tests/test_a.py::TestB::test_c`."""
    function: Function | None = None
    """None where the source only hints at it: imported, assigned, or inherited from a class that is imported."""
    may_skip: bool = False
    """Its author marked it as one to skip, or expected to fail, perhaps under a condition."""
    optional: bool = False
    """Whether it is there depends on a condition."""

    def covers(self, test: str) -> bool:
        """Whether a reported id is this test or one of its variants."""
        return test == self.id or test.startswith(f"{self.id}[")

    @property
    def around(self) -> tuple[str, str]:
        """Ids of its class, or else its file, and of its file."""
        return self.id.rpartition("::")[0], self.id.partition("::")[0]


@dataclass(frozen=True, slots=True)
class Suite:
    """All tests of some files."""

    tests: tuple[Expected, ...]
    open_classes: tuple[str, ...] = ()
    """Ids of classes with bases from elsewhere: they may have tests that the source does not show."""
    asynchronous: bool = False
    """Some test is a coroutine that only a plugin can run."""
    imports: frozenset[str] = frozenset()
    """Top-level modules without which the files cannot be imported."""
    lacking_fixtures: frozenset[str] = frozenset()
    """Asked for, and not in these files nor among pytest's own."""


def test_files(tests: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that hold tests; the rest is what they use."""
    stems = {path: PurePosixPath(path).stem for path in tests if path.endswith(".py")}
    return tuple(
        sorted(p for p, s in stems.items() if s.startswith("test_") or s.endswith(("_test", "_tests")) or s == "tests")
    )


def expected(tests: Mapping[str, str]) -> Suite:
    """The suite that these files, path → text, hold. Raises SyntaxError for a test file that cannot be parsed."""
    found: list[Expected] = []
    classes: list[str] = []
    asynchronous = False
    for path in test_files(tests):
        module = _Module(path, parse(tests[path], path))
        found += module.tests()
        classes += module.open_classes
        asynchronous |= module.asynchronous
    trees = tuple(tree for _, tree in needs.trees(tests))
    return Suite(tuple(found), tuple(classes), asynchronous, needs.imports(trees), needs.lacking_fixtures(trees))


class _Module:
    """One test file, while it is read."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self.classes = {node.name: node for node, _ in statements(tree.body) if isinstance(node, ast.ClassDef)}
        self.known = full_names(tree)
        self.may_skip = _marked(tree.body)
        self.open_classes: list[str] = []
        self.asynchronous = False

    def tests(self) -> Iterator[Expected]:
        found: dict[str, Expected] = {}
        for node, optional in statements(self.tree.body):
            for test in self._of(node, self.path, optional, self.may_skip):
                found[test.id] = test  # a name that is defined twice means the last
        return iter(found.values())

    def _of(self, node: ast.stmt, prefix: str, optional: bool, may_skip: bool) -> Iterator[Expected]:
        if isinstance(node, Function):
            if node.name.startswith("test") and not self._is_fixture(node):
                self.asynchronous |= isinstance(node, ast.AsyncFunctionDef)
                yield Expected(f"{prefix}::{node.name}", node, may_skip or _skips(node), optional)
        elif isinstance(node, ast.ClassDef):
            yield from self._of_class(node, prefix, optional, may_skip)
        else:
            yield from self._hinted(node, prefix)

    def _of_class(self, node: ast.ClassDef, prefix: str, optional: bool, may_skip: bool) -> Iterator[Expected]:
        family, complete = self._family(node)
        unit = any(base.endswith("TestCase") for base in self._bases(family))
        wanted = _says_test(family)
        if wanted is False or not (unit or wanted or node.name.startswith("Test")):
            return
        if not unit and _has(family, "__init__", "__new__"):
            return  # pytest passes these over
        asynchronous = self.asynchronous
        own = f"{prefix}::{node.name}"
        methods: dict[str, Expected] = {}
        for member in reversed(family):
            skipped = may_skip or _skips(member) or _marked(member.body)
            for inner, depends in statements(member.body):
                methods |= {test.id: test for test in self._of(inner, own, optional or depends, skipped)}
        self.asynchronous = asynchronous if unit else self.asynchronous  # unittest runs its coroutines itself
        if not complete:
            self.open_classes.append(own)
        yield from methods.values()

    def _family(self, node: ast.ClassDef) -> tuple[list[ast.ClassDef], bool]:
        """The class and its bases within this file, nearest first; whether these are all that can hold tests."""
        family, complete = [node], True
        for base in node.bases:
            name = ast.unparse(base)
            if (known := self.classes.get(name)) and known is not node:
                inherited, whole = self._family(known)
                family += inherited
                complete &= whole
            elif full_name(base, self.known).rpartition(".")[2] not in (
                "object",
                "TestCase",
                "IsolatedAsyncioTestCase",
                "ABC",
                "Generic",
            ):
                complete = False
        return family, complete

    def _bases(self, family: list[ast.ClassDef]) -> list[str]:
        return [full_name(base, self.known) for member in family for base in member.bases]

    def _is_fixture(self, node: Function) -> bool:
        return any(full_name(word, self.known) in FIXTURES for word in node.decorator_list)

    def _hinted(self, node: ast.stmt, prefix: str) -> Iterator[Expected]:
        if isinstance(node, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            return
        self.open_classes += [f"{prefix}::{name}" for name in names if name.startswith("Test")]
        yield from (Expected(f"{prefix}::{name}", optional=True) for name in names if name.startswith("test"))


def _skips(node: Function | ast.ClassDef) -> bool:
    return any("skip" in word or "xfail" in word.lower() for word in map(ast.unparse, node.decorator_list)) or any(
        "expectedFailure" in ast.unparse(word) for word in node.decorator_list
    )


def _marked(body: list[ast.stmt]) -> bool:
    """Whether `pytestmark` skips the whole module or class."""
    marks = (node for node in body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node.targets[0]))
    return any("skip" in (text := ast.unparse(node.value)) or "xfail" in text for node in marks)


def _says_test(family: list[ast.ClassDef]) -> bool | None:
    """What the nearest `__test__ = …` of these classes says; None without one, or one that is computed."""
    for member in family:
        for node in reversed(member.body):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if "__test__" in [target.id for target in targets if isinstance(target, ast.Name)]:
                value = getattr(node, "value", None)
                return bool(value.value) if isinstance(value, ast.Constant) else None
    return None


def _has(family: list[ast.ClassDef], *names: str) -> bool:
    """Whether the class defines one of these methods."""
    return any(isinstance(node, Function) and node.name in names for member in family for node in member.body)
