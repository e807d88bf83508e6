"""Tools of a finding's command that a draft brings along."""

from pathlib import Path

import pytest

from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.stand_ins import stand_ins

BEFORE = {"calc.py": "a", "check.sh": "a", "Makefile": "a", "src/app/__init__.py": "", "cli.py": "a"}
BEFORE |= {"find.py": "a", "tools/find.py": "a", "tools/deep/find.py": "a"}
ABOUT = ("cli.py", "./tools/deep/find.py")


def write(tree: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return tree


@pytest.mark.parametrize(
    ("command", "shipped", "found"),
    [
        ("python -m scan calc.py", "scan.py", "scan"),
        ("python -m scan.cli calc.py", "src/scan/__init__.py", "scan"),
        ("cd . && FOO=1 python3 -m scan", "scan/__main__.py", "scan"),
        ("python -m pytest -q", "pytest.py", "pytest"),
        ("python -m pytest -q", "json.py", "json"),
        ("python calc.py", "sitecustomize.py", "sitecustomize"),
        ("python scan.py calc.py", "scan.py", "scan.py"),
        ("true; sh -e check.sh", "check.sh", "check.sh"),
        ("./check.sh && true", "check.sh", "./check.sh"),
        ("! tools/scan calc.py", "tools/scan", "tools/scan"),
        ("make lint", "Makefile", "Makefile"),
        ("python -m app", "src/app/__main__.py", ""),
        ("python cli.py --version", "cli.py", ""),
        ("python calc.py", "cli.py", ""),
        ("python find.py calc.py", "find.py", "find.py"),
        ("true && python3 ./find.py", "find.py", "./find.py"),
        ("python -m find calc.py", "find.py", "find"),
        ("python -m tools.find calc.py", "tools/find.py", "tools.find"),
        ("cd tools && python find.py", "tools/find.py", "find.py"),
        ("cd tools/deep && python ../find.py", "tools/find.py", "../find.py"),
        ("cd tools/deep && python find.py", "tools/deep/find.py", ""),
        ("python -m tools.deep.find", "tools/deep/find.py", ""),
        ('python -c "import health"', "health.py", ""),
        ("grep -q make calc.py", "Makefile", ""),
        ("test -f health.py", "health.py", ""),
    ],
)
def test_a_tool_is_none_if_the_draft_brings_it_along(tmp_path: Path, command: str, shipped: str, found: str) -> None:
    before, after = write(tmp_path / "before", BEFORE), write(tmp_path / "after", {**BEFORE, shipped: "b"})
    assert stand_ins(command, before, after, interpreter(), ABOUT) == ((found,) if found else ())
    assert stand_ins(command, before, before, interpreter(), ABOUT) == ()
