"""Which assertions of a test are reached, certainly or perhaps, and the changes to them. Pure but for the dice."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from flows.adapters.sandbox.expected import Function
from flows.adapters.sandbox.mutations import Mutation, Strength, is_raising, of_call, of_condition, of_raising, parts_of
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


def perhaps(body: list[ast.stmt], place: Place, resolve: Resolve) -> Iterator[Mutation]:
    """The best change to each statement that may be reached: they make a test fail together, if anything does."""
    for node in body:
        best = sorted(chain(*of_statement(node, place, resolve)), key=lambda found: found.strength)[:1]
        yield from best
        if not best and (helper := _helper(node, place, resolve)):
            yield from perhaps(helper.function.body, helper, resolve)
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(node, Function | ast.ClassDef) and not _swallows(node):
                yield from perhaps(getattr(node, part, []), place, resolve)


def of_statement(node: ast.stmt, place: Place, resolve: Resolve) -> Iterator[list[Mutation]]:
    """For each assertion in this statement itself the changes to it."""
    if isinstance(node, ast.Assert):
        yield from (list(of_condition(part, place)) for part in parts_of(node.test))
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
    if isinstance(node, ast.Raise):
        return node.exc is None or "Skip" not in ast.unparse(node.exc)
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) in ("pytest.fail", "self.fail", "fail")


def _contexts(node: ast.stmt) -> list[ast.Call]:
    items = node.items if isinstance(node, ast.With | ast.AsyncWith) else []
    return [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]


def _swallows(node: ast.stmt) -> bool:
    """Whether a failure within may go unseen."""
    return any(is_raising(call) or "suppress" in ast.unparse(call.func) for call in _contexts(node))
