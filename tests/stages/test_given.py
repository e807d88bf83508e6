"""What is read in tests that were given."""

import pytest

from stages.given import cases_of_code, imported, left_out

TEST = "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"


def test_imports_that_tests_cannot_do_without() -> None:
    text = "import a.b, c\nfrom d.e import f\nfrom . import g\ntry:\n    import h\nexcept ImportError:\n    pass\n"
    text += "def test_x():\n    import i\n"
    assert imported({"test_a.py": text, "b.py": "import z"}, ["test_a.py"]) == {"a", "c", "d"}
    assert imported({"test_a.py": "def ("}, ["test_a.py"]) == frozenset()


@pytest.mark.parametrize("path", ["acceptance/check_add.py", "tests/spec_add.py"])
def test_tests_by_another_name_are_left_out(path: str) -> None:
    assert left_out({path: TEST, "tests/conftest.py": TEST, "tests/data.txt": "3"}, (), False) == (path,)


def test_a_helper_of_other_tests_is_not_left_out() -> None:
    files = {"tests/base.py": "class TestBase:\n    pass\n", "tests/test_a.py": "from tests.base import TestBase\n"}
    assert left_out(files, ["tests/test_a.py"], False) == ()


@pytest.mark.parametrize(("by_command", "paths"), [(True, ()), (False, ("a.test.js",))])
def test_another_language_is_left_out_unless_a_command_runs_it(by_command: bool, paths: tuple[str, ...]) -> None:
    assert left_out({"test_a.py": TEST, "a.test.js": "x", "lib/a.js": "x"}, ["test_a.py"], by_command) == paths


@pytest.mark.parametrize(
    ("cases", "found"),
    [
        ("calc.CASES", True),
        ("[*CASES]", True),
        ("MORE", True),
        ("[c for c in CASES]", True),
        ("[(1, 2), (3, 4)]", False),
        ("[calc.add, calc.double]", False),
        ("OURS", False),
    ],
)
def test_cases_that_come_from_the_code(cases: str, found: bool) -> None:
    text = "import calc, pytest\nfrom calc import CASES\nMORE = list(CASES)\nOURS = [1]\n\n\n"
    text += f"@pytest.mark.parametrize('c', {cases})\ndef test_a(c):\n    assert calc.add(c)\n"
    assert cases_of_code({"test_a.py": text}, ["test_a.py"], ["calc"]) == (("test_a",) if found else ())
    fixture = text.replace(f"mark.parametrize('c', {cases})", f"fixture(params={cases})")
    assert bool(cases_of_code({"test_a.py": fixture}, ["test_a.py"], ["calc"])) is found
