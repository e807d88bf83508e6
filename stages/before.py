"""The code before a change, so that the tests of the change can be imported: what it adds is there as a stub."""

import ast
import warnings
from collections.abc import Mapping

from stages.stubs import stub_of
from stages.syntax import parse


def before(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Path → text of the Python files of a change: stubs of those that are new, the others with stubs of what is new.

    old: the texts before, of those files that exist. Methods that a class gains are not among it: without them a test
    fails by itself.
    """
    python = {path: text for path, text in new.items() if path.endswith(".py")}
    stubs = stub_of(python)
    return {path: _with(old[path], stubs[path]) if path in old else stubs[path] for path in python if path in stubs}


def _with(old: str, stub: str) -> str:
    """The old text, with those top-level names of the stub below it that it lacks: defined there, or imported."""
    had, stubbed = _parsed(old), _parsed(stub)
    if had is None or stubbed is None:
        return old
    known = {name for node in had.body for name in (*_names(node), *_imported(node))}
    added = [node for node in stubbed.body if (names := _names(node)) and not names & known]
    imports = [node for node in stubbed.body if (names := _imported(node)) and (added or not names <= known)]
    lines = [_tried(node) for node in imports if not _is_future(node)]
    lines += [ast.unparse(_AnnotationsAsText().visit(node)) for node in added]
    return "\n".join((old, *lines, "")) if lines else old


def _imported(node: ast.stmt) -> set[str]:
    """The names that an import brings."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def _tried(node: ast.stmt) -> str:
    """An import that does no harm where there is nothing to import."""
    return f"try:\n    {ast.unparse(node)}\nexcept ImportError:\n    pass"


class _AnnotationsAsText(ast.NodeTransformer):
    """What an annotation names may not be there."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("annotation", "returns"):
            if isinstance(annotation := getattr(node, name, None), ast.expr):
                setattr(node, name, ast.Constant(ast.unparse(annotation)))
        return super().generic_visit(node)


def _names(node: ast.stmt) -> set[str]:
    """What a statement at the top level defines; an import defines nothing new."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
