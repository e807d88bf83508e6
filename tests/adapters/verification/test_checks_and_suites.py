"""A finding's own command, and a repository's own tests."""

from pathlib import Path

import pytest

from flows.adapters.regressions import SuiteCache, regressions
from flows.adapters.suites import command_of
from flows.adapters.trees import Trees
from stages.evidence import Run
from stages.models import Grade
from tests.adapters.verification.bench import ADDS, CALC, CODE, LIBRARY, RIGHT, Bench, draft

CHECK = 'python -c "from calc import add; assert add(1, 2) == 3"'
OWN = {"tests/test_add.py": ADDS}
MORE = {"tests/test_more.py": "from calc import MORE\n\n\ndef test_more():\n    assert MORE == 1\n"}


# --- check -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [CHECK, f"cd . && {CHECK}", "! grep -n 'a - b' calc.py"])
def test_a_check_that_shows_the_finding_no_longer_makes_it_self_tested(bench: Bench, check: str) -> None:
    verdict = bench.verify(bench.item(check=check), draft({"calc.py": RIGHT}))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "acceptance tests")
    assert [(t.id, t.before, t.after) for t in verdict.tests] == [(f"check: {check}", "failed", "passed")]


@pytest.mark.slow
def test_a_check_takes_nothing_from_acceptance_tests_that_prove(bench: Bench) -> None:
    item = bench.item({"tests/acceptance/test_add.py": ADDS}, check=CHECK)
    assert bench.verify(item, draft({"calc.py": RIGHT})).grade is Grade.PROVEN


@pytest.mark.slow
def test_an_exit_code_that_a_draft_may_choose_does_not_prove(bench: Bench) -> None:
    verdict = bench.verify(bench.item(check=CHECK), draft({"calc.py": "import os\nos._exit(0)\n"}))
    assert verdict.grade is Grade.SELF_TESTED


@pytest.mark.parametrize(
    "check",
    [
        "test -f health.py",
        'python -c "import health"',
        'grep -q "def sub" calc.py',
        "python calc.py && test -f health.py",
    ],
)
@pytest.mark.slow
def test_a_check_is_held_against_the_untouched_code(bench: Bench, check: str) -> None:
    added = {"health.py": "def ok():\n    return True\n", "calc.py": CALC + "\n\ndef sub(a, b):\n    return a - b\n"}
    verdict = bench.verify(bench.item(check=check, file="calc.py"), draft(added))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "acceptance tests")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "shipped"),
    [
        ("python -m no_such_scanner calc.py", "no_such_scanner.py"),
        ("python -m pip no-such-command", "pip.py"),
        ("sh check.sh", "check.sh"),
        ("python -m compileall no-such-file", "sitecustomize.py"),
    ],
)
def test_a_tool_that_the_draft_brings_along_says_nothing(bench: Bench, check: str, shipped: str) -> None:
    text = "import os\nos._exit(0)\n" if shipped.endswith(".py") else "exit 0\n"
    verdict = bench.verify(bench.item(check=check), draft({"calc.py": CALC + "\n\nMORE = 1\n", shipped: text}, MORE))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "the draft brings along" in verdict.reason


@pytest.mark.parametrize(
    ("check", "files"),
    [
        ("python -m pytest -q tests/test_add.py", {"pytest.ini": "[pytest]\naddopts = --collect-only\n"}),
        ("pytest -q", {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--deselect tests/test_add.py'\n"}),
    ],
    ids=["collects", "deselects"],
)
@pytest.mark.slow
def test_settings_of_a_tool_that_let_its_check_pass_prove_nothing(
    bench: Bench, check: str, files: dict[str, str]
) -> None:
    item = bench.item(check=check, library={**CODE, "tests/test_add.py": ADDS, "tests/test_ok.py": "def test(): ...\n"})
    verdict = bench.verify(item, draft({"notes.py": "NOTES = 1\n", **files}))
    assert verdict.grade not in (Grade.PROVEN, Grade.SELF_TESTED)
    assert f"it passes only with what the draft did to {next(iter(files))}" in verdict.reason


def test_a_checker_of_the_repository_that_the_draft_guts_says_nothing(bench: Bench) -> None:
    item = bench.item(check="python find.py", library={**CODE, "find.py": "import calc\nassert calc.add(1, 2) == 3\n"})
    verdict = bench.verify(item, draft({"calc.py": CALC + "\n\nMORE = 1\n", "find.py": "pass\n"}))
    assert verdict.grade is Grade.UNVERIFIED
    assert "the draft brings along or rewrites find.py" in verdict.reason
    assert bench.verify(item, draft({"calc.py": RIGHT})).grade is Grade.SELF_TESTED


def test_what_the_code_says_of_absent_tools_is_no_excuse(bench: Bench) -> None:
    loud = draft({"calc.py": CALC + "\n\nprint('frobnicate: not found')\nMORE = 1\n"}, MORE)
    verdict = bench.verify(bench.item(check=CHECK), loud)
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")


@pytest.mark.parametrize(
    "ask",
    [
        "urllib.request; urllib.request.urlopen('http://example.com')",
        "socket; socket.create_connection(('1.1.1.1', 80))",
    ],
)
@pytest.mark.slow
def test_a_check_that_wants_a_network_says_nothing(bench: Bench, ask: str) -> None:
    verdict = bench.verify(bench.item(check=f'python -c "import {ask}"'), draft({"calc.py": RIGHT}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "what the sandbox does not give" in verdict.reason


def test_a_check_that_still_shows_the_finding_makes_it_failed(bench: Bench) -> None:
    verdict = bench.verify(bench.item(check=CHECK), draft({"calc.py": CALC + "\n\nMORE = 1\n"}))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "AssertionError" in verdict.output


def test_a_check_that_never_showed_the_finding_proves_nothing(bench: Bench) -> None:
    verdict = bench.verify(bench.item(check="python -c pass"), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.APPLIES


@pytest.mark.parametrize(
    "check",
    [
        "no-such-scanner calc.py",
        "python -m no_such_scanner",
        "true && no-such-scanner",
        "'",
        "! nosuchtool x",
        "nosuchtool x | grep -c e | grep -q 0",
    ],
)
@pytest.mark.slow
def test_a_check_without_its_tool_says_nothing(bench: Bench, check: str) -> None:
    verdict = bench.verify(bench.item(check=check), draft({"calc.py": RIGHT}, OWN))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "The finding's check: nothing can be said" in verdict.reason


# --- suites ----------------------------------------------------------------------------------------


class Told:
    """A suite whose runs come out as told."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)

    def run(self, command: str, tree: Path) -> Run:
        state = self.states.pop(0)
        return Run(outcome="passed" if state == "passed" else "failed", tests={"x": state})


@pytest.mark.parametrize(
    ("states", "broke"),
    [
        (["passed", "passed"], ()),
        (["passed", "failed", "passed", "failed"], ("x",)),
        (["passed", "failed", "passed", "passed"], ()),
        (["passed", "failed", "failed", "failed"], ()),
        (["failed"], ()),
    ],
)
def test_a_test_is_accused_after_two_failures_and_two_passes(
    tmp_path: Path, bench: Bench, states: list[str], broke: tuple[str, ...]
) -> None:
    item, told = bench.item(), Told(*states)
    bench.repositories.pin(item.repository, item.revision)
    (tmp_path / "place").mkdir()
    trees = Trees(tmp_path / "place", bench.repositories, item, draft({}))
    suite, _ = regressions(SuiteCache(tmp_path / "cache"), told, "pytest", trees, ("x",))
    assert suite.broke == broke
    assert not told.states, "no run too few"


@pytest.mark.slow
def test_the_untouched_revision_is_run_once_for_all_drafts(bench: Bench) -> None:
    item = bench.item(library=LIBRARY | {"tests/test_broken.py": "def test_broken():\n    assert False\n"})
    first = bench.verify(item, draft({"calc.py": RIGHT}, OWN))
    (kept,) = (bench.settings.home / "suites").glob("*.json")
    text = kept.read_text()
    kept.write_text(text.replace("test_double", "test_of_the_cache"))
    second = bench.verify(item, draft({"calc.py": RIGHT}, OWN))
    assert (first.grade, first.broke) == (Grade.SELF_TESTED, ())
    assert second.broke == (), "a test that only the cache knows passed once before: run again, it is not there"
    assert "test_of_the_cache" in kept.read_text()


def test_tests_that_a_draft_mends_are_named(bench: Bench) -> None:
    broken = LIBRARY | {"tests/test_add.py": ADDS}
    verdict = bench.verify(bench.item(library=broken), draft({"calc.py": RIGHT}))
    assert verdict.fixed == ("tests/test_add.py::test_add",)


@pytest.mark.slow
def test_options_for_a_plugin_that_is_not_there_are_left_out(bench: Bench) -> None:
    library = LIBRARY | {"pytest.ini": "[pytest]\naddopts = --no-such-option\n"}
    verdict = bench.verify(bench.item(library=library), draft({"calc.py": RIGHT.replace("2 * a", "a")}))
    assert verdict.broke == ("tests/test_calc.py::test_double",)


def test_a_suite_that_cannot_be_run_is_told(bench: Bench) -> None:
    library = LIBRARY | {"tests/conftest.py": "import not_installed_anywhere\n"}
    verdict = bench.verify(bench.item(library=library), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.APPLIES
    assert "The repository's own tests (pytest) say nothing" in verdict.reason


def test_a_command_that_the_settings_name_accuses_by_its_exit_code(tmp_path: Path, bench: Bench) -> None:
    named = Bench(tmp_path / "named", suite="sh test.sh")
    library = {**CODE, "test.sh": "python -c 'import calc; assert calc.double(2) == 4' || exit 3\n"}
    verdict = named.verify(named.item(library=library), draft({"calc.py": RIGHT.replace("2 * a", "a")}))
    assert (verdict.grade, verdict.by, verdict.broke) == (Grade.FAILED, "regression", ("sh test.sh",))


def test_tests_in_another_language_prove_less(tmp_path: Path, bench: Bench) -> None:
    named = Bench(tmp_path / "named", suite="for t in ./*.test.sh; do [ ! -f $t ] || sh $t || exit 1; done")
    item = named.item({"half.test.sh": "grep -q half lib.sh\n"}, library={"lib.sh": "true\n"})
    verdict = named.verify(item, draft({"lib.sh": "half() { true; }\n"}))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "acceptance tests")
    again = named.verify(item, draft({"lib.sh": "third() { true; }\n"}))
    assert (again.grade, again.by) == (Grade.FAILED, "acceptance tests")


def test_tests_that_no_known_command_runs_say_nothing(bench: Bench) -> None:
    item = bench.item({"half.test.sh": "grep -q half lib.sh\n"}, library={"lib.sh": "true\n"})
    verdict = bench.verify(item, draft({"lib.sh": "half() { true; }\n"}))
    assert verdict.grade is Grade.UNVERIFIED
    assert "AUTOCODER_SUITE" in verdict.reason


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"tests/test_a.py": ""}, "pytest"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, "pytest"),
        ({"pyproject.toml": "[broken", "Makefile": "all:\n\ntest:\n\ttrue\n"}, "make test"),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "npm test --silent"),
        ({"Cargo.toml": ""}, "cargo test --offline"),
        ({"go.mod": ""}, "go test ./..."),
        ({"app/tests.py": "", "Makefile": "test:\n\t./manage.py test\n"}, "make test"),
        ({"README.md": "test:"}, ""),
    ],
)
def test_the_command_of_a_repository_is_found(tmp_path: Path, files: dict[str, str], command: str) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert command_of(tmp_path) == command
