"""The same as a user without any rights: the sandbox needs no root."""

from pathlib import Path

import pytest

from tests.adapters.sandbox.unprivileged import python_for_all, run_as_nobody

TESTS = "tests/adapters/sandbox/test_programs.py"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    found = python_for_all(tmp_path / "python")
    if isinstance(found, str):
        pytest.skip(found)
    return found


def suite(python: Path, tmp_path: Path, *words: str) -> str:
    home = tmp_path / "home"
    argv = [str(python), "-B", "-m", "pytest", TESTS, "--basetemp", str(home / "pytest"), "--tb=short", *words]
    ran = run_as_nobody(argv, home, 1200)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-2000:]
    return ran.stdout.splitlines()[-1]


def test_a_user_without_rights_gets_the_same_verdicts(python: Path, tmp_path: Path) -> None:
    names = "landlock and not early and (adds or wrong or outside or environment) and not (lists or takes or truncates)"
    assert "passed" in suite(python, tmp_path, "-k", names)


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["landlock and not early", "early", "bubblewrap"])
def test_all_programs_as_a_user_without_rights(mechanism: str, python: Path, tmp_path: Path) -> None:
    told = suite(python, tmp_path, "-m", "slow or not slow", "-k", mechanism)
    assert "passed" in told, told
