"""Changes to one assertion of a test, any of which makes it fail if it holds as it is. Pure but for the dice."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

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


def parts_of(test: ast.expr, wanted: bool = True) -> list[ast.expr]:
    """The conditions of which each must hold, or, not wanted, none may."""
    joined = ast.And if wanted else ast.Or
    if isinstance(test, ast.BoolOp) and isinstance(test.op, joined):
        return [part for value in test.values for part in parts_of(value, wanted)]
    return [test]


def of_condition(test: ast.expr, place: Place, wanted: bool = True) -> Iterator[Mutation]:
    """Changes to a condition that holds, or, not wanted, does not."""
    test = parts_of(test, wanted)[0]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        if isinstance(test.operand, ast.Compare):
            yield from of_condition(test.operand, place, not wanted)
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
    neither = equality is ast.NotEq and isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)  # sets, say
    turned = re.sub(here, opposite, gap, count=1) if "#" not in gap and not neither else gap
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


def of_call(call: ast.Call, place: Place) -> Iterator[Mutation]:
    """`self.assertEqual(a, b)` and its like; `mock.assert_called_with(1)`; `pytest.raises(Error, function)`."""
    name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    plain = len(call.args) == 2 and not any(word.arg in ("atol", "rtol", "delta", "places") for word in call.keywords)
    truth = name in ("assertTrue", "assertFalse") and bool(call.args)
    if truth and never_holds(call.args[0], name == "assertTrue"):
        return
    if truth and isinstance(call.args[0], ast.Compare):
        yield from of_condition(call.args[0], place, name == "assertTrue")
    elif EQUALITIES.match(name) and plain:
        yield from _sides([call.args[1], call.args[0]], place)
    elif CALLED.match(name) and (edits := other_in_call(call, place)):
        yield Mutation(Strength.ALIKE, tuple(edits))
    elif name in OPPOSITES and isinstance(call.func, ast.Attribute):
        line, column = end_of(call.func)
        turned = place.edit((line, column - len(name)), (line, column), OPPOSITES[name])
        yield Mutation(Strength.OPPOSITE, (turned,))
    elif is_raising(call) and len(call.args) >= 2:
        yield from of_raising(call, place)


def of_raising(call: ast.Call, place: Place) -> Iterator[Mutation]:
    """Another message, or another error."""
    given = [word.value for word in call.keywords if word.arg == "match"]
    for node in given:
        if isinstance(node, ast.Constant) and not re.search(r"[^\w\s'\":,;]", place.text(node)):
            yield Mutation(Strength.ALIKE, tuple(other_value(node, place)))
            return
    yield Mutation(Strength.OPPOSITE, (_other_error(call.args[0], place),))


def of_handlers(node: ast.Try, place: Place) -> Iterator[Mutation]:
    """Other errors for those that a statement with `except` expects; none if one of them takes what ends a run."""
    kinds = [handler.type for handler in node.handlers if handler.type]
    if kinds and not any(
        re.search(r"Interrupt|Exit|BaseException|AssertionError", ast.unparse(kind)) for kind in kinds
    ):
        yield Mutation(Strength.OPPOSITE, tuple(_other_error(kind, place) for kind in kinds))


def _other_error(known: ast.expr, place: Place) -> Edit:
    named = ast.unparse(known)
    return place.replaced(known, DICE.choice([name for name in OTHER_ERRORS if name not in named]))


def never_holds(test: ast.expr, wanted: bool = True) -> bool:
    """Whether it is `False`, or its like: written to be never reached."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return never_holds(test.operand, not wanted)
    return isinstance(test, ast.Constant) and bool(test.value) is not wanted


def is_raising(call: ast.Call) -> bool:
    """Whether it expects an exception; one that would end the whole run is better left alone."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in RAISING and bool(call.args) and "Interrupt" not in ast.unparse(call.args[0])
