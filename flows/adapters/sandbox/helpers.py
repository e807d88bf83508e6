"""Functions of the tests' own that a test runs besides itself: helpers, methods, fixtures. Pure."""

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from flows.adapters.sandbox.expected import Expected, Function
from flows.adapters.sandbox.places import Owner, Place, Source

PREPARING = ("setUp", "setup_method", "tearDown", "teardown_method", "asyncSetUp", "asyncTearDown")
CHECKS = re.compile(r"(?i)_*(assert|check|verify|expect|ensure|should|compare)")


@dataclass(frozen=True, slots=True)
class Helpers:
    """All functions of all files of the tests."""

    sources: Mapping[str, Source]
    functions: tuple[Place, ...]
    names: Mapping[Owner, frozenset[str]]
    """Every name that a function mentions, its fixtures included."""
    owners: Mapping[str, list[Owner]]
    """Functions by their names."""
    automatic: frozenset[str]
    """Names of those that run without being named."""

    @classmethod
    def of(cls, files: Mapping[str, str]) -> "Helpers":
        """From path → text; files that are no Python hold none."""
        sources = {}
        for path, text in files.items():
            with suppress(SyntaxError, ValueError):
                if path.endswith(".py"):
                    sources[path] = Source.read(path, text)
        functions = tuple(
            Place(source, node)
            for source in sources.values()
            for node in ast.walk(source.tree)
            if isinstance(node, Function)
        )
        owners: dict[str, list[Owner]] = {}
        for place in functions:
            owners.setdefault(place.function.name, []).append(place.owner)
        automatic = frozenset({*PREPARING, *(p.function.name for p in functions if _is_automatic(p.function))})
        return cls(sources, functions, {place.owner: _names(place.function) for place in functions}, owners, automatic)

    def place(self, test: Expected) -> Place:
        """Where a test's function stands."""
        if test.function is None:
            raise ValueError(f"{test.id} has no function to be seen")
        return Place(self.sources[test.around[1]], test.function)

    def reached(self, place: Place) -> frozenset[Owner]:
        """Functions that may run with this one, by their names; more than do."""
        found = {place.owner}
        names = {*_names(place.function), *self.automatic}
        while names:
            new = {owner for name in names for owner in self.owners.get(name, ()) if owner not in found}
            found |= new
            names = {name for owner in new for name in self.names[owner]}
        return frozenset(found)

    def resolve(self, call: ast.Call, place: Place) -> Place | None:
        """The helper that a call leads to, None if it is not one of these files' or not the only one of its name."""
        match call.func:
            case ast.Name(id=name):
                found = self._named(name, place)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                found = [other for other in self._methods(place.source) if other.function.name == name]
            case ast.Attribute(value=ast.Name(), attr=name):
                found = [other for other in self._imported(name, place.source) if place.source is not other.source]
            case _:
                found = []
        if len(found) != 1 or found[0].owner == place.owner:
            return None
        helper, bound = found[0].function, int(isinstance(call.func, ast.Attribute) and _is_method(found[0]))
        if not _is_plain(helper):
            return None
        return Place(found[0].source, helper, place, call, bound)

    def fixtures(self, place: Place) -> list[Place]:
        """What prepares a test and tidies up after it, by the names of its arguments and of pytest's own rules."""
        wanted = {argument.arg for argument in place.function.args.args}
        conftests = list(self._conftests())
        there = [other for other in self.functions if other.source is place.source or other.source in conftests]
        asked = [other for other in there if other.function.name in wanted and other.owner != place.owner]
        around = [other for other in self._methods(place.source) if other.function.name in PREPARING]
        return [*asked, *(around if len(around) == 1 and _is_method(place) else [])]

    def hides_assertions(self, function: Function) -> bool:
        """Whether it calls something that seems to check, and that is neither the code's nor can be changed."""
        own = {argument.arg for argument in function.args.args} | {"self"}
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
            start = ast.unparse(call.func).partition(".")[0]
            known = start in own or any(other.function.name == name for other in self.functions)
            if name.startswith("assert") or (known and CHECKS.match(name)):
                return True
        return False

    def _named(self, name: str, place: Place) -> list[Place]:
        inner = [node for node in place.function.body if isinstance(node, Function) and node.name == name]
        if inner:
            return [Place(place.source, node) for node in inner]
        own = [node for node in place.source.tree.body if isinstance(node, Function) and node.name == name]
        return [Place(place.source, node) for node in own] or self._imported(name, place.source)

    def _imported(self, name: str, source: Source) -> list[Place]:
        """Functions of that name in those other files that the file imports, or imports from."""
        words = {
            word for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom) for word in _words(node)
        }
        others = (other for path, other in self.sources.items() if PurePosixPath(path).stem in words)
        return [
            Place(other, node) for other in others for node in other.tree.body
            if isinstance(node, Function) and node.name == name
        ]  # fmt: skip

    def _conftests(self) -> Iterator[Source]:
        return (source for path, source in self.sources.items() if PurePosixPath(path).name == "conftest.py")

    @staticmethod
    def _methods(source: Source) -> list[Place]:
        classes = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
        return [Place(source, node) for owner in classes for node in owner.body if isinstance(node, Function)]


def _words(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Last parts of the modules that are imported, and names that may be modules."""
    names = {alias.name.rpartition(".")[2] for alias in node.names}
    return names | ({(node.module or "").rpartition(".")[2]} if isinstance(node, ast.ImportFrom) else set())


def _names(function: Function) -> frozenset[str]:
    nodes = list(ast.walk(function))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)} | {n.arg for n in nodes if isinstance(n, ast.arg)}
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(plain | words | {node.attr for node in nodes if isinstance(node, ast.Attribute)})


def _is_automatic(function: Function) -> bool:
    return any("autouse" in ast.unparse(word) for word in function.decorator_list)


def _is_plain(function: Function) -> bool:
    """Whether a call of it runs its body, and nothing else."""
    decorators = {ast.unparse(word) for word in function.decorator_list}
    lazy = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))
    return decorators <= {"staticmethod", "classmethod"} and not lazy


def _is_method(place: Place) -> bool:
    arguments = place.function.args.args
    return bool(arguments) and arguments[0].arg in ("self", "cls")
