"""Stubs are run here: they are made of text that stands in this file."""

import inspect
import sys
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from stages.stubs import stub_of


def run(text: str) -> dict[str, Any]:
    """The names that a stub of this text defines."""
    module = sys.modules["stubbed"] = ModuleType("stubbed")
    exec(compile(stub_of({"m.py": dedent(text)})["m.py"], "m.py", "exec"), vars(module))
    return vars(module)


def test_functions_keep_their_signature_and_return_none() -> None:
    stub = run("def f(a, /, b: int = 3, *rest: str, c=(1, 2), **more) -> list[int]:\n    return [a] * b")
    assert stub["f"](7) is None
    assert str(inspect.signature(stub["f"])) == "(a, /, b: 'int' = 3, *rest: 'str', c=(1, 2), **more) -> 'list[int]'"


def test_nothing_of_the_content_is_left_or_run() -> None:
    text = "import os\nprint('loud')\nLIMIT = 5\nos.environ['X'] = '1'\nfor i in range(3): TOTAL = i\ndel i\n"
    stub = stub_of({"m.py": text})["m.py"]
    assert "loud" not in stub
    assert "environ" not in stub
    assert run(text)["LIMIT"] is None


def test_classes_keep_methods_properties_and_fields() -> None:
    stub = run("""
        from dataclasses import dataclass, field
        @dataclass
        class Point:
            x: int
            tags: list[str] = field(default_factory=lambda: ["a"])
            def norm(self): return abs(self.x)
            @property
            def far(self): return self.x > 9
            @classmethod
            def origin(cls): return cls(0)
    """)
    point = stub["Point"](3)
    assert (point.x, point.tags, point.norm(), point.far, stub["Point"].origin()) == (3, None, None, None, None)


def test_enumerations_keep_their_members() -> None:
    stub = run(
        "from enum import Enum\nclass Color(Enum):\n    RED = 'r'\n    def loud(self): return self.value.upper()"
    )
    assert stub["Color"]("r").loud() is None


def test_exceptions_can_still_be_raised() -> None:
    stub = run("class Bad(ValueError):\n    '''It is bad.'''")
    with pytest.raises(stub["Bad"]):
        raise stub["Bad"]


def test_generators_give_nothing_and_coroutines_stay_coroutines() -> None:
    stub = run("def g():\n    yield 1\n    return 2\nasync def c():\n    return 3\nasync def a():\n    yield 4")
    assert list(stub["g"]()) == []
    assert inspect.iscoroutinefunction(stub["c"])
    assert inspect.isasyncgenfunction(stub["a"])


def test_a_function_that_defines_a_generator_is_none_itself() -> None:
    assert run("def f():\n    def g():\n        yield 1\n    return g")["f"]() is None


def test_decorators_that_run_code_are_dropped() -> None:
    stub = run("import functools\ndef loud(f):\n    return 1 / 0\n@loud\n@functools.cache\ndef f(x): return x")
    assert stub["f"](1) is None


def test_defaults_that_name_something_become_none() -> None:
    assert run("LIMIT = 5\ndef f(n=LIMIT, m=[]): return n")["f"].__defaults__ == (None, [])


def test_imports_under_a_condition_stay_under_it() -> None:
    stub = run("""
        from __future__ import annotations
        import sys
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from nowhere import Nothing
        try:
            import no_such_module_at_all as fast
        except ImportError:
            fast = None
        if sys.version_info < (3,):
            def old(): return 1
        def f(n: Nothing) -> Nothing: return n
        if __name__ == "__main__":
            f(1)
    """)
    assert stub["fast"] is None
    assert "old" not in stub
    assert stub["f"](1) is None


def test_aliases_of_types_and_the_list_of_names_stay() -> None:
    stub = run(
        "from typing import TypeVar\n__all__ = ['f']\nT = TypeVar('T')\nPair = tuple[int, int]\nf = lambda a, b=2: a"
    )
    assert stub["__all__"] == ["f"]
    assert stub["Pair"] == tuple[int, int]
    assert stub["f"](1) is None


def test_several_names_at_once_become_none_each() -> None:
    stub = run("A, B = 1, 2\nC = D = 3")
    assert (stub["A"], stub["B"], stub["C"], stub["D"]) == (None, None, None, None)


def test_other_files_stay_and_what_cannot_be_parsed_becomes_empty() -> None:
    assert stub_of({"a.json": "{}", "b.py": "def ("}) == {"a.json": "{}", "b.py": ""}
