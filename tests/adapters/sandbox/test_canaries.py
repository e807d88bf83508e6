"""Changed tests are run here: the texts stand in this file."""

import asyncio
import inspect
import unittest
from dataclasses import replace
from textwrap import dedent
from typing import Any

import pytest

from flows.adapters.sandbox.canaries import Canary, canaries_of, changed, split
from flows.adapters.sandbox.canary_plans import MOST, further, left_out
from flows.adapters.sandbox.expected import expected
from flows.adapters.sandbox.mutations import Strength

PATH = "test_a.py"
BODIES = [
    "assert f(2) == 4",
    "assert 4 == f(2)",
    "assert f(2) == f(1) + 2",
    "assert (f(2)\n        == 4), 'a message'",
    "assert f('a') == 'aa' and f(1) == 2",
    "assert f(2) == 4 == 2 + 2",
    "assert f(True) == True + 1",
    "assert (f(1) == 2) is True",
    "assert f(-1) == -2",
    "assert f(0.1) == pytest.approx(0.2)",
    "assert f([1]) == [1, 1]",
    "assert f((1,)) == (1, 1)",
    "assert dict(a=f(1)) == {'a': 2}",
    "assert f(b'a') == b'aa'",
    "assert {f(1)} == {2}",
    "assert f(1e300) == 2e300",
    "assert f('ü') == 'üü', 'mit Umlaut: ü'",
    "assert f(1)",
    "assert not f(0)",
    "assert f(2) > 3",
    "assert 'a' in f('a')",
    "assert f(1) is not None",
    "assert isinstance(f(1), int) or f(1) is None",
    "assert f(1) != 3",
    "assert not {f(1)} < {f(2)}",
    "if {f(1)} < {f(2)}:\n        raise AssertionError",
    "with pytest.raises(TypeError):\n        f(None)",
    "with pytest.raises((TypeError, KeyError), match='NoneType'):\n        f(None)",
    "pytest.raises(TypeError, f, None)",
    "with open(__file__) as file, pytest.raises(TypeError):\n        f(None)",
    "with open(__file__) as file:\n        assert f(1) == 2",
    "for n in (1, 2):\n        assert f(n) == n + n",
    "for n in range(3):\n        assert f(n) == n + n",
    "if f(1):\n        assert f(1) == 2\n    else:\n        assert f(1) == 3",
    "try:\n        assert f(1) == 2\n    finally:\n        pass",
    "try:\n        f(None)\n        assert False\n    except TypeError:\n        pass",
    "try:\n        f(None)\n    except (TypeError, KeyError) as e: pass\n    else:\n        assert not True, 'none'",
    "try:\n        f(None)\n        assert False\n    except TypeError as e:\n        assert 'NoneType' in str(e)",
    "for bad in (None, None):\n        try: f(bad)\n        except TypeError: continue\n        assert False",
    "for n in list('ab'):\n        if n == 'a':\n            assert f(n)\n        elif f(n) != 'bb': assert False",
    "if f(1) != 2:\n        assert False, 'wrong'",
    "if not f(1):\n        return\n    assert f(1) == 2",
    "'''Only a sentence.'''",
    "f(1)",
    "@f\n    class A: ...\n    assert A",
    "x = f(1); assert x == 2",
    "def inner():\n        assert False\n    assert f(1) == 2",
    "check(f(1), 2)",
]
FUNCTION = """
import contextlib, pytest
def f(x):
    if isinstance(x, type): return x
    return x * 2 if x is not None else x + 1
def check(a, b): assert a == b
"""


def run(text: str, name: str = "test_it") -> Any:
    names: dict[str, Any] = {"__name__": "changed", "__file__": __file__}
    exec(compile(text, PATH, "exec"), names)
    result = names[name]()
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def mutated(text: str) -> str:
    return changed({PATH: text}, found(text))[PATH]


def found(text: str, **files: str) -> list[Canary]:
    """The canaries of a test file and others beside it."""
    texts = {PATH: text, **{f"{name}.py": other for name, other in files.items()}}
    return canaries_of(texts, expected(texts).tests)


@pytest.mark.parametrize("body", BODIES)
def test_a_changed_test_fails_where_it_passed(body: str) -> None:
    text = f"{FUNCTION}\ndef test_it():\n    {body}\n"
    run(text)
    for _ in range(4):  # there are dice in it
        with pytest.raises((AssertionError, TypeError)):
            run(mutated(text))


NEVER = [
    "for wrong in [n for n in range(3) if f(n) != n + n]:\n        assert wrong is None",
    "for wrong in (): assert f(wrong)",
    "x = f(1)\n    if not x: assert x\n    elif x < 2:\n        assert x == 3  # here",
    "try: f(1)\n    except TypeError: assert f(2) == 5",
    "if f(1) > 9:\n        return\n    if f(1) > 8: return",
]


@pytest.mark.parametrize("body", NEVER)
@pytest.mark.parametrize("indentation", ["    ", "\t"])
def test_what_is_never_reached_is_told_apart_and_fails_by_other_means(body: str, indentation: str) -> None:
    text = f"{FUNCTION}\ndef test_it():\n    {body}\n".replace("    ", indentation)
    (canary,) = found(text)
    for passing in (canary, canary.stopped) if canary.stops else ():
        run(changed({PATH: text}, [passing])[PATH])
    with pytest.raises(AssertionError):
        run(changed({PATH: text}, [canary.ended])[PATH])


def test_what_is_reached_is_seen_to_be() -> None:
    text = f"{FUNCTION}\ndef test_it():\n    for n in list('ab'):\n        assert f(n) == n + n\n"
    (canary,) = found(text)
    for one in (canary, canary.stopped):
        with pytest.raises(AssertionError):
            run(changed({PATH: text}, [one])[PATH])


def test_a_test_on_one_line_is_changed_too() -> None:
    with pytest.raises(AssertionError):
        run(mutated("def test_it(): print('nothing')\n"))


def test_a_coroutine_is_changed_too() -> None:
    with pytest.raises(AssertionError):
        run(mutated("async def g(): return 1\nasync def test_it():\n    assert await g() == 1\n"))


@pytest.mark.parametrize(
    "line",
    [
        "self.assertEqual(2, 1 + 1)",
        "self.assertEqual([2], [1 + 1])",
        "self.assertTrue(1 + 1 == 2)",
        "self.assertTrue([0])",
        "self.assertFalse([])",
        "self.assertIn(1, [1])",
        "self.assertIsNone(None)",
        "self.assertIsNotNone(1)",
        "self.assertAlmostEqual(0.1 + 0.2, 0.3)",
        "self.assertGreaterEqual(1, 1)",
        "self.assertDictEqual({}, dict())",
        "self.assertCountEqual([1], [1])",
        "self.assertRaises(ZeroDivisionError, lambda: 1 / 0)",
        "with self.assertRaises(ZeroDivisionError):\n            1 / 0",
        "for n in (1, 2):\n            with self.subTest(n=n):\n                self.assertEqual(n + n, 2 * n)",
    ],
)
def test_assertions_of_unittest_are_turned_round(line: str) -> None:
    text = dedent("""
        import unittest
        class A(unittest.TestCase):
            def test_it(self):
                LINE
    """).replace("LINE", line)
    for source, passes in ((text, True), (mutated(text), False)):
        names: dict[str, Any] = {"__name__": "changed"}
        exec(compile(source, PATH, "exec"), names)
        result = unittest.TestResult()
        names["A"]("test_it").run(result)
        assert result.wasSuccessful() is passes


@pytest.mark.parametrize("right", ["5", "2 + 3", "sum([2, 3])"])
def test_what_equals_everything_is_given_away(right: str) -> None:
    text = f"class Any:\n    def __eq__(self, other): return True\ndef test_it():\n    assert Any() == {right}\n"
    run(mutated(text))


def test_the_side_that_does_not_ask_the_code_is_changed() -> None:
    text = "from solution import f\ndef test_it():\n    got = f(1)\n    assert max(1, 2) == got\n"
    assert all(mutated(text).endswith("== got\n") for _ in range(9))


def test_another_value_cannot_be_told_by_its_type() -> None:
    number = "class Number:\n    def __eq__(self, other): return type(other) is int\n"
    run(mutated(f"{number}def test_it():\n    assert Number() == 2 + 3\n"))


def test_only_the_chosen_tests_are_changed_and_nothing_else() -> None:
    text = "# a remark\ndef test_a():\n    assert 1 == 1  # here\n\n\ndef test_b():\n    assert 2 == 2\n"
    (one,) = [canary for canary in found(text) if canary.covers(f"{PATH}::test_a")]
    new = changed({PATH: text, "data.json": "{}"}, [one])
    assert new["data.json"] == "{}"
    assert new[PATH].endswith("  # here\n\n\ndef test_b():\n    assert 2 == 2\n")
    assert new[PATH].startswith("# a remark\ndef test_a():\n    assert ")
    assert new[PATH] != text


def test_lines_may_end_as_on_windows() -> None:
    with pytest.raises(AssertionError):
        run(mutated("def test_it():\r\n    x = 'ü'\r\n    assert x == 'ü'\r\n"))


def test_an_exception_that_ends_the_run_is_left_alone() -> None:
    text = (
        "import pytest\ndef test_it():\n    with pytest.raises(KeyboardInterrupt):\n        raise KeyboardInterrupt\n"
    )
    with pytest.raises(AssertionError):
        run(mutated(text))


def test_the_halves_are_all_tests_and_differ_each_time() -> None:
    canaries = found("\n".join(f"def test_{n}(): ..." for n in range(9)))
    splits = [split(canaries) for _ in range(20)]
    assert all({*one, *other} == set(canaries) and not {*one} & {*other} for one, other in splits)
    assert len({tuple(sorted(test.id for canary in one for test in canary.tests)) for one, _ in splits}) > 5


def test_tests_that_share_a_function_are_changed_together() -> None:
    text = "class TestA:\n    def test_x(self): ...\nclass TestB(TestA): ...\n"
    for _ in range(5):
        assert sorted(sum(len(canary.tests) for canary in half) for half in split(found(text))) == [0, 2]


ALIKE = [
    "assert f(2) == 4",
    "expected = 4\n    assert f(2) == expected",
    "given, expected = 2, 4\n    assert f(given) == expected",
    "assert f(2) == 2 + 2",
    "assert f('a') == ''.join(['a']) + 'a'",
    "assert f(0.1) == pytest.approx(0.2)",
    "assert not f(2) != 4",
    "check(f(1), 2)",
    "check(b=2, a=f(1))",
    "for given, expected in [(1, 2), (2, 4)]:\n        assert f(given) == expected",
    "if f(2) != 4:\n        pytest.fail('wrong')",
    "with pytest.raises(TypeError, match='unsupported'):\n        f(None)",
    "def inner(total):\n        assert f(1) == total\n    inner(2)",
    "try:\n        assert f(1) == 2\n    finally:\n        pass",
]


@pytest.mark.parametrize("body", ALIKE)
def test_a_change_is_one_character_where_a_literal_is_asked_for(body: str) -> None:
    text = f"{FUNCTION}\ndef test_it():\n    {body}\n"
    for _ in range(4):
        new = mutated(text)
        assert len(new) == len(text)
        assert sum(one != other for one, other in zip(text, new, strict=True)) == 1
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            run(new)


def test_parameters_are_changed_in_every_row() -> None:
    text = (
        "import pytest\n@pytest.mark.parametrize(('a', 'total'), [(1, 2), pytest.param(2, 4, id='x')])\n"
        "def test_it(a, total):\n    assert a + a == total\n"
    )
    (canary,) = found(text)
    assert (canary.strength, len(canary.edits)) == (Strength.ALIKE, 2)
    assert "(a, total):\n    assert a + a == total" in mutated(text)


@pytest.mark.parametrize(
    ("body", "strength"),
    [
        ("n = 2\n    assert f(n) == n + n", Strength.ODD),
        ("assert f(2) == f(1) * 2", Strength.ODD),
        ("assert f(2) > 3", Strength.OPPOSITE),
        ("f(2)", Strength.PLAIN),
    ],
)
def test_a_name_that_is_part_of_the_question_keeps_its_value(body: str, strength: Strength) -> None:
    assert [canary.strength for canary in found(f"{FUNCTION}\ndef test_it():\n    {body}\n")] == [strength]


HELPERS = {
    "a function": "def check(a):\n    assert a > 3\ndef test_a(): check(2 + 2)\ndef test_b(): check(4)\n",
    "a helper of a helper": (
        "def deep(a): assert a\ndef check(a): deep(a)\ndef test_a(): check(4)\ndef test_b(): check(3)\n"
    ),
    "a method": (
        "class TestIt:\n    def check(self, a): assert a > 3\n    def test_a(self): self.check(4)\n"
        "    def test_b(self): self.check(5)\n"
    ),
    "a fixture": (
        "import pytest\n@pytest.fixture\ndef four():\n    assert 2 + 2\n    yield 4\n"
        "def test_a(four): print(four)\ndef test_b(four): print(four)\n"
    ),
    "another file": "from other import check\ndef test_a(): check(4)\ndef test_b(): check(4)\n",
    "a module": "import other\ndef test_a(): other.check(4)\ndef test_b(): other.check(4)\n",
}


@pytest.mark.parametrize("where", HELPERS)
def test_assertions_of_helpers_are_changed_for_all_tests_that_share_them(where: str) -> None:
    other = "def check(a):\n    assert a > 3\n"
    canaries = found(HELPERS[where], other=other)
    assert [canary.strength for canary in canaries if canary.strength is Strength.PLAIN] == []
    assert sorted(map(len, split(canaries))) == [0, 2]
    new = changed({PATH: HELPERS[where], "other.py": other}, canaries)
    assert new != {PATH: HELPERS[where], "other.py": other}


def test_an_assertion_that_cannot_be_seen_is_suspected() -> None:
    hidden = "import numpy\ndef test_it():\n    numpy.testing.assert_array_less([1], [2])\n"
    plain = "from solution import f\ndef test_it():\n    f(1)\n"
    assert [canary.hidden for text in (hidden, plain) for canary in found(text)] == [True, False]


SEVERAL = {
    "statements": ("assert f(1) == 2\n    assert f(2) == 4\n    assert f(3) == 6", 3),
    "literal and computed": ("assert f(1) == 2\n    assert f(2) == f(1) + f(1)\n    assert f(2) > 3", 3),
    "parts of one assertion": ("assert f(1) == 2 and f(2) == 4", 2),
    "parts of a complaint": ("if f(1) != 2 or f(2) != 4:\n        raise AssertionError", 2),
    "rows of a loop": ("for n, total in [(1, 2), (2, 4), (3, 6)]:\n        assert f(n) == total", 3),
    "rows of a loop with a computed answer": ("for n in (1, 2, 3):\n        assert f(n) == n + n", 3),
    "two assertions in two rows": (
        "for n, total in [(1, 2), (2, 4)]:\n        assert f(n) == total\n        assert f(n) == n + n", 4
    ),
    "rows given to a helper": ("for n, total in [(1, 2), (2, 4)]:\n        check(f(n), total)", 2),
    "calls of a helper": ("check(f(1), 2)\n    check(f(2), 4)", 2),
    "one assertion of a helper": ("check(f(1), f(1))\n    check(f(2), f(2))", 1),
    "counting": ("assert f(1) == 2\n    for n in range(3):\n        assert f(n) == n + n", 2),
    "statements of unittest": (
        "import unittest\n    self = unittest.TestCase()\n    self.assertEqual(f(1), 2)\n    self.assertEqual(f(2), 4)",
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", SEVERAL)
def test_each_assertion_and_each_row_of_a_loop_has_a_change_of_its_own(body: str) -> None:
    text = f"{FUNCTION}\ndef test_it():\n    {SEVERAL[body][0]}\n"
    run(text)
    for _ in range(4):
        (canary,) = found(text)
        news = {changed({PATH: text}, [replace(canary, edits=edits)])[PATH] for edits in canary.changes}
        assert len(news) == SEVERAL[body][1]
        for new in news:
            with pytest.raises(AssertionError):
                run(new)


def test_an_answer_that_equals_everything_in_one_row_is_met_by_some_change() -> None:
    row_of_its_own = FUNCTION.replace(
        "def f(x):", "from unittest.mock import ANY\ndef f(x):\n    if x == 3: return ANY"
    )
    for body in ("for n, t in [(1, 2), (2, 4), (3, 6)]:\n        assert f(n) == t", SEVERAL["statements"][0]):
        text = f"{row_of_its_own}\ndef test_it():\n    {body}\n"
        (canary,) = found(text)
        passing = 0
        for edits in canary.changes:
            try:
                run(changed({PATH: text}, [replace(canary, edits=edits)])[PATH])
                passing += 1
            except AssertionError:
                pass
        assert passing == 1


def test_further_runs_change_what_the_first_two_did_not() -> None:
    body = "\n    ".join(f"assert f({n}) == {2 * n}" for n in range(6))
    canaries = found(f"{FUNCTION}\ndef test_a():\n    {body}\ndef test_b():\n    assert f(1) == 2\n")
    for _ in range(9):
        plan = further(canaries)
        assert len(plan) <= MOST - 2
        assert left_out(canaries, canaries) == 5
        assert left_out(canaries, [*canaries, *(canary for part in plan for canary in part)]) == 0
        for canary in canaries:
            assert not all(any(one.owner == canary.owner for one in part) for part in plan), "it is known when"


def test_what_no_further_run_changes_is_counted() -> None:
    body = "\n    ".join(f"assert f({n}) == {2 * n}" for n in range(20))
    canaries = found(f"{FUNCTION}\ndef test_a():\n    {body}\n")
    plan = further(canaries)
    assert len(plan) == MOST - 2
    assert left_out(canaries, [*canaries, *(canary for part in plan for canary in part)]) == 20 - (MOST - 2)


@pytest.mark.parametrize(("functions", "runs"), [(1, 2), (2, 2), (3, 2), (6, 2), (7, 0), (30, 0)])
def test_few_tests_are_changed_again_so_that_guessing_is_rarely_right(functions: int, runs: int) -> None:
    canaries = found("\n".join(f"def test_{n}(): assert len('a') == 1" for n in range(functions)))
    plans = [further(canaries) for _ in range(30)]
    assert {len(plan) for plan in plans} == {runs}
    ways = {tuple(tuple(sorted(one.owner for one in part)) for part in plan) for plan in plans}
    assert len(ways) > 1 or not runs


def test_further_runs_keep_together_what_shares_a_function() -> None:
    text = (
        f"{FUNCTION}\ndef deep(n): assert f(n)\ndef test_a():\n    assert f(1) == 2\n    deep(1)\n"
        "def test_b():\n    assert f(2) == 4\n    deep(2)\n"
    )
    assert all(len(part) in (0, 2) for part in further(found(text)))
