"""Every grade, and each of the three that decide, from real confined runs."""

import sys
import tempfile
from pathlib import Path

import pytest

from flows.adapters import verification
from stages.errors import SandboxBroken, Unusable
from stages.models import Grade
from tests.adapters.git_repositories import commit, make
from tests.adapters.verification.bench import ADDS, CALC, LIBRARY, RIGHT, Bench, draft

ACCEPTANCE = {"tests/acceptance/test_add.py": ADDS}
CHECK = "python -c 'import calc'"
OWN = {"tests/test_add.py": ADDS}


def test_acceptance_tests_that_failed_and_pass_prove_a_draft(bench: Bench) -> None:
    verdict = bench.verify(bench.item(ACCEPTANCE, library=LIBRARY), draft({"calc.py": RIGHT}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.PROVEN, "acceptance tests")
    states = {test.id: (test.before, test.after) for test in verdict.tests}
    assert states["tests/acceptance/test_add.py::test_add"] == ("failed", "passed")
    assert states["tests/acceptance/test_add.py::test_zero"] == ("passed", "passed")
    assert states["tests/test_add.py::test_add"] == ("failed", "passed")
    assert verdict.mechanism.startswith(("landlock", "bubblewrap"))
    assert verdict.canaries
    assert verdict.seconds > 0


def test_acceptance_tests_that_fail_make_it_failed(bench: Bench) -> None:
    wrong = CALC.replace("a - b", "a + b if a else 7")
    verdict = bench.verify(bench.item(ACCEPTANCE), draft({"calc.py": wrong}))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "tests/acceptance/test_add.py::test_zero" in verdict.reason
    assert "assert 7 == 0" in verdict.output
    assert {(t.id.rpartition("::")[2], t.before, t.after) for t in verdict.tests} == {
        ("test_add", "failed", "passed"),
        ("test_zero", "passed", "failed"),
    }


@pytest.mark.slow
def test_the_evidence_is_the_same_each_time(bench: Bench) -> None:
    item, wrong = bench.item(ACCEPTANCE, check=CHECK), draft({"calc.py": "import gone\n"}, OWN)
    one, other = (bench.verify(item, wrong).model_copy(update={"seconds": 0.0}) for _ in range(2))
    assert one == other
    assert "autocoder-sandbox" not in one.model_dump_json()
    assert sys.base_prefix not in one.model_dump_json()


def test_acceptance_tests_that_run_out_of_time_make_it_failed(tmp_path: Path, bench: Bench) -> None:
    hurried = Bench(tmp_path / "hurried", wall_seconds=2)
    endless = CALC.replace("return a - b", "while True: pass")
    verdict = hurried.verify(hurried.item(ACCEPTANCE), draft({"calc.py": endless}))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "out of time" in verdict.reason


def test_a_regression_makes_it_failed_and_is_named(bench: Bench) -> None:
    verdict = bench.verify(bench.item(ACCEPTANCE, library=LIBRARY), draft({"calc.py": RIGHT.replace("2 * a", "a")}))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "regression")
    assert verdict.broke == ("tests/test_calc.py::test_double",)
    assert "assert 2 == 4" in verdict.output


@pytest.mark.slow
def test_a_package_that_cannot_be_imported_any_more_breaks_its_suite(bench: Bench) -> None:
    verdict = bench.verify(bench.item(library=LIBRARY), draft({"calc.py": "import gone\n"}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "regression")


def test_own_tests_make_it_self_tested(bench: Bench) -> None:
    verdict = bench.verify(bench.item(), draft({"calc.py": RIGHT}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")


@pytest.mark.parametrize(
    "given", ["from calc import add\nglobals()['test_add'] = lambda: add(1, 2)\n", "def test_a(:\n"]
)
def test_own_tests_do_not_stand_for_acceptance_tests_that_are_not_seen(bench: Bench, given: str) -> None:
    item = bench.item({"tests/test_given.py": given})
    verdict = bench.verify(item, draft({"calc.py": RIGHT}, {"tests/test_add.py": ADDS}))
    assert verdict.grade is Grade.UNVERIFIED
    assert "test_given.py" in verdict.reason


def test_a_draft_that_contradicts_its_own_tests_failed(bench: Bench) -> None:
    verdict = bench.verify(bench.item(), draft({"calc.py": CALC + "\n\nMORE = 1\n"}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "own tests")


def test_tests_that_pass_without_the_change_leave_it_at_applies(bench: Bench) -> None:
    same = {"tests/test_add.py": "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"}
    verdict = bench.verify(bench.item(same), draft({"calc.py": RIGHT}, same))
    assert (verdict.grade, verdict.by) == (Grade.APPLIES, "")
    assert "prove nothing" in verdict.reason


def test_new_files_are_held_against_a_stub(bench: Bench) -> None:
    own = {"test_twice.py": "from twice import twice\n\n\ndef test_twice():\n    assert twice(2) == 4\n"}
    item = bench.item(library=None)
    verdict = bench.verify(item, draft({"twice.py": "def twice(x):\n    return 2 * x\n"}, own))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert [(t.before, t.after) for t in verdict.tests] == [("failed", "passed")]


def test_tests_that_a_stub_passes_prove_nothing(bench: Bench) -> None:
    own = {"test_twice.py": "import twice\n\n\ndef test_twice():\n    assert callable(twice.twice)\n"}
    verdict = bench.verify(bench.item(library=None), draft({"twice.py": "def twice(x):\n    return 2 * x\n"}, own))
    assert verdict.grade is Grade.APPLIES


@pytest.mark.slow
def test_a_name_that_an_existing_file_gains_is_a_stub_before(bench: Bench) -> None:
    given = {"tests/acceptance/test_half.py": "from calc import half\n\n\ndef test_half():\n    assert half(4) == 2\n"}
    verdict = bench.verify(bench.item(given), draft({"calc.py": CALC + "\n\ndef half(a):\n    return a // 2\n"}))
    assert verdict.grade is Grade.PROVEN
    assert [(t.before, t.after) for t in verdict.tests] == [("failed", "passed")]


@pytest.mark.slow
def test_acceptance_tests_may_use_the_repositorys_own_fixtures(bench: Bench) -> None:
    fixture = "import pytest\n\n\n@pytest.fixture\ndef three():\n    return 3\n"
    library = LIBRARY | {"tests/conftest.py": fixture}
    given = {"tests/test_more.py": "from calc import add\n\n\ndef test_add(three):\n    assert add(1, 2) == three\n"}
    verdict = bench.verify(bench.item(given, library=library), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.PROVEN


@pytest.mark.slow
def test_tests_that_want_a_network_say_nothing(bench: Bench) -> None:
    online = "import socket\n\n\ndef test_online():\n    socket.create_connection(('127.0.0.1', 9))\n"
    verdict = bench.verify(bench.item({"tests/acceptance/test_online.py": online}), draft({"calc.py": RIGHT}))
    assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
    assert "network" in verdict.reason


@pytest.mark.slow
def test_a_module_that_is_not_installed_is_no_fault_of_the_draft(bench: Bench) -> None:
    needy = {"tests/acceptance/test_needy.py": "import not_installed_anywhere\n\n\ndef test_it():\n    pass\n"}
    library = LIBRARY | {"more.py": "def more():\n    import not_installed_anywhere\n"}
    verdict = bench.verify(bench.item(needy, library=library), draft({"calc.py": RIGHT}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "not_installed_anywhere" in verdict.reason


def test_without_a_confinement_nothing_is_executed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "choose", lambda: "No Landlock here. Get a newer kernel.")
    verdict = bench.verify(bench.item(ACCEPTANCE), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.UNVERIFIED
    assert verdict.reason == "Nothing was executed: No Landlock here. Get a newer kernel."
    assert (verdict.mechanism, verdict.tests) == ("", ())
    assert bench.verification.mechanism == "No Landlock here. Get a newer kernel."


def test_a_broken_sandbox_is_raised_and_blamed_on_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.adapters.sandbox import session

    monkeypatch.setattr(session, "START", Path("/nonexistent/start.py"))
    with pytest.raises(SandboxBroken):
        bench.verify(bench.item(ACCEPTANCE), draft({"calc.py": RIGHT}))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"calc.py": RIGHT}, "It applies and compiles."),
        ({"main.go": "func main( {"}, "It applies."),
        ({"calc.py": RIGHT, "main.go": "func main( {"}, "It applies."),
        ({"calc.py": "return 1\n"}, "It applies."),
    ],
)
def test_what_nothing_compiled_is_not_said_to_compile(bench: Bench, files: dict[str, str], told: str) -> None:
    verdict = bench.verify(bench.item(), draft(files))
    assert (verdict.grade, verdict.reason) == (Grade.APPLIES, f"{told} No test could decide more.")


def test_what_a_killed_verification_left_goes_with_the_next(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (temporary / f"{verification.PLACE}locked-abc/untouched").mkdir(parents=True)
    bench.verify(bench.item(), draft({"calc.py": RIGHT}))
    assert list(temporary.iterdir()) == []


def test_a_draft_that_changes_what_is_no_utf8_text_is_unusable(bench: Bench, tmp_path: Path) -> None:
    repository = tmp_path / "latin"
    commit(make(repository), {"calc.py": CALC})
    (repository / "calc.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n".encode("latin-1"))
    item = bench.item().model_copy(update={"repository": "latin", "revision": commit(repository, {"more.py": ""})})
    with pytest.raises(Unusable, match=r"changes calc\.py, which is not UTF-8 text"):
        bench.verify(item, draft({"calc.py": RIGHT}, OWN))
