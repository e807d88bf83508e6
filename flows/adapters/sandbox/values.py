"""Another value for what a test expects, such that nobody can tell by its form which of the two is right.

One character of a literal becomes another, wherever the literal stands: in the assertion, where a variable is set,
among the parameters of the test, in the call of a helper. Pure but for the dice.
"""

import ast
import string
from collections.abc import Iterator
from secrets import SystemRandom

from flows.adapters.sandbox.places import Edit, Place

DICE = SystemRandom()
KEEP = frozenset({
    "approx", "list", "tuple", "dict", "Decimal", "Fraction", "Path", "PurePath", "PurePosixPath", "timedelta",
    "int", "float", "complex", "str", "bytes", "bytearray", "sorted", "sum", "array", "deque", "OrderedDict",
})  # fmt: skip
"""What makes unequal values of unequal ones."""
NUMERIC = ("len", "sum", "abs", "round", "int", "float", "ord", "pow")
LEAST = 0.05
"""By so much a number changes at least: a test may allow for less."""


def other_value(node: ast.AST, place: Place) -> list[Edit]:
    """Edits by which an expression gets an unequal value; none where that is not certain."""
    match node:
        case ast.Constant():
            new = _other_literal(place.text(node), node.value)
            return [place.replaced(node, new)] if new else []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            return other_value(inner, place)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            sets = isinstance(left, ast.Set) or isinstance(right, ast.Set)
            return [] if sets else other_value(right, place) or other_value(left, place)
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            return _other_display(node, place)
        case ast.Call() if _name(node) in KEEP and len(node.args) + len(node.keywords) == 1:
            return other_value(node.args[0] if node.args else node.keywords[0].value, place)
        case ast.Name():
            return _other_named(node, place)
    return []


def odd_value(node: ast.expr, place: Place) -> Edit:
    """An edit by which an expression gets an unequal value whatever it is; who reads the test may take it for odd."""
    text, digit = place.text(node), DICE.randint(1, 9)
    arithmetic = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Pow)
    if arithmetic or (isinstance(node, ast.Call) and _name(node) in NUMERIC):
        return place.replaced(node, f"{text} + {digit}")
    return place.replaced(
        node, DICE.choice((f"[{text}]", f"({text},)", f"{{{digit}: {text}}}", str(DICE.randint(10**4, 10**6))))
    )


def other_in_call(call: ast.Call, place: Place) -> list[Edit]:
    """Another value for one of the arguments."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return next((edits for node in DICE.sample(arguments, len(arguments)) if (edits := other_value(node, place))), [])


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def _other_display(node: ast.List | ast.Tuple | ast.Set | ast.Dict, place: Place) -> list[Edit]:
    parts: list[ast.expr] = [*node.values, *filter(None, node.keys)] if isinstance(node, ast.Dict) else node.elts
    for part in DICE.sample(parts, len(parts)):
        if edits := other_value(part, place):
            return edits
    if parts:
        return []
    digit = DICE.randint(1, 9)
    new = {ast.List: f"[{digit}]", ast.Tuple: f"({digit},)", ast.Dict: f"{{{digit}: {digit}}}"}
    return [place.replaced(node, new[type(node)])]


def _other_literal(text: str, value: object) -> str:
    """The literal with one character exchanged, empty if there is none."""
    if isinstance(value, bool):
        return str(not value)
    if not isinstance(value, str | bytes | int | float | complex):
        return ""
    words = isinstance(value, str | bytes)
    first = min((text.find(quote) for quote in "'\"" if quote in text), default=0)
    last = text.find("\\") if "\\" in text else len(text)
    for kinds in (string.ascii_lowercase, string.ascii_uppercase) if words else ():
        if new := _exchanged(text, value, kinds, range(first, last)):
            return new
    if new := _exchanged(text, value, string.digits, range(first, last)):
        return new
    longer = (text[:n] + DICE.choice(string.ascii_lowercase) + text[n:] for n in range(first + 1, len(text)) if words)
    return next((new for new in longer if _differs(new, value)), "")


def _exchanged(text: str, value: object, kind: str, where: range) -> str:
    places = [n for n in where if text[n] in kind]
    for n in DICE.sample(places, len(places)):
        for char in DICE.sample(kind, len(kind)):
            if _differs(new := text[:n] + char + text[n + 1 :], value):
                return new
    return ""


def _differs(text: str, value: object) -> bool:
    try:
        other = ast.literal_eval(text)
        if isinstance(value, int | float | complex) and abs(other - value) <= LEAST * abs(value):
            return False
    except (ValueError, SyntaxError, TypeError, OverflowError):
        return False
    return type(other) is type(value) and bool(other != value)


def _other_named(node: ast.Name, place: Place) -> list[Edit]:
    """Where the name got its value, if it is read here alone: elsewhere it may be part of the question."""
    read, set_at = place.named(node.id)
    if read != 1 or len(set_at) > 1:
        return []
    if set_at:
        return next((other_value(value, place) for value in _values(place, set_at[0])), [])
    arguments = [argument.arg for argument in place.function.args.args]
    if node.id not in arguments:
        return []
    if place.caller and place.call:
        return _other_argument(place.call, node.id, arguments.index(node.id) - place.bound, place.caller)
    return _other_parameter(node.id, place)


def _values(place: Place, target: ast.AST) -> Iterator[ast.expr]:
    """What an assignment, or a loop in the row asked for, gives to a target. Only what certainly happens."""
    for statement in place.function.body:
        if isinstance(statement, ast.Assign):
            yield from _matched(statement.targets[0], statement.value, target)
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            yield from _matched(statement.target, statement.value, target)
        elif (
            isinstance(statement, ast.For) and isinstance(statement.iter, ast.List | ast.Tuple) and statement.iter.elts
        ):
            rows = statement.iter.elts
            yield from _matched(statement.target, rows[min(place.row, len(rows) - 1)], target)


def _matched(targets: ast.expr, value: ast.expr, target: ast.AST) -> Iterator[ast.expr]:
    if targets is target:
        yield value
    elif isinstance(targets, ast.Tuple) and len(targets.elts) == len(inner := getattr(value, "elts", ())):
        yield from (part for name, part in zip(targets.elts, inner, strict=True) if name is target)


def _other_argument(call: ast.Call, name: str, index: int, caller: Place) -> list[Edit]:
    for keyword in call.keywords:
        if keyword.arg == name:
            return other_value(keyword.value, caller)
    if any(isinstance(argument, ast.Starred) for argument in call.args) or not 0 <= index < len(call.args):
        return []
    return other_value(call.args[index], caller)


def _other_parameter(name: str, place: Place) -> list[Edit]:
    """In every row of the test's parameters."""
    for call in place.function.decorator_list:
        if isinstance(call, ast.Call) and _name(call) == "parametrize" and len(call.args) == 2:
            names = _names(call.args[0])
            rows = call.args[1].elts if isinstance(call.args[1], ast.List | ast.Tuple) else []
            if name in names and not any(keyword.arg == "indirect" for keyword in call.keywords):
                edits = [_other_cell(row, names.index(name), len(names), place) for row in rows]
                return [edit for row in edits for edit in row] if all(edits) else []
    return []


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant):
        return [name.strip() for name in str(node.value).split(",") if name.strip()]
    return [str(getattr(part, "value", "")) for part in getattr(node, "elts", ())]


def _other_cell(row: ast.expr, index: int, width: int, place: Place) -> list[Edit]:
    if isinstance(row, ast.Call) and _name(row) == "param":
        return other_value(row.args[index], place) if len(row.args) == width else []
    if width == 1:
        return other_value(row, place)
    cells = row.elts if isinstance(row, ast.Tuple | ast.List) else []
    return other_value(cells[index], place) if len(cells) == width else []
