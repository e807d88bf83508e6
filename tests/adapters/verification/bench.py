"""A small repository, drafts for it, and a verification that really runs them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.adapters.repository import Repositories
from flows.adapters.verification import Verification
from flows.settings import Settings
from stages.models import Draft, File, Finding, Source, TestPlan, Verdict, WorkItem
from tests.adapters.git_repositories import commit, make

SOURCE = Source(dataset="a/b", revision="0" * 40, path="x.json", blob_id="0" * 40)
CALC = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return 2 * a\n"
RIGHT = CALC.replace("a - b", "a + b")
CODE = {"calc.py": CALC}
LIBRARY = {
    **CODE,
    "tests/test_calc.py": "from calc import double\n\n\ndef test_double():\n    assert double(2) == 4\n",
    "pyproject.toml": "[project]\nname = 'calc'\n",
}
ADDS = """from calc import add


def test_add():
    assert add(1, 2) == 3


def test_zero():
    assert add(0, 0) == 0
"""


def draft(files: Mapping[str, str], tests: Mapping[str, str] | None = None, deleted: tuple[str, ...] = ()) -> Draft:
    return Draft(files=_files(files), tests=_files(tests or {}), deleted=deleted)


def _files(texts: Mapping[str, str]) -> tuple[File, ...]:
    return tuple(File(path=path, content=text) for path, text in texts.items())


class Bench:
    """Verifies drafts for one item after another."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = Settings(home=folder / "home", **settings)
        repositories = Repositories(folder / "mirrors", folder)
        self.verification = Verification(self.settings, repositories)
        self.repositories = repositories
        self._count = 0

    def item(
        self,
        tests: Mapping[str, str] | None = None,
        check: str = "",
        library: Mapping[str, str] | None = CODE,
        file: str = "",
    ) -> WorkItem:
        """An item about this file of a library of its own; None: about no repository."""
        self._count += 1
        name = f"library-{self._count}"
        revision = commit(make(self.folder / name), library) if library else ""
        plan = TestPlan(tests=dict(tests or {}), why="names the finding", source=SOURCE)
        finding = Finding(title="add subtracts", check=check, file=file)
        return WorkItem(
            id=f"{self._count:016x}",
            repository=name if library else "",
            revision=revision,
            finding=finding,
            plans=(plan,),
            source=SOURCE,
        )

    def verify(self, item: WorkItem, given: Draft) -> Verdict:
        if item.repository:
            self.repositories.pin(item.repository, item.revision)
        return self.verification.verify(item, given)
