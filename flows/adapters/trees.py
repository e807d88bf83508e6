"""The folders that a draft is judged by: the code before it, and after."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath

from flows.adapters.repository import Repositories
from stages.before import before
from stages.errors import Unusable
from stages.models import Draft, File, WorkItem
from stages.paths import is_test

CONFIGURATION = (
    "pyproject.toml", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "setup.cfg", "tox.ini", "Makefile",
    "makefile", "GNUmakefile", "noxfile.py", "ruff.toml", ".ruff.toml", "mypy.ini", ".mypy.ini", ".flake8", ".pylintrc",
    "pylintrc", ".coveragerc", "sitecustomize.py", "usercustomize.py", "src/sitecustomize.py", "src/usercustomize.py",
)  # fmt: skip
"""What decides how a tree's tests are run, and what its tools say. A draft has no say in it."""


class Trees:
    """An item's code in folders below `place`, each made when first asked for. What is run is run on copies of them."""

    def __init__(self, place: Path, repositories: Repositories, item: WorkItem, draft: Draft) -> None:
        self._place = place
        self._repositories = repositories
        self._item = item
        self._draft = draft

    @property
    def draft_files(self) -> frozenset[str]:
        """Paths of the draft's implementation."""
        return frozenset(texts(self._draft.files))

    @cached_property
    def untouched(self) -> Path:
        """The repository at its revision; an empty folder without one."""
        tree = self._place / "untouched"
        tree.mkdir()
        if self._item.repository:
            self._repositories.checkout(self._item.repository, self._item.revision, tree)
        return tree

    @cached_property
    def before(self) -> Path:
        """The untouched code, with every name that the draft adds as a stub that does nothing."""
        tree = self._copy("before")
        write(tree, self.stubs)
        return tree

    @cached_property
    def stubs(self) -> Mapping[str, str]:
        """Path → text of those files that are not in the code before as they are in the untouched code.

        Raises Unusable for a draft that changes what is no UTF-8 text.
        """
        paths = self.draft_files
        old = {path: text for path in paths if (text := _text(self.untouched, path)) is not None}
        return {path: text for path, text in before(old, texts(self._draft.files)).items() if text != old.get(path)}

    @cached_property
    def after(self) -> Path:
        """The code with the draft's implementation. Tests stay as they were: a draft replaces none of them."""
        tree = self._copy("after")
        for path in self._draft.deleted:
            if not is_test(path):
                (tree / path).unlink(missing_ok=True)
        write(tree, texts(self._draft.files))
        return tree

    def for_suite(self, tests: Iterable[str]) -> Path:
        """The code after, with the repository's tests, and what says how they are run, as they were before.

        tests: ids of its tests, known before the change. One tree for all: it is made for the first that are asked for.
        """
        tree = self._place / "suite"
        if not tree.exists():
            self._restored(tree.name, {*self._configuration(), *files_of_tests(tests, self.untouched)})
        return tree

    def for_check(self, about: Iterable[str]) -> tuple[Path, list[str]]:
        """The code after, with what decides what a tool says as it was before; and which of that the draft changed.

        about: the finding's own files, which a draft has to change.
        """
        changed = self._configuration() - {normpath(path) for path in about}
        changed = {path for path in changed if _bytes(self.untouched / path) != _bytes(self.after / path)}
        return (self._restored("check", changed) if changed else self.after), sorted(changed)

    def _configuration(self) -> set[str]:
        tops = (self.after, self.untouched)
        return {*CONFIGURATION, *(str(file.relative_to(top)) for top in tops for file in top.rglob("conftest.py"))}

    def _restored(self, name: str, paths: Iterable[str]) -> Path:
        tree = self._copy(name, self.after)
        for path in paths:
            restore(tree, self.untouched, path)
        return tree

    def _copy(self, name: str, source: Path | None = None) -> Path:
        tree = self._place / name
        shutil.copytree(source or self.untouched, tree, symlinks=True)
        return tree


def texts(files: Iterable[File]) -> dict[str, str]:
    """Path → text."""
    return {file.path: file.content for file in files}


def write(tree: Path, files: Mapping[str, str]) -> None:
    """Write these texts, line ends as they are; none through a link that leads out of the tree."""
    for path, text in files.items():
        file = tree / path
        if not file.resolve().is_relative_to(tree.resolve()):
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")


def files_of_tests(tests: Iterable[str], tree: Path) -> set[str]:
    """Files of a tree that these tests stand in. A file of code is none for its doctests, nor for what a linter says.

    tests: ids as pytest gives them, `checks/shop.py::TestCart::test_total[3]`.
    """
    names: dict[str, set[str]] = {}
    for path, found, rest in (test.partition("::") for test in tests):
        if found:
            names.setdefault(path, set()).add(rest.partition("::")[0].partition("[")[0])
    return {path for path, own in names.items() if any(_is_defined(name, tree, path) for name in own)}


def _is_defined(name: str, tree: Path, path: str) -> bool:
    """Whether the file's text, comments apart, has the name in it: a doctest is called by its module's."""
    file = tree / path
    if name == file.stem or not file.resolve().is_relative_to(tree.resolve()) or not file.is_file():
        return False
    text = file.read_text("utf-8", "replace")
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", re.sub("#.*", "", text)))


def restore(tree: Path, untouched: Path, path: str) -> None:
    """Make what is at this path in a tree what it was: a file, a link, or nothing."""
    for folder in reversed(PurePosixPath(path).parents):
        if (tree / folder).is_file() and not (untouched / folder).is_file():
            (tree / folder).unlink()
    if not (tree / path).parent.resolve().is_relative_to(tree.resolve()):
        return
    if (tree / path).is_symlink() or (tree / path).is_file():
        (tree / path).unlink()
    if (untouched / path).is_file():
        shutil.rmtree(tree / path, ignore_errors=True)  # a folder in its place
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(untouched / path, tree / path, follow_symlinks=False)


@contextmanager
def laid(tree: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """A copy of the tree with these files in it; the tree itself where there are none."""
    if not files:
        yield tree
        return
    copy = tree.with_name(f"{tree.name}-with-files")
    shutil.copytree(tree, copy, symlinks=True)
    try:
        write(copy, files)
        yield copy
    finally:
        shutil.rmtree(copy)


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _text(tree: Path, path: str) -> str | None:
    try:
        return (tree / path).read_text(encoding="utf-8") if (tree / path).is_file() else None
    except UnicodeDecodeError:
        raise Unusable(f"The draft changes {path}, which is not UTF-8 text: leave it as it is.") from None
