"""Changes to the assertions of a test, of which any makes it fail if it passes as it is. Pure but for the dice."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from flows.adapters.sandbox.expected import Function
from flows.adapters.sandbox.places import Edit, Place, end_of, start_of
from flows.adapters.sandbox.values import DICE, odd_value, other_in_call, other_value


class Strength(IntEnum):
    """How little a change helps code that wants to tell it; the first is the best."""

    ALIKE = 0
    """Another literal: what equals everything passes, and so does what reads the answer from the test."""
    ODD = 1
    """Another expression: what equals everything passes, but who reads the test may notice."""
    OPPOSITE = 2
    """The opposite comparison: who reads the test cannot tell, but what is equal and unequal to all goes on."""
    PLAIN = 3
    """A plain failure, without a question to the code."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change."""

    strength: Strength
    edits: tuple[Edit, ...]


Resolve = Callable[[ast.Call, Place], Place | None]
"""The helper that a call leads to, if it is the tests' own."""
OPPOSITES = {
    "assertTrue": "assertFalse", "assertIn": "assertNotIn", "assertIs": "assertIsNot",
    "assertIsNone": "assertIsNotNone", "assertIsInstance": "assertNotIsInstance", "assertRegex": "assertNotRegex",
    "assertGreater": "assertLessEqual", "assertLess": "assertGreaterEqual",
    "assertAlmostEqual": "assertNotAlmostEqual", "assertEqual": "assertNotEqual",
    "assert_called": "assert_not_called", "assert_awaited": "assert_not_awaited",
}  # fmt: skip
OPPOSITES |= {there: back for back, there in OPPOSITES.items()}
OPPOSITES |= {"assert_called_once": "assert_not_called", "assert_awaited_once": "assert_not_awaited"}
EQUALITIES = re.compile(
    r"assert(|List|Tuple|Dict|Set|Sequence|MultiLine|Count|Almost)Equals?$|assert_\w*(equal|close)$"
)
CALLED = re.compile(r"assert_(called|awaited|any|has)\w*(with|call|await|calls|awaits)$")
RAISING = ("raises", "assertRaises", "assertRaisesRegex")
OTHER_ERRORS = ("BufferError", "EOFError", "FloatingPointError", "StopAsyncIteration", "UnicodeTranslateError")
"""Hardly anybody raises these."""
COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", ">="), ast.GtE: (">=", "<"), ast.Gt: (">", "<="),
    ast.LtE: ("<=", ">"), ast.Is: (r"is", "is not"), ast.IsNot: (r"is\s+not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}  # fmt: skip
DEEPEST = 4
"""Helpers of helpers that are looked into."""


def certain(body: list[ast.stmt], place: Place, resolve: Resolve) -> Iterator[Mutation]:
    """Changes to what is certainly reached."""
    for node in body:
        yield from of_statement(node, place, resolve)
        if isinstance(node, ast.With | ast.AsyncWith | ast.For | ast.Try) and _runs(node):
            yield from certain(node.body, place, resolve)
        if isinstance(node, ast.Raise) or any(isinstance(inner, ast.Return) for inner in _own(node)):
            return  # what follows may not be reached


def perhaps(body: list[ast.stmt], place: Place, resolve: Resolve) -> Iterator[Mutation]:
    """The best change to each statement that may be reached: they make a test fail together, if anything does."""
    for node in body:
        best = sorted(of_statement(node, place, resolve), key=lambda found: found.strength)[:1]
        yield from best
        if not best and (helper := _helper(node, place, resolve)):
            yield from perhaps(helper.function.body, helper, resolve)
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(node, Function | ast.ClassDef) and not _swallows(node):
                yield from perhaps(getattr(node, part, []), place, resolve)


def of_statement(node: ast.stmt, place: Place, resolve: Resolve) -> Iterator[Mutation]:
    """Changes to this statement itself."""
    if isinstance(node, ast.Assert):
        yield from _truth(node.test, place)
    elif isinstance(node, ast.If) and _complains(node.body[0]) and not node.orelse:
        yield from _truth(node.test, place, wanted=False)
    elif call := _called(node):
        yield from _call(call, place)
        if helper := _helper(node, place, resolve):
            yield from certain(helper.function.body, helper, resolve)
    elif isinstance(node, ast.With | ast.AsyncWith):
        yield from (found for call in _contexts(node) if _is_raising(call) for found in _raising(call, place))


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
    return bool(items) and not any(isinstance(inner, ast.Continue | ast.Break | ast.Return) for inner in _own(node))


def _complains(node: ast.stmt) -> bool:
    """Whether a statement makes the test fail."""
    if isinstance(node, ast.Raise):
        return node.exc is None or "Skip" not in ast.unparse(node.exc)
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) in ("pytest.fail", "self.fail", "fail")


def _truth(test: ast.expr, place: Place, wanted: bool = True) -> Iterator[Mutation]:
    """Changes to a condition that holds, or, not wanted, does not."""
    joined = ast.And if wanted else ast.Or
    while isinstance(test, ast.BoolOp) and isinstance(test.op, joined):
        test = test.values[0]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        if isinstance(test.operand, ast.Compare):
            yield from _truth(test.operand, place, not wanted)
        before = place.source.between(start_of(test), start_of(test.operand))
        bare = place.edit(start_of(test), start_of(test.operand), before.replace("not", "", 1).lstrip())
        yield Mutation(Strength.OPPOSITE, (bare,))
    elif isinstance(test, ast.Compare):
        yield from _comparison(test, place, ast.Eq if wanted else ast.NotEq)
    else:
        odd = isinstance(test, ast.BoolOp | ast.IfExp | ast.NamedExpr | ast.Lambda)
        yield Mutation(Strength.OPPOSITE, (place.replaced(test, _negated(place.text(test), odd)),))


def _negated(text: str, grouped: bool) -> str:
    return f"not ({text})" if grouped or "\n" in text else f"not {text}"


def _comparison(test: ast.Compare, place: Place, equality: type[ast.cmpop]) -> Iterator[Mutation]:
    if isinstance(test.ops[-1], equality):
        yield from _sides([test.comparators[-1], *((test.left,) if len(test.ops) == 1 else ())], place)
    if len(test.ops) > 1:
        yield Mutation(Strength.OPPOSITE, (place.replaced(test, _negated(place.text(test), False)),))
        return
    gap = place.source.between(end_of(test.left), start_of(test.comparators[0]))
    here, opposite = COMPARISONS[type(test.ops[0])]
    turned = re.sub(here, opposite, gap, count=1) if "#" not in gap else gap
    whole = place.replaced(test, _negated(place.text(test), False))
    between = place.edit(end_of(test.left), start_of(test.comparators[0]), turned)
    yield Mutation(Strength.OPPOSITE, (between if turned != gap else whole,))


def _sides(sides: list[ast.expr], place: Place) -> Iterator[Mutation]:
    """Another value for one side of an equality."""
    found = [Mutation(Strength.ALIKE, tuple(edits)) for side in sides if (edits := other_value(side, place))]
    if not found:  # better not of the code's own answer: what equals everything does not once it is in a list
        ours = [side for side in sides if not place.asks_the_code(side)]
        found = [Mutation(Strength.ODD, (odd_value(side, place),)) for side in ours or sides]
    yield from found


def _call(call: ast.Call, place: Place) -> Iterator[Mutation]:
    """`self.assertEqual(a, b)` and its like; `mock.assert_called_with(1)`; `pytest.raises(Error, function)`."""
    name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    plain = len(call.args) == 2 and not any(word.arg in ("atol", "rtol", "delta", "places") for word in call.keywords)
    if name in ("assertTrue", "assertFalse") and call.args and isinstance(call.args[0], ast.Compare):
        yield from _truth(call.args[0], place, name == "assertTrue")
    elif EQUALITIES.match(name) and plain:
        yield from _sides([call.args[1], call.args[0]], place)
    elif CALLED.match(name) and (edits := other_in_call(call, place)):
        yield Mutation(Strength.ALIKE, tuple(edits))
    elif name in OPPOSITES and isinstance(call.func, ast.Attribute):
        line, column = end_of(call.func)
        turned = place.edit((line, column - len(name)), (line, column), OPPOSITES[name])
        yield Mutation(Strength.OPPOSITE, (turned,))
    elif _is_raising(call) and len(call.args) >= 2:
        yield from _raising(call, place)


def _raising(call: ast.Call, place: Place) -> Iterator[Mutation]:
    """Another message, or another error."""
    given = [word.value for word in call.keywords if word.arg == "match"]
    for node in given:
        if isinstance(node, ast.Constant) and not re.search(r"[^\w\s'\":,;]", place.text(node)):
            yield Mutation(Strength.ALIKE, tuple(other_value(node, place)))
            return
    known = ast.unparse(call.args[0])
    errors = [name for name in OTHER_ERRORS if name not in known]
    other = DICE.choice(errors)
    yield Mutation(Strength.OPPOSITE, (place.replaced(call.args[0], other),))


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
