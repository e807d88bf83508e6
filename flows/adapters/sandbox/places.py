"""Where a piece of a test's source stands, and what replaces it. Pure."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flows.adapters.sandbox.expected import Function
from stages.syntax import parse

KNOWN = sys.stdlib_module_names | {"pytest"}
Owner = tuple[str, int]
"""A function: its file and first line."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement in a file."""

    path: str
    start: tuple[int, int]
    """Line (from 1) and column (UTF-8 bytes, from 0) of what goes."""
    end: tuple[int, int]
    text: str
    owner: Owner


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the tests."""

    path: str
    lines: tuple[bytes, ...]
    tree: ast.Module

    @classmethod
    def read(cls, path: str, text: str) -> "Source":
        """Raises SyntaxError, ValueError."""
        return cls(path, tuple(lines_of(text)), parse(text, path))

    @property
    def imported(self) -> frozenset[str]:
        """Names of what comes from elsewhere, Python's own library and pytest aside; `self` may hold some of it."""
        found = {"self"}
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in KNOWN:
                found |= {alias.asname or alias.name for alias in node.names}
        return frozenset(found - KNOWN)

    def between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        """The text between two positions."""
        (line, column), (last, stop) = start, end
        if line == last:
            return self.lines[line - 1][column:stop].decode()
        middle = self.lines[line : last - 1]
        return b"\n".join((self.lines[line - 1][column:], *middle, self.lines[last - 1][:stop])).decode()


@dataclass(frozen=True, slots=True)
class Place:
    """A function in a file, and how the test came to it."""

    source: Source
    function: Function
    caller: "Place | None" = None
    call: ast.Call | None = None
    bound: int = 0
    """1 for a method, whose first argument the call does not show."""
    row: int = 0
    """Which row of a literal loop is asked for."""

    @property
    def owner(self) -> Owner:
        return self.source.path, self.function.lineno

    @property
    def depth(self) -> int:
        return 1 + self.caller.depth if self.caller else 0

    def text(self, node: ast.AST) -> str:
        """The source of a node."""
        return self.source.between(start_of(node), end_of(node))

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> Edit:
        """A replacement in this function."""
        return Edit(self.source.path, start, end, text, self.owner)

    def replaced(self, node: ast.AST, text: str) -> Edit:
        """Another text for a node."""
        return self.edit(start_of(node), end_of(node), text)

    def asks_the_code(self, node: ast.AST) -> bool:
        """Whether an expression has something in it that is imported, or was made of something imported."""
        asked = self.source.imported
        for statement in self.function.body:
            if isinstance(statement, ast.Assign) and _ids(statement.value) & asked:
                asked |= {name for target in statement.targets for name in _ids(target)}
        return bool(_ids(node) & asked)

    def named(self, name: str) -> tuple[int, list[ast.AST]]:
        """How often a name is read in the function, and where it is set."""
        names = [node for node in ast.walk(self.function) if isinstance(node, ast.Name) and node.id == name]
        return sum(isinstance(node.ctx, ast.Load) for node in names), [
            node for node in names if not isinstance(node.ctx, ast.Load)
        ]


def _ids(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def lines_of(text: str) -> list[bytes]:
    """As Python counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")


def start_of(node: ast.AST) -> tuple[int, int]:
    """Line and column."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def end_of(node: ast.AST) -> tuple[int, int]:
    """Line and column."""
    return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; of two that overlap, the first."""
    lines = lines_of(text)
    for edit in reversed(list(_apart(edits))):
        (line, column), (last, stop) = edit.start, edit.end
        lines[line - 1 : last] = (lines[line - 1][:column] + edit.text.encode() + lines[last - 1][stop:]).split(b"\n")
    return b"\n".join(lines).decode()


def _apart(edits: Iterable[Edit]) -> Iterator[Edit]:
    reached = (0, 0)
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start >= reached:
            yield edit
            reached = max(edit.end, (edit.start[0], edit.start[1] + 1))
