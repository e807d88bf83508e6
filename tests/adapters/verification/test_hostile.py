"""Drafts that would rather be believed than be right."""

import pytest

from stages.models import Grade
from tests.adapters.verification.bench import ADDS, CALC, LIBRARY, RIGHT, Bench, draft

ACCEPTANCE = {"tests/acceptance/test_add.py": ADDS}

FORGERIES = {
    "ends the process well": {"calc.py": "import os\nos._exit(0)\n"},
    "ships a conftest that turns failures into passes": {
        "calc.py": CALC,
        "tests/acceptance/conftest.py": "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\n"
        "def pytest_runtest_makereport():\n    found = yield\n    found.get_result().outcome = 'passed'\n",
    },
    "patches pytest when it is imported": {
        "calc.py": "import _pytest.runner\n_pytest.runner.CallInfo.excinfo = None\n"
        "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n" + CALC,
    },
    "gives what is equal to everything": {
        "calc.py": "class Yes(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n\n\n"
        "def add(a, b):\n    return Yes()\n\n\ndef double(a):\n    return 2 * a\n",
    },
    "ships a sitecustomize": {"calc.py": CALC, "sitecustomize.py": "import os\nos._exit(0)\n"},
    "ships a pytest of its own": {"calc.py": CALC, "pytest.py": "def main(*a, **k):\n    return 0\n"},
    "ships settings that deselect": {"calc.py": CALC, "pytest.ini": "[pytest]\naddopts = -k nothing\n"},
    "skips when it is imported": {"calc.py": "import pytest\npytest.skip('later', allow_module_level=True)\n"},
}


@pytest.mark.parametrize("files", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.slow
def test_a_forgery_is_no_pass(bench: Bench, files: dict[str, str]) -> None:
    trivial = {"tests/test_own.py": "def test_nothing():\n    assert True\n"}
    verdict = bench.verify(bench.item(ACCEPTANCE), draft(files, trivial))
    assert verdict.grade in (Grade.FAILED, Grade.UNVERIFIED), verdict.reason


@pytest.mark.slow
def test_a_draft_that_takes_away_variants_of_a_test_is_not_believed(bench: Bench) -> None:
    cases = CALC + "\n\nCASES = [(0, 0), (1, 2)]\n"
    varied = "import calc, pytest\n\n\n@pytest.mark.parametrize('case', calc.CASES)\n"
    varied += "def test_add(case):\n    assert calc.add(*case) == sum(case)\n"
    item = bench.item({"tests/test_all.py": varied}, library={"calc.py": cases})
    verdict = bench.verify(item, draft({"calc.py": cases.replace(", (1, 2)", "")}))
    assert verdict.grade is Grade.UNVERIFIED
    assert bench.verify(item, draft({"calc.py": cases.replace("a - b", "a + b")})).grade is Grade.SELF_TESTED


@pytest.mark.slow
def test_a_draft_that_rewrites_the_repositorys_tests_is_held_against_the_old_ones(bench: Bench) -> None:
    rewritten = {"tests/test_calc.py": "def test_double():\n    assert True\n", "tests/test_add.py": ADDS}
    verdict = bench.verify(bench.item(library=LIBRARY), draft({"calc.py": RIGHT.replace("2 * a", "a")}, rewritten))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "regression")


def test_a_draft_that_deletes_the_repositorys_tests_is_held_against_them(bench: Bench) -> None:
    item = bench.item(ACCEPTANCE, library=LIBRARY)
    broken = draft({"calc.py": RIGHT.replace("2 * a", "a")}, deleted=("tests/test_calc.py",))
    verdict = bench.verify(item, broken)
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "regression")


@pytest.mark.slow
def test_the_draft_that_is_right_passes_beside_all_of_these(bench: Bench) -> None:
    assert bench.verify(bench.item(ACCEPTANCE, library=LIBRARY), draft({"calc.py": RIGHT})).grade is Grade.PROVEN
