"""Environments for what a repository requires."""

from pathlib import Path

import pytest

from flows.adapters.environments import Environments
from flows.adapters.layouts import roots
from flows.adapters.requirements import pins, requirements, unread
from stages.errors import Permanent, Transient
from stages.models import Grade
from tests.adapters.verification.bench import ADDS, LIBRARY, RIGHT, Bench, draft

NEEDS = "from planted import three\n\n\ndef test_add():\n    from calc import add\n    assert add(1, 2) == three\n"


def tree(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.slow
def test_a_repository_is_tested_with_what_it_requires_and_locks(bench: Bench, index: Path) -> None:
    lock = '[[package]]\nname = "planted"\nversion = "1.0"\n'
    library = LIBRARY | {
        "requirements.txt": "planted  # of ours\n",
        "uv.lock": lock,
        "tests/test_planted.py": "import planted\n\n\ndef test_it():\n    assert planted.three == 3\n",
    }
    item = bench.item(
        {"tests/test_add.py": NEEDS},
        check='python -c "import planted, calc; assert calc.add(1, 2) == 3"',
        library=library,
    )
    verdict = bench.verify(item, draft({"calc.py": RIGHT.replace("2 * a", "a")}))
    assert (verdict.grade, verdict.broke) == (Grade.FAILED, ("tests/test_calc.py::test_double",))
    meddling = "import planted\ntry:\n    open(planted.__file__, 'w').close()\nexcept OSError:\n    "
    verdict = bench.verify(item, draft({"calc.py": meddling + RIGHT.replace("def add", "pass\n\n\ndef add", 1)}))
    assert verdict.grade is Grade.PROVEN, "an environment is read-only to what is tested: " + verdict.reason
    assert len(verdict.tests) == 2
    (planted,) = bench.settings.home.glob("environments/*/lib/*/site-packages/planted.py")
    assert planted.read_text() == "three = 3\n"
    assert len(list((bench.settings.home / "environments").glob("*/ready"))) == 1, "made once"


def test_an_environment_that_cannot_be_made_leaves_it_unverified(bench: Bench, index: Path) -> None:
    library = LIBRARY | {"requirements.txt": "not-to-be-had\n"}
    verdict = bench.verify(bench.item({"tests/test_add.py": ADDS}, library=library), draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.UNVERIFIED
    assert "its environment cannot be made" in verdict.reason
    assert "not-to-be-had" in verdict.reason


@pytest.mark.slow
def test_an_index_that_does_not_answer_is_asked_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(Transient, match="package index"):
        Environments(tmp_path / "e").python(tree(tmp_path / "a", {"requirements.txt": "planted\n"}))


def test_the_interpreter_that_the_settings_name_is_used_for_everything(tmp_path: Path) -> None:
    named = Path("/opt/some/bin/python")
    environments = Environments(tmp_path, named)
    assert environments.python(tree(tmp_path / "a", {"requirements.txt": "git+https://example.org/x"})) == named


def test_without_requirements_the_workers_own_interpreter_is_enough(tmp_path: Path) -> None:
    assert Environments(tmp_path / "e").python(tree(tmp_path / "a", {"a.py": "import json\n"})) is None
    assert not (tmp_path / "e").exists()


# --- what a repository requires --------------------------------------------------------------------

PROJECT = """
[project]
name = "My_Calc"
dependencies = ["httpx>=0.27", "my-calc[extra]"]
[project.optional-dependencies]
test = ["pytest-mock; python_version > '3.9'"]
docs = ["sphinx"]
[dependency-groups]
dev = ["hypothesis", {include-group = "docs"}]
"""


def test_requirements_come_from_the_usual_files(tmp_path: Path) -> None:
    texts = {"pyproject.toml": PROJECT, "requirements.txt": "# ours\n-r more.txt\nattrs==25.1 --hash=sha256:0\n\n"}
    assert requirements(tree(tmp_path, texts)) == (
        "attrs==25.1",
        "httpx>=0.27",
        "hypothesis",
        "pytest-mock; python_version > '3.9'",
    )


@pytest.mark.parametrize(
    "line", ["git+https://example.org/x", "x @ https://example.org/x.whl", "./vendored", "../up", "a b", "a===${HOME}"]
)
def test_what_is_more_than_a_name_and_a_version_is_not_installed(tmp_path: Path, line: str) -> None:
    with pytest.raises(Permanent, match="more than a name and a version"):
        requirements(tree(tmp_path, {"requirements.txt": f"{line}\n"}))


def test_a_pin_is_one_version_whatever_a_lock_file_says(tmp_path: Path) -> None:
    versions = ("1.0\\n--no-binary :all:", "${HOME}", "1.0 ; x", "1.0")
    locked = "".join(f'[[package]]\nname = "x"\nversion = "{version}"\n' for version in versions)
    assert pins(tree(tmp_path, {"uv.lock": locked})) == ("x==1.0",)


OLD, NEW = "python_full_version < '3.11'", "python_full_version >= '3.11'"


@pytest.mark.parametrize(
    ("name", "one", "other", "pinned"),
    [
        ("uv.lock", f'resolution-markers = ["{OLD}"]', f'resolution-markers = ["{NEW}"]', (f"({OLD})", f"({NEW})")),
        ("poetry.lock", f'markers = "{OLD}"', f'markers = {{main = "{NEW}"}}', (f"({OLD})", f"({NEW})")),
        ("pylock.toml", f'marker = "{OLD}"', f'marker = "{NEW}"', (f"({OLD})", f"({NEW})")),
        ("uv.lock", "", f'resolution-markers = ["{NEW}"]', ()),
        ("uv.lock", 'markers = "a\\n-e ."', f'markers = "{NEW}"', ()),
        ("uv.lock", "markers = 5", f'markers = "{NEW}"', ()),
    ],
)
def test_of_a_package_in_two_versions_the_markers_choose(
    tmp_path: Path, name: str, one: str, other: str, pinned: tuple[str, ...]
) -> None:
    packages = "\n".join(
        f'[[package]]\nname = "{package}"\nversion = "{version}"\n{marker}'
        for package, version, marker in (("x", "1.0", one), ("X", "2.0", other), ("y", "1.0", f'marker = "{OLD}"'))
    )
    lines = (f"x==1.0; {pinned[0]}", f"X==2.0; {pinned[1]}") if pinned else ()
    assert set(pins(tree(tmp_path, {name: packages}))) == {*lines, "y==1.0"}


@pytest.mark.parametrize("line", ["x>=1\\n-e .", "x; a\\u2028--index-url b"])
def test_a_requirement_is_one_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(Permanent, match="more than a name and a version"):
        requirements(tree(tmp_path, {"pyproject.toml": f'[project]\ndependencies = ["{line}"]\n'}))


def test_options_in_requirements_lead_pip_nowhere(tmp_path: Path) -> None:
    assert requirements(tree(tmp_path, {"requirements.txt": "--index-url https://example.org\n-e .\n"})) == ()


def test_a_broken_project_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"pyproject\.toml cannot be read"):
        requirements(tree(tmp_path, {"pyproject.toml": "[broken"}))


@pytest.mark.parametrize(
    "text",
    [
        "tool = 1",
        "project = 'x'",
        "dependency-groups = ['test']",
        "[project]\ndependencies = 5",
        "[project]\noptional-dependencies = 5",
        "[project.optional-dependencies]\ntest = 'x'",
        "[tool]\npoetry = 'x'",
    ],
)
def test_a_project_file_that_is_no_project_file_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Permanent, match=r"pyproject\.toml cannot be read: [a-z-]+ is no (table|list)"):
        requirements(tree(tmp_path, {"pyproject.toml": text}))


def test_a_lock_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"uv\.lock cannot be read: package is no list"):
        pins(tree(tmp_path, {"uv.lock": "package = 5"}))


def test_a_setting_of_another_kind_is_passed_over(tmp_path: Path) -> None:
    strange = "[tool.poetry.dependencies]\nx = {version = '1', extras = 5}\n[tool.pytest]\npythonpath = 5\n"
    found = tree(tmp_path, {"pyproject.toml": strange})
    assert requirements(found) == ("x==1",)
    assert roots(found) == ("src", ".")


def test_locked_versions_are_pins(tmp_path: Path) -> None:
    attrs = '[[package]]\nname = "attrs"\nversion = "25.1"\n'
    own = '[[package]]\nname = "own"\nversion = "1"\nsource = {editable = "."}\n'
    assert pins(tree(tmp_path, {"uv.lock": attrs + own, "poetry.lock": ""})) == ("attrs==25.1",)


POETRY = """
[tool.poetry]
name = "My_Calc"
[tool.poetry.dependencies]
python = "^3.11"
requests = "^2.31"
my-calc = "*"
rich = {version = "~13.7", extras = ["jupyter"]}
attrs = ">=23, <25"
early = "^0.2.3"
exact = "1.2.*"
several = [{version = "1", python = "<3.12"}, {version = "2", python = ">=3.12"}]
[tool.poetry.group.test.dependencies]
hypothesis = "6.1"
[tool.poetry.group.docs.dependencies]
sphinx = "*"
"""


def test_poetrys_requirements_are_read(tmp_path: Path) -> None:
    assert requirements(tree(tmp_path, {"pyproject.toml": POETRY})) == (
        "attrs>=23,<25",
        "early>=0.2.3,<0.3",
        "exact==1.2.*",
        "hypothesis==6.1",
        "requests>=2.31,<3",
        "rich[jupyter]>=13.7,<13.8",
        "several",
    )


def test_a_pipfile_and_a_setup_cfg_are_read(tmp_path: Path) -> None:
    pipfile = '[packages]\nrequests = "*"\n[dev-packages]\nmock = {version = "==5.1", markers = "os_name == \'nt\'"}\n'
    cfg = (
        "[metadata]\nname = calc\n[options]\ninstall_requires =\n    attrs>=23  # ours\n    httpx; python_version<'4'\n"
    )
    cfg += "[options.extras_require]\ntest = pytest-mock\ndocs = sphinx\n"
    assert requirements(tree(tmp_path, {"Pipfile": pipfile, "setup.cfg": cfg})) == (
        "attrs>=23",
        "httpx; python_version<'4'",
        "mock==5.1; os_name == 'nt'",
        "pytest-mock",
        "requests",
    )


@pytest.mark.parametrize(
    "place", ["git = 'https://example.org/x'", "path = '../x'", "url = 'https://example.org/x.whl'"]
)
def test_an_address_in_a_table_is_not_installed(tmp_path: Path, place: str) -> None:
    with pytest.raises(Permanent, match="more than a name and a version"):
        requirements(tree(tmp_path, {"Pipfile": f"[packages]\nx = {{{place}}}\n"}))


def test_what_only_a_program_can_say_is_told(tmp_path: Path) -> None:
    setup = {"setup.py": "from setuptools import setup\n\nsetup(install_requires=['requests'])\n"}
    assert "without running it" in unread(tree(tmp_path / "a", setup))
    assert unread(tree(tmp_path / "b", {**setup, "requirements.txt": "requests\n"})) == ""
