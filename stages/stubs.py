"""Code without its content: the names and signatures of a draft, so that its tests can be held against nothing.

A test that passes on a stub proves nothing about the draft.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping

from stages.syntax import parse

KEPT_DECORATORS = (
    "property", "setter", "deleter", "cached_property", "staticmethod", "classmethod", "abstractmethod", "overload",
    "dataclass", "total_ordering", "runtime_checkable", "final", "override", "unique",
)  # fmt: skip
"""Those that are part of a signature; others may run code of the draft."""
KEPT_VALUES = ("Enum", "Flag", "IntEnum", "StrEnum", "IntFlag")
"""Classes whose constants are names: without a value they would be none."""
NONE = ast.Constant(None)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def stub_of(files: Mapping[str, str]) -> dict[str, str]:
    """Path → text with the same names and signatures, and functions that return None.

    A Python file that cannot be parsed becomes empty; files other than Python's stay as they are.
    """
    return {path: _stub(text) if path.endswith(".py") else text for path, text in files.items()}


def _stub(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings that are not ours
            tree = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    body = [node for node in _statements(tree.body, values=False) if not _is_future(node)]
    # annotations stay text: what they name may not be there any more
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    return ast.unparse(ast.fix_missing_locations(ast.Module([future, *body], []))) + "\n"


def _statements(body: list[ast.stmt], values: bool) -> Iterator[ast.stmt]:
    """The statements that define or import something, without content. values: constants keep theirs."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Global):
            yield node
        elif isinstance(node, _Function):
            yield _function(node)
        elif isinstance(node, ast.ClassDef):
            yield _class(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _names_only(node):
            yield _assignment(node, values)
        elif isinstance(node, ast.If | ast.Try) and not _is_main(node):
            yield from _compound(node, values)


def _function(node: _Function) -> _Function:
    arguments = node.args
    arguments.defaults = [_literal(value) for value in arguments.defaults]
    arguments.kw_defaults = [value and _literal(value) for value in arguments.kw_defaults]
    # a generator stays one, and gives nothing
    yields = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own(node))
    node.body = [ast.Return(), ast.Expr(ast.Yield())] if yields else [ast.Return(NONE)]
    node.decorator_list = _decorators(node)
    return node


def _class(node: ast.ClassDef) -> ast.ClassDef:
    values = any(_last_name(base) in KEPT_VALUES for base in node.bases)
    node.body = list(_statements(node.body, values)) or [ast.Pass()]
    node.decorator_list = _decorators(node)
    return node


def _names_only(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether it binds names, and changes nothing that is there."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flat = [inner for t in targets for inner in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])]
    return all(isinstance(target, ast.Name) for target in flat)


def _assignment(node: ast.Assign | ast.AnnAssign, values: bool) -> ast.stmt:
    """A name keeps a value only where it is the name's meaning, or an alias of a type, or the module's own list."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    dunder = all(isinstance(t, ast.Name) and t.id.startswith("__") for t in targets)
    if node.value is None or values or dunder or isinstance(node.value, ast.Subscript | ast.Attribute):
        return node
    node.value = _makes_type(node.value) or _field(node, node.value)
    return node


def _makes_type(value: ast.expr) -> ast.expr | None:
    makers = ("TypeVar", "ParamSpec", "NewType", "namedtuple", "NamedTuple", "TypedDict", "Enum")
    return value if isinstance(value, ast.Call) and _last_name(value.func) in makers else None


def _field(node: ast.Assign | ast.AnnAssign, value: ast.expr) -> ast.expr:
    """None in place of a value; in place of a lambda one with its signature; several targets get as many."""
    if isinstance(value, ast.Lambda):
        return ast.Lambda(value.args, NONE)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
        return ast.Tuple([NONE for _ in node.targets[0].elts], ast.Load())
    return NONE


def _compound(node: ast.If | ast.Try, values: bool) -> Iterator[ast.stmt]:
    """Imports and definitions under a condition, the condition with them if it only asks for the platform or a type."""
    if isinstance(node, ast.Try):
        for handler in node.handlers:
            handler.body = list(_statements(handler.body, values)) or [ast.Pass()]
        node.body = list(_statements(node.body, values)) or [ast.Pass()]
        node.orelse, node.finalbody = [], []
        yield node
    elif any(name in ast.unparse(node.test) for name in ("TYPE_CHECKING", "sys.")):
        node.body = list(_statements(node.body, values)) or [ast.Pass()]
        node.orelse = list(_statements(node.orelse, values))
        yield node
    else:
        yield from _statements([*node.body, *node.orelse], values)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, without functions within."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, _Function | ast.Lambda | ast.ClassDef):
            yield inner
            yield from _own(inner)


def _decorators(node: _Function | ast.ClassDef) -> list[ast.expr]:
    return [d for d in node.decorator_list if _last_name(d.func if isinstance(d, ast.Call) else d) in KEPT_DECORATORS]


def _literal(value: ast.expr) -> ast.expr:
    """A default that is a literal, else None: it may name what is gone."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NONE
    return value


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
