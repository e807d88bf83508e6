"""The same as a user without any rights: the sandbox needs no root. And as root, with a Python that all may read."""

from pathlib import Path

import pytest

from tests.adapters.sandbox.environments import NOBODY, python_for_all, run

PROGRAMS = "tests/adapters/sandbox/test_programs.py"
SIDE_BY_SIDE = "tests/adapters/sandbox/test_side_by_side.py"


@pytest.fixture
def python(place: Path) -> Path:
    found = python_for_all(place / "python")
    if isinstance(found, str):
        pytest.skip(found)
    return found


def suite(python: Path, place: Path, uid: int | None, *words: str, tests: str = PROGRAMS, by: str = "pytest") -> str:
    """The last line of pytest, run by this user."""
    home = place / "home"
    argv = [str(python), "-B", "-m", by, tests, "--basetemp", str(home / "pytest"), "--tb=short", *words]
    ran = run(argv, home, uid, 1200)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    return ran.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_user_without_rights_gets_the_same_verdicts(python: Path, place: Path) -> None:
    names = "landlock and not early and (adds or wrong or makes)"
    assert "passed" in suite(python, place, NOBODY, "-k", names)


@pytest.mark.slow
def test_two_runs_of_a_user_without_rights_do_not_starve_each_other(python: Path, place: Path) -> None:
    by = "tests.adapters.sandbox.without_namespaces"  # with them, each run has a count of its own
    assert "1 passed" in suite(python, place, NOBODY, "-m", "slow", tests=SIDE_BY_SIDE, by=by)


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["landlock and not early", "early", "bubblewrap"])
@pytest.mark.parametrize("uid", [NOBODY, None])
def test_all_programs_with_a_python_that_is_open_to_all(
    uid: int | None, mechanism: str, python: Path, place: Path
) -> None:
    told = suite(python, place, uid, "-m", "slow or not slow", "-k", mechanism)
    if "passed" not in told:
        pytest.skip(told)
