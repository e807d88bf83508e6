"""What a test file's names mean, as far as its source says. Pure."""

import ast
from collections.abc import Iterator, Mapping


def statements(body: list[ast.stmt], optional: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a body with those under conditions, and whether they are under one."""
    for node in body:
        yield node, optional
        for part in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                for inner in getattr(node, part, ()):
                    within = inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                    yield from statements(within, True)


def full_names(tree: ast.Module) -> dict[str, str]:
    """What the names of a module mean that it imports from others, or gives to what it imported."""
    known: dict[str, str] = {}
    for node, _ in statements(tree.body):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Assign):
            full = full_name(node.value, known)
            known |= {target.id: full for target in node.targets if isinstance(target, ast.Name)}
    return known


def full_name(node: ast.expr, known: Mapping[str, str]) -> str:
    """`pytest.fixture` for `pt.fixture(scope="module")` after `import pytest as pt`."""
    first, dot, rest = ast.unparse(node.func if isinstance(node, ast.Call) else node).partition(".")
    return f"{known.get(first, first)}{dot}{rest}"
