"""Drafts that break what the repository's own tests hold, and would rather not be told so."""

import json
from pathlib import Path

import pytest

from flows.adapters.suite_reading import read
from flows.adapters.trees import files_of_tests, restore, write
from stages.models import Grade
from tests.adapters.verification.bench import ADDS, CALC, LIBRARY, RIGHT, Bench, draft

ADD = {"tests/acceptance/test_add.py": ADDS}
DOUBLE = "tests/test_calc.py::test_double"
LATER = {"tests/test_later.py": "from calc import double\n\n\ndef test_later():\n    assert double(3) == 6\n"}
EVIL = "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n    found = yield\n"
EVIL += "    found.get_result().outcome = 'passed'\n"
REPORTS = "import json, os\n    for when in ('setup', 'call', 'teardown'):\n"
REPORTS += f"        os.write(3, json.dumps(['{DOUBLE}', when, 'passed']).encode() + b'\\n')\n    os._exit(0)"
"""What writes the lines of a report itself."""
EARLY = f"""import json, os
word = os.environ.get("SUITE_REPORT", "")
for test in ("{DOUBLE}", "tests/test_calc.py::test_add"):
    for when in ("setup", "call", "teardown"):
        os.write(3, json.dumps([word, test, when, "passed"]).encode() + b"\\n") if word else None
os.write(3, json.dumps([word]).encode() + b"\\n") if word else None
os._exit(0) if word else None
"""
"""The same before anything of ours is imported."""


def doubling(body: str) -> str:
    """The right code, with this instead of `return 2 * a`."""
    return RIGHT.replace("return 2 * a", body)


# --- confined runs ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "import os; os._exit(0)",
        "import ctypes; ctypes.string_at(0)",
        "import unittest; raise unittest.SkipTest('later')",
    ],
    ids=["exits", "crashes", "skips"],
)
def test_a_test_that_does_not_end_well_is_broken_and_alone_accused(bench: Bench, body: str) -> None:
    library = LIBRARY | {"tests/test_later.py": "def test_later():\n    assert True\n"}
    verdict = bench.verify(bench.item(library=library), draft({"calc.py": doubling(body)}))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", (DOUBLE,))


@pytest.mark.slow
def test_a_test_whose_subtest_fails_is_broken(bench: Bench) -> None:
    test = "import unittest\n\nimport calc\n\n\nclass TestAll(unittest.TestCase):\n    def test_all(self):\n"
    test += "        for n in (1, 2):\n            with self.subTest(n=n):\n"
    test += "                self.assertEqual(calc.double(n), 2 * n)\n"
    item = bench.item(library={"calc.py": RIGHT, "tests/test_all.py": test})
    verdict = bench.verify(item, draft({"calc.py": doubling("return a")}))
    assert (verdict.grade, verdict.broke) == (Grade.FAILED, ("tests/test_all.py::TestAll::test_all",))


@pytest.mark.slow
def test_a_test_that_never_ends_is_broken_and_alone_accused(tmp_path: Path, bench: Bench) -> None:
    hurried = Bench(tmp_path / "hurried", suite_seconds=15)
    verdict = hurried.verify(
        hurried.item(library=LIBRARY | LATER), draft({"calc.py": doubling("import time; time.sleep(99)")})
    )
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", (DOUBLE,))


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p evil'\n", "evil.py": EVIL},
        {"conftest.py": EVIL},
        {"tests/conftest.py": EVIL},
        {"pytest.ini": "[pytest]\naddopts = -k nothing\n"},
        {"src/sitecustomize.py": EARLY},
        {"pytest.py": EARLY},
        {"pluggy.py": EARLY},
    ],
    ids=["plugin", "conftest", "conftest of the tests", "options", "at the start", "for pytest", "below pytest"],
)
@pytest.mark.slow
def test_a_draft_has_no_say_in_how_the_suite_is_run(bench: Bench, files: dict[str, str]) -> None:
    verdict = bench.verify(bench.item(library=LIBRARY), draft({"calc.py": doubling("return a"), **files}))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", (DOUBLE,))


OF_CHECKS = {"pyproject.toml": "[tool.pytest.ini_options]\npython_files = ['check_*.py', 'tests.py', '*_tests.py']\n"}


@pytest.mark.parametrize("path", ["app/tests.py", "calc_tests.py", "checks/check_calc.py"])
@pytest.mark.slow
def test_a_draft_has_no_say_in_what_the_suite_holds(bench: Bench, path: str) -> None:
    test = LIBRARY["tests/test_calc.py"]
    item = bench.item(ADD, library={"calc.py": CALC, path: test, **OF_CHECKS})
    gutted = draft({"calc.py": doubling("return a"), path: test.replace("== 4", "== 2")})
    verdict = bench.verify(item, gutted)
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", (f"{path}::test_double",))


@pytest.mark.slow
def test_a_file_of_code_with_doctests_is_the_drafts(bench: Bench) -> None:
    spoken = CALC.replace("def double(a):\n", 'def double(a):\n    """\n    >>> double(2)\n    4\n    """\n')
    settings = {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--doctest-modules'\n"}
    verdict = bench.verify(
        bench.item(library={"calc.py": spoken, **settings}), draft({"calc.py": spoken.replace("2 * a", "a")})
    )
    assert (verdict.by, verdict.broke) == ("regression", ("calc.py::calc.double",))


# --- trees -----------------------------------------------------------------------------------------


def test_files_are_known_by_the_tests_that_they_define(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("# ruff: noqa\nclass Suite:\n    pass\n\n\ndef check(): pass\n")
    (tmp_path / "case.yaml").write_text("name: it works\n")
    (tmp_path.parent / "out.py").write_text("def check(): pass\n")
    assert files_of_tests(["a.py::Suite::inherited"], tmp_path) == {"a.py"}
    assert files_of_tests(["a.py::check[x::y]", "case.yaml::it works"], tmp_path) == {"a.py", "case.yaml"}
    assert not files_of_tests(["a.py::a", "a.py::a.check", "a.py::ruff", "a.py", "../out.py::check"], tmp_path)


@pytest.mark.parametrize("there", ["checks", "checks/a.py/b.py", "checks/a.py", ""])
def test_a_file_is_restored_whatever_a_draft_put_in_its_way(tmp_path: Path, there: str) -> None:
    write(tmp_path / "old", {"checks/a.py": "old"})
    write(tmp_path / "new", {"x": "", **({there: "new"} if there else {})})
    restore(tmp_path / "new", tmp_path / "old", "checks/a.py")
    assert (tmp_path / "new/checks/a.py").read_text() == "old"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", [REPORTS, "import os; os.write(3, b'x' * 20_000_000); return a"], ids=["lines of its own", "a flood"]
)
def test_a_report_that_the_code_meddles_with_is_no_pass(bench: Bench, body: str) -> None:
    verdict = bench.verify(bench.item(library=LIBRARY), draft({"calc.py": doubling(body)}))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.UNVERIFIED, "", ())
    assert (
        f"not seen to pass now (its report holds what the suite did not write, or is cut): {DOUBLE}" in verdict.reason
    )


@pytest.mark.slow
def test_a_suite_that_runs_out_of_time_before_the_change_is_told_and_run_once(tmp_path: Path, bench: Bench) -> None:
    hurried = Bench(tmp_path / "hurried", suite_seconds=8)
    slow = {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(99)\n"}
    verdict = hurried.verify(hurried.item(library=LIBRARY | slow), draft({"calc.py": RIGHT}))
    assert (verdict.grade, verdict.broke) == (Grade.APPLIES, ())
    assert "(pytest) ran out of time before the change" in verdict.reason
    assert len(list((hurried.settings.home / "suites").glob("*.json"))) == 1


# --- reports ---------------------------------------------------------------------------------------


def lines(*facts: list[str]) -> bytes:
    return b"".join(json.dumps(["w", *line]).encode() + b"\n" for line in facts)


def whole(test: str) -> list[list[str]]:
    return [[test, when, "passed"] for when in ("setup", "call", "teardown")]


def test_a_test_passed_if_all_its_phases_did() -> None:
    told = read(lines(*whole("a"), ["b", "setup", "passed"], []), "w")
    assert (told.tests, told.ended, told.fault) == ({"a": "passed", "b": "crashed"}, True, "")


@pytest.mark.parametrize(
    ("phases", "state"),
    [
        ({"setup": "passed", "call": "failed", "teardown": "passed"}, "failed"),
        ({"setup": "failed", "teardown": "passed"}, "error"),
        ({"setup": "passed", "call": "passed", "teardown": "failed"}, "error"),
        ({"setup": "skipped", "teardown": "passed"}, "skipped"),
        ({"setup": "passed", "call": "xskipped", "teardown": "passed"}, "xfailed"),
        ({"setup": "passed", "call": "passed"}, "crashed"),
    ],
)
def test_a_test_has_one_word(phases: dict[str, str], state: str) -> None:
    assert read(lines(*(["a", *phase] for phase in phases.items())), "w").tests == {"a": state}


def test_a_subtest_that_fails_fails_its_test() -> None:
    failed = [["a", "subtest", "failed"]]
    assert read(lines(*failed, *failed, *whole("a")), "w").tests == {"a": "failed"}


def test_a_test_that_a_plugin_runs_again_counts_by_its_last_run() -> None:
    first = [["a", "setup", "passed"], ["a", "call", "rerun"]]
    assert read(lines(*first, *whole("a")), "w").tests == {"a": "passed"}


@pytest.mark.parametrize(
    "report",
    [
        lines(*whole("a"), ["a", "call", "passed"]),
        lines(*whole("a"), [], ["b", "setup", "passed"]),
        lines(["a", "some phase", "passed"]),
        lines(*whole("a"))[:-1],
        b'["v", "a", "call", "passed"]\n',
        b'["a", "call", "passed"]\n',
        b'["w", "a", 1, "passed"]\n',
        b"xxx\n",
        b"[" * 99_999 + b"\n",
    ],
)
def test_what_no_honest_run_reports_voids_it(report: bytes) -> None:
    told = read(report, "w")
    assert told.tests == {}
    assert told.fault
