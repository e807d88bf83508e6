"""Trusted tests on a folder of code: what the caller may choose, and what a verdict holds."""

import os
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.bubblewrap import Bubblewrap
from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.sandbox.judging import Outcome, TestRun
from flows.adapters.sandbox.landlock import Landlock
from flows.adapters.sandbox.testing import run_tests
from stages.stubs import stub_of
from tests.adapters.sandbox.environments import environment

LIMITS = Limits(wall_s=20, memory_mb=512)
RIGHT = "def double(n):\n    return 2 * n\n"
TEST = """
from solution import double
def test_double():
    assert double(2) == 4
def test_zero():
    assert double(0) == 0
"""


@pytest.fixture(scope="module", params=["landlock", pytest.param("bubblewrap", marks=pytest.mark.slow)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made: Sandbox = Landlock() if request.param == "landlock" else Bubblewrap()
    if reason := made.self_test():
        pytest.skip(reason)
    return made


def verify(sandbox: Sandbox, place: Path, code: dict[str, str], tests: dict[str, str], **more: Any) -> TestRun:
    write(place / "code", code)
    return run_tests(sandbox, place / "code", tests, LIMITS, **more)


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_a_pass_holds_all_evidence_and_leaves_the_code_as_it_was(sandbox: Sandbox, place: Path) -> None:
    test = f"{TEST}def test_leaves_things():\n    open('made', 'w').close()\n    assert double('a') == 'aa'\n"
    run = verify(sandbox, place, {"solution.py": RIGHT}, {"test_solution.py": test})
    names = ["test_double", "test_leaves_things", "test_zero"]
    assert (run.outcome, run.reason, run.mechanism) == (Outcome.PASSED, "", sandbox.mechanism)
    assert dict(run.tests) == {f"test_solution.py::{name}": "passed" for name in names}
    assert "3 tests" in run.canaries
    assert "3 passed" in run.output
    assert run.seconds > 0
    assert list((place / "code").iterdir()) == [place / "code" / "solution.py"]


def test_a_failure_says_which_test_and_what_it_said(sandbox: Sandbox, place: Path) -> None:
    run = verify(sandbox, place, {"solution.py": "def double(n): return n\n"}, {"test_solution.py": TEST})
    assert run.outcome is Outcome.FAILED
    assert dict(run.tests) == {"test_solution.py::test_double": "failed", "test_solution.py::test_zero": "passed"}
    assert run.reason.startswith("1 of 2 tests failed: test_solution.py::test_double. AssertionError: assert 2 == 4")
    assert list(run.messages) == ["test_solution.py::test_double"]
    assert run.canaries == ""


def test_tests_can_be_held_against_a_stub(sandbox: Sandbox, place: Path) -> None:
    run = verify(sandbox, place, stub_of({"solution.py": RIGHT}), {"test_solution.py": TEST}, canaries=False)
    assert set(run.tests.values()) == {"failed"}


def test_tests_bring_their_own_conftest_and_helpers_and_data(sandbox: Sandbox, place: Path) -> None:
    code = {
        "src/shop/__init__.py": "def price(n): return 3 * n\n",
        "tests/conftest.py": "raise SystemExit",
        "tests/helpers.py": "THREE = 4\n",
        "tests/data/of-the-repository.txt": "7",
    }
    tests = {
        "tests/test_shop.py": "import helpers\nfrom pathlib import Path\nfrom shop import price\n"
        "HERE = Path(__file__).parent\n"
        "def test_price(one): assert price(one) == helpers.THREE\n"
        "def test_data(): assert (HERE / 'data' / 'of-the-repository.txt').read_text() == '7'\n"
        "def test_own(): assert (HERE / 'own.txt').read_text() == '8'\n",
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef one(): return 1\n",
        "tests/helpers.py": "THREE = 3\n",
        "tests/own.txt": "8",
    }
    run = verify(sandbox, place, code, tests)
    assert run.outcome is Outcome.PASSED, run.reason


EXCHANGED = {
    "another module": "sys.modules['helpers'] = types.ModuleType('helpers')\nsys.modules['helpers'].check = nothing\n",
    "another function": "import helpers\nhelpers.check = nothing\n",
    "other code": "import helpers\nhelpers.check.__code__ = nothing.__code__\n",
    "once only": "import helpers\nreal = helpers.check\ndef once(a, b): helpers.check = real\nhelpers.check = once\n",
}


@pytest.mark.parametrize("trick", EXCHANGED)
@pytest.mark.slow
def test_the_code_cannot_exchange_what_the_tests_bring_along(trick: str, sandbox: Sandbox, place: Path) -> None:
    code = f"import sys, types\ndef nothing(a, b): pass\n{EXCHANGED[trick]}\ndef double(n): return 0\n"
    tests = {
        "tests/test_double.py": "from double import double\nfrom helpers import check\n"
        "def test_two(): check(double(2), 4)\ndef test_three(): check(double(3), 6)\n",
        "tests/helpers.py": "def check(a, b): assert a == b\n",
    }
    run = verify(sandbox, place, {"double.py": code, "tests/helpers.py": "def check(a, b): pass\n"}, tests)
    assert run.outcome in (Outcome.FAILED, Outcome.UNVERIFIED), run.reason


NONE = "def test_none():\n    for wrong in [n for n in (1, 2) if double(n) != n + n]:\n        assert wrong is None\n"
SOME = "def test_some():\n    for n in [one for one in (1, 2)]:\n        assert double(n) == n + n\n"


def test_a_test_whose_assertions_no_right_code_reaches_passes_and_is_named(sandbox: Sandbox, place: Path) -> None:
    for number, tests in enumerate((NONE, NONE + SOME, TEST + NONE)):
        test = f"from solution import double\n{tests}"
        run = verify(sandbox, place / str(number), {"solution.py": RIGHT}, {"test_a.py": test})
        assert (run.outcome, run.reason) == (Outcome.PASSED, "")
        assert "none was reached, in test_a.py::test_none:" in run.canaries


def test_an_answer_that_equals_everything_is_met_where_assertions_are_reached_by_chance(
    sandbox: Sandbox, place: Path
) -> None:
    code = "from unittest.mock import ANY\ndef double(n): return ANY\n"
    test = f"from solution import double\n{NONE}{SOME}"
    run = verify(sandbox, place, {"solution.py": code}, {"test_a.py": test})
    assert run.outcome is Outcome.UNVERIFIED
    assert "test_some passed even when changed" in run.reason


@pytest.mark.skipif(not Path("/etc/services").exists(), reason="this machine has no list of services")
def test_services_and_protocols_have_their_names(sandbox: Sandbox, place: Path) -> None:
    code = "import socket\ndef names(): return socket.getservbyname('http'), socket.getprotobyname('tcp')\n"
    test = "from solution import names\ndef test_names(): assert names() == (80, 6)\n"
    assert verify(sandbox, place, {"solution.py": code}, {"test_a.py": test}).outcome is Outcome.PASSED


def test_a_test_that_skips_itself_says_nothing_and_the_reason_is_true(sandbox: Sandbox, place: Path) -> None:
    test = f"{TEST}def test_c():\n    import pytest\n    pytest.skip('not here')\n"
    run = verify(sandbox, place, {"solution.py": RIGHT}, {"test_a.py": test})
    assert run.outcome is Outcome.UNVERIFIED
    assert "test_c was skipped, and no mark on it in its source says so" in run.reason


GROUP = """
import asyncio
async def ask(): open("/proc/meminfo").read()
async def slip(): raise ValueError
async def run(*tasks):
    async with asyncio.TaskGroup() as group:
        for task in tasks: group.create_task(task)
"""


@pytest.mark.parametrize(
    ("tasks", "outcome"),
    [("ask()", Outcome.UNVERIFIED), ("ask(), ask()", Outcome.UNVERIFIED), ("ask(), slip()", Outcome.FAILED)],
)
def test_a_group_is_excused_if_each_of_its_exceptions_is(
    tasks: str, outcome: Outcome, sandbox: Sandbox, place: Path
) -> None:
    test = f"import asyncio, code_of_it as it\ndef test_a(): asyncio.run(it.run({tasks}))\n"
    test = test.replace("ask()", "it.ask()").replace("slip()", "it.slip()")
    assert verify(sandbox, place, {"code_of_it.py": GROUP}, {"test_a.py": test}).outcome is outcome


def test_what_is_denied_while_a_file_is_imported_is_named(sandbox: Sandbox, place: Path) -> None:
    test = "from solution import double\nTOTAL = open('/proc/meminfo').read()\ndef test_a(): assert double(1) == 2\n"
    run = verify(sandbox, place, {"solution.py": RIGHT}, {"test_a.py": test})
    assert (run.outcome, run.reason) == (
        Outcome.UNVERIFIED, "test_a.py::test_a asked for /proc, which the sandbox does not give."
    )  # fmt: skip


def test_the_unchanged_tests_are_nowhere_to_be_read(sandbox: Sandbox, place: Path) -> None:
    code = "import pathlib\ndef texts(): return [p.read_text() for p in pathlib.Path('.').rglob('*.py')]\n"
    test = "from a import texts\ndef test_a():\n    assert sum('uniq' + 'ue' in text for text in texts()) == 0\n"
    files = {"a.py": code, "test_a.py": "'unique'", "tests/test_b.py": "'unique'"}
    tests = {"test_a.py": test, "tests/test_b.py": "def test_b():\n    assert 1\n"}
    run = verify(sandbox, place, files, tests)
    assert run.outcome is Outcome.PASSED, run.reason


@pytest.mark.parametrize(("home", "outcome"), [((), "failed"), (("idna",), "passed")])
def test_the_codes_own_package_is_tested_even_if_another_is_installed(
    home: tuple[str, ...], outcome: str, sandbox: Sandbox, place: Path
) -> None:
    code = {"idna/__init__.py": "def encode(text): return 'ours'\n"}
    test = "import idna\ndef test_encode(): assert idna.encode('x') == 'ours'\n"
    assert verify(sandbox, place, code, {"test_idna.py": test}, home=home).outcome == outcome


def test_what_the_runner_is_made_of_cannot_be_tested_here(sandbox: Sandbox, place: Path) -> None:
    run = verify(sandbox, place, {"pluggy.py": ""}, {"test_a.py": "def test_a(): assert 1\n"}, home=("pluggy",))
    assert run.outcome is Outcome.ERROR
    assert "pluggy cannot be tested here" in run.reason


@pytest.mark.slow
def test_another_environments_python_runs_the_tests(sandbox: Sandbox, place: Path) -> None:
    real = str(Path(interpreter().python).resolve())
    python = environment(place / "env", real, interpreter().packages[0])
    test = f"{TEST}\ndef test_python():\n    import sys\n    assert sys.executable == {str(python)!r}\n"
    run = verify(sandbox, place, {"solution.py": RIGHT}, {"test_it.py": test}, python=python)
    assert run.outcome is Outcome.PASSED, run.reason


def test_an_environment_without_pytest_is_no_fault_of_the_code(sandbox: Sandbox, place: Path) -> None:
    python = environment(place / "env", str(Path(interpreter().python).resolve()), None)
    run = verify(sandbox, place, {"solution.py": RIGHT}, {"test_solution.py": TEST}, python=python)
    assert run.outcome is Outcome.ERROR
    assert "pytest" in run.reason


def test_coroutines_need_a_plugin_in_the_environment(sandbox: Sandbox, place: Path) -> None:
    python = environment(place / "env", str(Path(interpreter().python).resolve()), None)
    run = verify(sandbox, place, {}, {"test_a.py": "async def test_a(): assert 1\n"}, python=python)
    assert run.outcome is Outcome.ERROR
    assert "pytest-asyncio" in run.reason


def test_what_the_caller_names_can_be_read(sandbox: Sandbox, place: Path) -> None:
    write(place, {"given/file": "text"})
    (place / "given").chmod(0o755)
    test = f"def test_a(): assert open('{place}/given/file').read() == 'text'\n"
    run = verify(sandbox, place, {"a": ""}, {"test_a.py": test}, readable=[place / "given"])
    assert run.outcome is Outcome.PASSED, run.reason


@pytest.mark.slow
def test_odd_files_among_the_code_are_passed_over(sandbox: Sandbox, place: Path) -> None:
    write(place / "code", {"solution.py": RIGHT, ".git/config": "token", "__pycache__/x.pyc": ""})
    os.mkfifo(place / "code" / "pipe")
    (place / "code" / "dangling").symlink_to("/nowhere")
    (place / "code" / "loop").symlink_to("loop")
    test = f"{TEST}def test_git():\n    import os\n    assert not os.path.exists('.git')\n"
    run = verify(sandbox, place, {}, {"test_solution.py": test})
    assert run.outcome is Outcome.PASSED, run.reason
