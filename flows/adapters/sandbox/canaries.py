"""Tests changed so that they must fail: whoever reports them as passed lies, or is told nothing by them.

Pure but for the dice. The change is as small as it can be, so that a test still asks the code the same question:
another expected value, else another comparison, else the opposite, and only in the end a plain failure.
"""

import ast
import secrets
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Any

from flows.adapters.sandbox.expected import Expected, Function

Edit = tuple[int, int, int, int, str]
"""First and last line (from 1) and column (UTF-8 bytes, from 0) of what goes, and what comes."""

OPPOSITES = {
    "assertTrue": "assertFalse", "assertIn": "assertNotIn", "assertIs": "assertIsNot",
    "assertIsNone": "assertIsNotNone", "assertIsInstance": "assertNotIsInstance", "assertRegex": "assertNotRegex",
    "assertGreater": "assertLessEqual", "assertLess": "assertGreaterEqual",
    "assertAlmostEqual": "assertNotAlmostEqual", "assertEqual": "assertNotEqual",
}  # fmt: skip
OPPOSITES |= {there: back for back, there in OPPOSITES.items()}
EQUALITIES = ("assertEqual", "assertListEqual", "assertTupleEqual", "assertDictEqual", "assertSetEqual")
RAISING = ("raises", "assertRaises", "assertRaisesRegex")
OTHER_ERROR = 'type("Other", (Exception,), {})'
OTHER_VALUE = (
    "(lambda v: not v if v is True or v is False"
    " else v + abs(v) + {n} if isinstance(v, (int, float)) and v + abs(v) + {n} != v"
    " else v + {c!r} if isinstance(v, str) else v + b{c!r} if isinstance(v, bytes)"
    " else [*v, {n}] if type(v) is list else (*v, {n}) if type(v) is tuple"
    " else {{**v, {c!r}: {n}}} if type(v) is dict else (v,))({text})"
)
"""An unequal value, of the same type where it is one of the usual ones: nothing tells it from the value asked for."""


def split(tests: Collection[Expected]) -> tuple[list[Expected], list[Expected]]:
    """Two random halves: each test is changed in one of two runs, and nobody can tell in which.

    Tests that share a function, by inheritance, stay together.
    """
    functions: dict[int, list[Expected]] = {}
    for test in tests:
        functions.setdefault(id(test.function), []).append(test)
    groups = list(functions.values())
    secrets.SystemRandom().shuffle(groups)
    cut = (len(groups) + secrets.randbelow(2)) // 2
    return [*chain(*groups[:cut])], [*chain(*groups[cut:])]


def changed(files: Mapping[str, str], tests: Collection[Expected]) -> dict[str, str]:
    """The files, path → text, with these tests changed so that they must fail."""
    edits: dict[str, list[Edit]] = {}
    for test in {id(test.function): test for test in tests}.values():
        if test.function:
            edits.setdefault(test.id.partition("::")[0], []).extend(edits_of(test.function))
    return {path: _edited(text, edits[path]) if path in edits else text for path, text in files.items()}


def edits_of(function: Function) -> list[Edit]:
    """Changes that make this test fail if it passes as it is and checks anything.

    One of the strongest among those that are certainly reached, at random; else all under conditions and in loops at
    once; else, for a test that shows no assertion, a plain failure.
    """
    certain = list(_candidates(function.body))
    if certain:
        strong = [change for is_strong, change in certain if is_strong]
        return [secrets.choice(strong or [change for _, change in certain])]
    return [change for _, change in _perhaps(function.body)] or [_plain_failure(function)]


def _candidates(body: list[ast.stmt]) -> Iterator[tuple[bool, Edit]]:
    """Changes to what is certainly reached; strong are those that an object equal to everything gives away."""
    for node in body:
        yield from _of_statement(node)
        if isinstance(node, ast.With | ast.AsyncWith | ast.For) and _runs(node):
            yield from _candidates(node.body)
        if isinstance(node, ast.Raise) or any(isinstance(inner, ast.Return) for inner in _own(node)):
            return  # what follows may not be reached


def _perhaps(body: list[ast.stmt]) -> Iterator[tuple[bool, Edit]]:
    """Changes to all that may be reached."""
    for node in body:
        yield from _of_statement(node)
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(node, Function | ast.ClassDef) and not _swallows(node):
                yield from _perhaps(getattr(node, part, []))


def _of_statement(node: ast.stmt) -> Iterator[tuple[bool, Edit]]:
    if isinstance(node, ast.Assert):
        yield _assertion(node.test)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _call(node.value)
    elif isinstance(node, ast.With | ast.AsyncWith):
        yield from ((True, _replaced(call.args[0], OTHER_ERROR)) for call in _contexts(node) if _is_raising(call))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, without functions that it defines."""
    yield node
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, Function | ast.Lambda | ast.ClassDef):
            yield from _own(inner)


def _runs(node: ast.With | ast.AsyncWith | ast.For) -> bool:
    """Whether the body certainly runs to its end at least once, and a failure within is seen."""
    if not isinstance(node, ast.For):
        return not _swallows(node)
    items = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple | ast.Set) else []
    return bool(items) and not any(isinstance(inner, ast.Continue | ast.Break | ast.Return) for inner in _own(node))


def _assertion(test: ast.expr) -> tuple[bool, Edit]:
    while isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        test = test.values[0]
    if isinstance(test, ast.Compare) and isinstance(test.ops[-1], ast.Eq):
        sides = [test.comparators[-1], *((test.left,) if len(test.ops) == 1 else ())]
        return True, _other_value(sides)
    return False, _replaced(test, f"(not ({ast.unparse(test)}))")


def _call(call: ast.Call) -> Iterator[tuple[bool, Edit]]:
    """`self.assertEqual(a, b)` and its like; `pytest.raises(Error, function)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name == "assertTrue" and call.args:
        yield _assertion(call.args[0])
    elif name in EQUALITIES and len(call.args) >= 2:
        yield True, _other_value([call.args[1], call.args[0]])
    elif name in OPPOSITES and isinstance(call.func, ast.Attribute):
        yield False, _replaced(call.func, f"{ast.unparse(call.func.value)}.{OPPOSITES[name]}")
    elif _is_raising(call) and len(call.args) >= 2:
        yield False, _replaced(call.args[0], OTHER_ERROR)


def _contexts(node: ast.stmt) -> list[ast.Call]:
    items = node.items if isinstance(node, ast.With | ast.AsyncWith) else []
    return [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]


def _swallows(node: ast.stmt) -> bool:
    """Whether a failure within may go unseen."""
    return any(_is_raising(call) or "suppress" in ast.unparse(call.func) for call in _contexts(node))


def _is_raising(call: ast.Call) -> bool:
    """Whether it expects an exception; one that would end the whole run is better left alone."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in RAISING and bool(call.args) and "Interrupt" not in ast.unparse(call.args[0])


def _other_value(sides: list[ast.expr]) -> Edit:
    """Another value for the side that is a literal; else for the first, found when it is known."""
    for side in sides:
        try:
            value = ast.literal_eval(side)
        except (ValueError, TypeError, SyntaxError, MemoryError):
            continue
        return _replaced(side, f"({_other(value)!r})")
    number, letter = secrets.randbelow(97) + 1, chr(97 + secrets.randbelow(26))
    return _replaced(sides[0], OTHER_VALUE.format(n=number, c=letter, text=ast.unparse(sides[0])))


def _other(value: Any) -> Any:
    """A value of the same type that is not equal."""
    some = secrets.randbelow(97) + 1
    other: Any = (value,)
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int | float | complex):
        other = value + some
    elif isinstance(value, str):
        other = value + chr(96 + some % 26 + 1)
    elif isinstance(value, bytes):
        other = value + bytes([some])
    elif isinstance(value, list):
        other = [*value, some]
    elif isinstance(value, dict):
        other = {**value, f"{some}": some}
    return other if other != value and repr(other) not in ("inf", "nan") else (value,)


def _replaced(node: ast.expr, text: str) -> Edit:
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset, text


def _plain_failure(function: Function) -> Edit:
    """Before the first statement, or on its line if it shares that with the `def`."""
    first = function.body[0]
    decorators = getattr(first, "decorator_list", [])
    line = min([first.lineno, *(d.lineno for d in decorators)])
    column = first.col_offset
    joint = "; " if line == function.lineno else "\n" + " " * column
    return line, column, line, column, f"raise AssertionError{joint}"


def _edited(text: str, edits: list[Edit]) -> str:
    """The text with all edits made; they do not overlap."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
    for line, column, last_line, last_column, new in sorted(edits, reverse=True):
        tail = lines[last_line - 1][last_column:]
        lines[line - 1 : last_line] = [lines[line - 1][:column] + new.encode() + tail]
    return b"\n".join(lines).decode()
