"""Repositories that lay things out in their own way, and upstream tests that come in their own way."""

from pathlib import Path

import pytest

from flows.adapters.layouts import roots
from stages.models import Grade
from tests.adapters.verification import wheels
from tests.adapters.verification.bench import ADDS, CODE, LIBRARY, RIGHT, Bench, draft
from tests.adapters.verification.test_environments import tree

ACCEPTANCE = {"tests/acceptance/test_add.py": ADDS}
PYTHONPATH = "[tool.pytest.ini_options]\npythonpath = ['lib']\n"


def asks(module: str) -> dict[str, str]:
    return {"tests/acceptance/test_f.py": f"from {module} import f\n\n\ndef test_f():\n    assert f() == 3\n"}


@pytest.mark.parametrize(
    ("module", "path", "more"),
    [
        ("foo", "lib/foo.py", {"pyproject.toml": PYTHONPATH}),
        ("yaml.foo", "yaml/foo.py", {}),
        (
            "pkg",
            "pkg/__init__.py",
            {"pkg/__init__.py": "from .old import f\n", "pkg/old.py": "def f():\n    return 1\n"},
        ),
    ],
    ids=["pythonpath", "namespace of an installed name", "package"],
)
@pytest.mark.slow
def test_code_is_found_where_the_repository_has_it(bench: Bench, module: str, path: str, more: dict[str, str]) -> None:
    library = {path: "def f():\n    return 1\n", **more}
    verdict = bench.verify(bench.item(asks(module), library=library), draft({path: "def f():\n    return 3\n"}))
    assert verdict.grade is Grade.PROVEN, verdict.reason


@pytest.mark.slow
def test_a_name_that_a_package_only_gains_by_import_is_a_stub_before(bench: Bench) -> None:
    library = {"pkg/__init__.py": "from .old import o\n", "pkg/old.py": "def o():\n    return 1\n"}
    added = {"pkg/__init__.py": "from .old import o\nfrom .new import f\n", "pkg/new.py": "def f():\n    return 3\n"}
    verdict = bench.verify(bench.item(asks("pkg"), library=library), draft(added))
    assert verdict.grade is Grade.PROVEN, verdict.reason


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", PYTHONPATH),
        ("pytest.ini", "[pytest]\npythonpath = lib\n"),
        ("setup.cfg", "[tool:pytest]\npythonpath = lib\n"),
        ("tox.ini", "[pytest]\npythonpath =\n    lib\n    ../up /etc\n"),
    ],
)
def test_the_pythonpath_of_pytest_is_read(tmp_path: Path, name: str, text: str) -> None:
    assert roots(tree(tmp_path, {name: text})) == ("lib", "src", ".")


@pytest.mark.slow
def test_a_package_with_modules_named_like_pythons_own_is_no_folder_to_import_from(tmp_path: Path) -> None:
    code = {"src/__init__.py": "", "src/calc.py": "", "src/logging.py": ""}
    assert roots(tree(tmp_path / "a", code)) == (".",)
    assert roots(tree(tmp_path / "b", {**code, "pytest.ini": "[pytest]\npythonpath = src\n"})) == ("src", ".")
    assert roots(tree(tmp_path / "c", {"src/__init__.py": "", "src/calc.py": ""})) == ("src", ".")
    assert roots(tree(tmp_path / "d", {"src/logging.py": ""})) == ("src", ".")


def test_data_of_the_tests_lies_where_a_program_in_the_top_folder_finds_it(bench: Bench) -> None:
    test = "from calc import add\n\n\ndef test_a():\n    assert add(1, 2) == int(open('tests/data.txt').read())\n"
    given = {"tests/acceptance/test_a.py": test, "tests/data.txt": "3"}
    verdict = bench.verify(bench.item(given), draft({"calc.py": RIGHT, "tests/data.txt": "-1"}))
    assert verdict.grade is Grade.PROVEN, verdict.reason


@pytest.mark.slow
def test_plugins_that_the_repository_requires_are_there_and_a_drafts_are_not(bench: Bench, index: Path) -> None:
    plugin = "import pytest\n\n\n@pytest.fixture\ndef three():\n    return 3\n"
    wheels.make(index, "planted", "3.0", plugin, entry_points="[pytest11]\nplanted = planted\n")
    given = {
        "tests/acceptance/test_a.py": "from calc import add\n\n\ndef test_a(three):\n    assert add(1, 2) == three\n"
    }
    item = bench.item(given, library=CODE | {"requirements.txt": "planted\n"})
    assert bench.verify(item, draft({"calc.py": RIGHT})).grade is Grade.PROVEN
    forged = draft({"planted.py": plugin.replace("3", "-1")})
    assert bench.verify(item, forged).grade is Grade.UNVERIFIED


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"acceptance/check_add.py": ADDS}, "acceptance/check_add.py"),
        ({**ACCEPTANCE, "tests/x.test.js": "fail()"}, "tests/x.test.js"),
    ],
)
@pytest.mark.slow
def test_given_tests_that_are_not_run_are_named(bench: Bench, given: dict[str, str], left: str) -> None:
    verdict = bench.verify(bench.item(given), draft({"calc.py": RIGHT}))
    assert verdict.grade in (Grade.SELF_TESTED, Grade.UNVERIFIED)
    assert f"Given tests that were not run: {left}." in verdict.reason


@pytest.mark.slow
def test_a_verdict_says_that_the_repositorys_own_conftest_took_part(bench: Bench) -> None:
    library = LIBRARY | {"tests/conftest.py": "import pytest\n"}
    verdict = bench.verify(bench.item(ACCEPTANCE, library=library), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.PROVEN
    assert "own conftest.py took part" in verdict.reason
