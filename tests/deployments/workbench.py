"""Checkouts of the rehearsal's library, and what plain pytest says in them; for trusted code only."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deployments.rehearse import make_repository
from flows.adapters.repository import Repositories
from stages.models import CodeView, Draft, WorkItem


class Workbench:
    """Checkouts of an item's code, before and after a draft."""

    def __init__(self, folder: Path, item: WorkItem) -> None:
        self.folder = folder
        self.item = item
        self.repositories = Repositories(folder / "mirrors", folder / "home")
        self.acceptance = {path: text for plan in item.plans for path, text in plan.tests.items()}
        if item.repository:
            make_repository(folder / "home" / item.repository)

    def view(self) -> CodeView:
        """What the model is shown."""
        if not self.item.repository:
            return CodeView()
        return self.repositories.view(self.item.repository, self.item.revision, self.item.finding, 12_000)

    async def old(self, paths: Sequence[str]) -> dict[str, str]:
        """Texts at the item's revision."""
        return self.repositories.texts(self.item.repository, self.item.revision, paths)

    def failing_before(self, draft: Draft) -> str:
        """Which tests fail on the untouched code, or on a function that does nothing."""
        tree = self._checkout("before")
        if not self.item.repository:
            (tree / "steady_retry.py").write_text("def retry(*_, **__):\n    return None\n")
        return self._failing(tree, draft)

    def failing_after(self, draft: Draft, number: int) -> str:
        """Which tests fail with the draft's patch applied by git, or with its new files written."""
        tree = self._checkout(f"after-{number}")
        if self.item.repository:
            patch = self.repositories.diff(self.item.repository, self.item.revision, draft).encode()
            subprocess.run(["git", "apply", "-"], cwd=tree, input=patch, check=True, timeout=30)
        else:
            write(tree, {file.path: file.content for file in (*draft.files, *draft.tests)})
        return self._failing(tree, draft)

    def checks(self) -> list[bool]:
        """Whether the finding's own command is content: before, then after each draft; empty if it has none."""
        command = shlex.split(self.item.finding.check)
        if not command:
            return []
        command[0] = sys.executable if command[0] == "python" else command[0]
        trees = [self.folder / "before", *sorted(self.folder.glob("after-*"))]
        return [subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode == 0 for tree in trees]

    def _checkout(self, name: str) -> Path:
        tree = self.folder / name
        tree.mkdir()
        if self.item.repository:
            self.repositories.checkout(self.item.repository, self.item.revision, tree)
        return tree

    def _failing(self, tree: Path, draft: Draft) -> str:
        own = {file.path: file.content for file in draft.tests}
        write(tree, own | self.acceptance)
        groups = {path: "own" if path in own else "acceptance" if path in self.acceptance else "suite" for path in own}
        groups |= dict.fromkeys(self.acceptance, "acceptance")
        failing = {groups.get(path, "suite") for path, passed in run_tests(tree).items() if not passed}
        return " ".join(sorted(failing, reverse=True))


def write(folder: Path, files: dict[str, str]) -> None:
    """Write these texts by path."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def run_tests(tree: Path) -> dict[str, bool]:
    """Test file → whether all of its tests passed, by plain pytest."""
    options = ["-rA", "-q", "-p", "no:cacheprovider", "--assert=plain", "--import-mode=importlib"]
    environment = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", *options, "tests"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = re.findall(r"^(PASSED|FAILED|ERROR) ([^:\s]+)", done.stdout, re.MULTILINE)
    assert lines, done.stdout + done.stderr
    files = {path for _, path in lines}
    return {path: all(state == "PASSED" for state, where in lines if where == path) for path in files}
