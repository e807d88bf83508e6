"""What a change adds is there before it, and does nothing."""

import asyncio
from typing import Any

from stages.before import before


def names(text: str) -> dict[str, Any]:
    """What a module of that text defines."""
    found: dict[str, Any] = {}
    exec(compile(text, "before.py", "exec", dont_inherit=True), found)
    return found


def test_a_new_file_is_a_stub() -> None:
    found = names(before({}, {"a.py": "def f(x, y=2):\n    return x + y\n"})["a.py"])
    assert found["f"](1) is None


def test_a_changed_file_stays_as_it_was() -> None:
    old = "def f(x):\n    return x\n"
    assert before({"a.py": old}, {"a.py": "def f(x):\n    return x + 1\n"}) == {"a.py": old}


def test_what_a_changed_file_gains_is_there_as_a_stub() -> None:
    old = "LIMIT = 3\n\ndef f(x):\n    return x"
    new = """
from decimal import Decimal
LIMIT = 4
MORE = 5
def f(x):
    return x + 1
async def g(x: Gone, y: Decimal = Decimal(2)) -> Gone:
    return x
class C:
    size: Gone = 1
    def m(self, x: Gone):
        return x
"""
    found = names(before({"a.py": old}, {"a.py": new})["a.py"])
    assert (found["LIMIT"], found["f"](1), found["C"]().m(3), found["MORE"]) == (3, 1, None, None)
    assert asyncio.run(found["g"](1)) is None


def test_other_files_and_broken_ones_are_left_alone() -> None:
    assert before({}, {"a.md": "# a"}) == {}
    assert before({"a.py": "def f(:"}, {"a.py": "def g(): pass"}) == {"a.py": "def f(:"}
    assert before({"a.py": "x = 1\n"}, {"a.py": "def g(:"}) == {"a.py": "x = 1\n"}


def test_what_a_changed_file_only_imports_is_there_too() -> None:
    found = names(before({"a.py": "import os\n"}, {"a.py": "import os\nimport gone\nfrom json import dumps\n"})["a.py"])
    assert found["dumps"](1) == "1"
    assert "gone" not in found
