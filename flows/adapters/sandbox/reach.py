"""Which assertions of a test are reached, certainly or perhaps, and the changes to them. Pure but for the dice."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from flows.adapters.sandbox.expected import Function
from flows.adapters.sandbox.mutations import (
    Mutation,
    Strength,
    is_raising,
    never_holds,
    of_call,
    of_condition,
    of_handlers,
    of_raising,
    parts_of,
)
from flows.adapters.sandbox.places import Edit, Place, end_of, start_of

Resolve = Callable[[ast.Call, Place], Place | None]
"""The helper that a call leads to, if it is the tests' own."""
DEEPEST = 4
"""Helpers of helpers that are looked into."""


def certain(body: list[ast.stmt], place: Place, resolve: Resolve) -> Iterator[list[Mutation]]:
    """For each assertion that is certainly reached, and each row of a literal loop around it, the changes to it."""
    for node in body:
        yield from of_statement(node, place, resolve)
        if isinstance(node, ast.For) and _runs(node):
            yield from _rows(node, place, resolve)
        elif isinstance(node, ast.With | ast.AsyncWith | ast.Try) and _runs(node):
            yield from certain(node.body, place, resolve)
        elif isinstance(node, ast.Try) and _expects(node) and (changes := list(of_handlers(node, place))):
            yield changes
        if isinstance(node, ast.Raise) or any(isinstance(inner, ast.Return) for inner in _own(node)):
            return  # what follows may not be reached


def _rows(node: ast.For, place: Place, resolve: Resolve) -> Iterator[list[Mutation]]:
    """Changes that are felt first in the first row, in the second, and so on."""
    rows = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else []
    yield from certain(node.body, replace(place, row=0), resolve)
    if any(isinstance(row, ast.Starred) for row in rows):
        return
    for n, row in enumerate(rows[1:], 1):
        swap = place.replaced(rows[0], place.text(row)), place.replaced(row, place.text(rows[0]))
        for changes in certain(node.body, replace(place, row=n), resolve):
            # in another order the opposite might hold of code that has a state
            if able := [change for change in changes if change.strength < Strength.OPPOSITE]:
                yield [
                    change if any(_within(edit, node.iter, place) for edit in change.edits)
                    else replace(change, edits=(*change.edits, *swap))
                    for change in able
                ]  # fmt: skip


def _within(edit: Edit, node: ast.AST, place: Place) -> bool:
    return edit.path == place.source.path and start_of(node) <= edit.start <= end_of(node)


def perhaps(body: list[ast.stmt], place: Place, resolve: Resolve) -> Iterator[tuple[Mutation, tuple[Edit, ...]]]:
    """The best change to each statement that may be reached: they make a test fail together, if anything does.

    With each, failures that show whether it is reached.
    """
    for node in body:
        best = sorted(chain(*of_statement(node, place, resolve)), key=lambda found: found.strength)[:1]
        yield from ((one, (stop(node, place),)) for one in best)
        if isinstance(node, ast.Try):
            stops = tuple(stop(handler.body[0], place) for handler in node.handlers)
            yield from ((one, stops) for one in of_handlers(node, place))
            for handler in node.handlers:
                yield from perhaps(handler.body, place, resolve)
        if not best and (helper := _helper(node, place, resolve)):
            yield from perhaps(helper.function.body, helper, resolve)
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(node, Function | ast.ClassDef) and not _swallows(node):
                yield from perhaps(getattr(node, part, []), place, resolve)


def stop(node: ast.stmt, place: Place) -> Edit:
    """A plain failure before a statement, on its line if it shares that with another."""
    line, column = min([start_of(node), *((d.lineno, node.col_offset) for d in getattr(node, "decorator_list", []))])
    before = place.source.lines[line - 1][:column].decode()
    if isinstance(node, ast.If) and place.source.lines[line - 1][column:].startswith(b"elif"):
        return place.replaced(node.test, "1 / 0")
    joint = "; " if before.strip() else f"\n{before}"
    return place.edit((line, column), (line, column), f"raise AssertionError{joint}")


def stop_at_end(place: Place) -> Edit:
    """A plain failure after all that a function does, before it if it may return elsewhere."""
    first, last = place.function.body[0], place.function.body[-1]
    if any(isinstance(inner, ast.Return) for node in place.function.body for inner in _own(node)):
        return stop(first, place)
    before = place.source.lines[first.lineno - 1][: first.col_offset].decode()
    joint = "; " if before.strip() else f"\n{before}"
    return place.edit(end_of(last), end_of(last), f"{joint}raise AssertionError")


def of_statement(node: ast.stmt, place: Place, resolve: Resolve) -> Iterator[list[Mutation]]:
    """For each assertion in this statement itself the changes to it."""
    if isinstance(node, ast.Assert):
        yield from (list(of_condition(part, place)) for part in parts_of(node.test) if not never_holds(node.test))
    elif isinstance(node, ast.If) and _complains(node.body[0]) and not node.orelse:
        yield from (list(of_condition(part, place, wanted=False)) for part in parts_of(node.test, wanted=False))
    elif call := _called(node):
        if changes := list(of_call(call, place)):
            yield changes
        if helper := _helper(node, place, resolve):
            yield from certain(helper.function.body, helper, resolve)
    elif isinstance(node, ast.With | ast.AsyncWith):
        yield from (list(of_raising(call, place)) for call in _contexts(node) if is_raising(call))


def _called(node: ast.stmt) -> ast.Call | None:
    """What a statement calls, with or without use of the result."""
    value = node.value if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) else None
    value = value.value if isinstance(value, ast.Await) else value
    return value if isinstance(value, ast.Call) else None


def _helper(node: ast.stmt, place: Place, resolve: Resolve) -> Place | None:
    call = _called(node)
    return resolve(call, place) if call and place.depth < DEEPEST else None


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, without functions that it defines."""
    yield node
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, Function | ast.Lambda | ast.ClassDef):
            yield from _own(inner)


def _runs(node: ast.With | ast.AsyncWith | ast.For | ast.Try) -> bool:
    """Whether the body certainly runs to its end at least once, and a failure within is seen."""
    if isinstance(node, ast.Try):
        return not node.handlers and not any(isinstance(inner, ast.Return) for inner in _own(node))
    if not isinstance(node, ast.For):
        return not _swallows(node)
    items = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple | ast.Set) else []
    return (bool(items) or _counts(node.iter)) and not any(
        isinstance(inner, ast.Continue | ast.Break | ast.Return) for inner in _own(node)
    )


def _counts(node: ast.expr) -> bool:
    """Whether it is `range(3)`."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(number))]):
            return number > 0
    return False


def _complains(node: ast.stmt) -> bool:
    """Whether a statement makes the test fail."""
    if isinstance(node, ast.Assert):
        return never_holds(node.test)
    if isinstance(node, ast.Raise):
        return node.exc is None or "Skip" not in ast.unparse(node.exc)
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and (
        ast.unparse(call.func) in ("pytest.fail", "self.fail", "fail") or _is_never_right(call)
    )


def _is_never_right(call: ast.Call) -> bool:
    """Whether it is `self.assertTrue(False)`."""
    name = getattr(call.func, "attr", "")
    return name in ("assertTrue", "assertFalse") and bool(call.args) and never_holds(call.args[0], name == "assertTrue")


def _expects(node: ast.Try) -> bool:
    """Whether a test fails unless an exception is raised and caught: what comes without one makes it fail."""
    last = node.orelse[0] if node.orelse else node.body[-1]
    jumps = (inner for part in (node.body, node.finalbody) for one in part for inner in _own(one))
    return _complains(last) and not any(isinstance(one, ast.Return | ast.Continue | ast.Break) for one in jumps)


def _contexts(node: ast.stmt) -> list[ast.Call]:
    items = node.items if isinstance(node, ast.With | ast.AsyncWith) else []
    return [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]


def _swallows(node: ast.stmt) -> bool:
    """Whether a failure within may go unseen."""
    return any(is_raising(call) or "suppress" in ast.unparse(call.func) for call in _contexts(node))
