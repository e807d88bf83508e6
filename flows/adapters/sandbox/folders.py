"""The folders of one run of tests: a copy of the code to work in, one for temporary files, the tests beside."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

INI = ".pytest.ini"
LEFT_OUT = frozenset({".git", ".hg", "__pycache__", ".venv", "node_modules"})
"""Of the code: not needed, large, or with an address in it that holds a token."""
NOT_BESIDE = LEFT_OUT | {
    "conftest.py",
    "__init__.py",
    "pytest.ini",
    INI,
    "pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
}
"""Of the code, what pytest would heed if it lay beside the tests."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Three folders; the run may write to `work` and `tmp`."""

    room: Path
    """Of the next two alone."""
    work: Path
    tmp: Path
    tests: Path

    @classmethod
    def make(cls, scratch: Path, code: Path, tests: Mapping[str, str]) -> "Folders":
        """The folders under `scratch`, filled."""
        room = scratch / "room"
        folders = cls(room, room / "work", room / "tmp", scratch / "tests")
        room.mkdir()
        shutil.copytree(code, folders.work, symlinks=True, ignore=_left_out)
        folders.tmp.mkdir()
        folders.tests.mkdir()
        for path, text in {INI: "[pytest]\n", **tests}.items():
            file = folders.tests / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            folders._lay_over_code(path, text)
        folders._lay_code_beside()
        for folder in (room, folders.tests):
            _open(folder)
        return folders

    def _lay_over_code(self, path: str, text: str) -> None:
        """The same text where the code has that test: as it was it would tell what a canary run has changed."""
        there = (self.work / path).resolve()
        if there.is_file() and there.is_relative_to(self.work.resolve()):
            there.unlink()
            there.write_text(text, encoding="utf-8")

    def _lay_code_beside(self) -> None:
        """Links next to the tests, so that `Path(__file__).parent / "data.json"` is found."""
        for folder in [self.tests, *(path for path in self.tests.rglob("*") if path.is_dir())]:
            source = self.work / folder.relative_to(self.tests)
            for entry in source.iterdir() if source.is_dir() and not source.is_symlink() else ():
                beside = folder / entry.name
                if entry.name not in NOT_BESIDE and not beside.exists():
                    beside.symlink_to(entry)

    def existing(self, roots: Iterable[str]) -> list[str]:
        """Those of the code's roots that are there."""
        return [str(self.work / root) for root in roots if (self.work / root).is_dir()]

    def modules(self, roots: Iterable[str]) -> frozenset[str]:
        """Top-level modules and packages of the code."""
        entries = (entry for root in self.existing(roots) for entry in Path(root).iterdir())
        return frozenset(entry.stem for entry in entries if entry.suffix == ".py" or entry.is_dir())


def _left_out(folder: str, names: list[str]) -> set[str]:
    here = Path(folder)
    odd = {
        name for name in names if not ((here / name).is_symlink() or (here / name).is_file() or (here / name).is_dir())
    }
    return odd | LEFT_OUT.intersection(names)


def _open(folder: Path) -> None:
    """Readable by the uid of the run, whatever the worker's umask is."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
