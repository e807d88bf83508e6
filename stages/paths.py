"""Paths that a model names: whether they stay in the tree, whether they may be written, whether they are tests."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from stages.errors import Unusable
from stages.models import CodeView

LONGEST_PATH = 400
LONGEST_NAME = 255
"""Bytes: the limit of most file systems."""
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_GIT = re.compile(r"\.git|git~\d+|\.gitmodules")


def safe(path: str) -> str:
    """The path, without a leading "./", if it means a file below the root on any system. Raises Unusable."""
    path = path.removeprefix("./")
    fault = _whole(path) or next((f for f in map(_part, path.split("/")) if f), "")
    if fault:
        raise Unusable(f"The path {path[:200]!r} {fault}: give one relative to the root, as src/package/module.py.")
    return path


def _whole(path: str) -> str:
    if not path:
        return "is empty"
    if len(path.encode("utf-8", "replace")) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    if path.startswith(("/", "~", "-")) or re.match(r"[A-Za-z]:", path):
        return "does not begin at the root of the repository"
    if not path.isprintable():
        return "holds control or invisible characters"
    odd = sorted(set(path) & set('\\<>:"|?*`'))
    return f"holds {' '.join(odd)}" if odd else ""


def _part(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    if not name or name in (".", ".."):
        return "has an empty part, `.` or `..` in it"
    if len(name.encode()) > LONGEST_NAME:
        return f"has a name longer than {LONGEST_NAME} bytes in it"
    if _GIT.fullmatch(folded):
        return "belongs to git"
    if name != name.strip() or name.endswith("."):
        return "has a name in it that begins or ends with a blank, or ends with a dot"
    return "names a device on Windows" if _DEVICE.fullmatch(folded) else ""


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


@dataclass(frozen=True)
class Tree:
    """The files of a repository with those of a draft, to see whether paths get in each other's way."""

    files: frozenset[str]
    links: frozenset[str]
    """Case-folded."""
    names: dict[str, str]
    """Case-folded path of every file and folder → the path."""

    @classmethod
    def of(cls, code: CodeView, paths: Iterable[str] = ()) -> "Tree":
        """The tree of a repository, and these paths beside."""
        files = dict.fromkeys((*code.paths, *paths))
        names: dict[str, str] = {}
        for path in files:
            for prefix in _prefixes(path):
                names.setdefault(_folded(prefix), prefix)
        return cls(frozenset(files), frozenset(map(_folded, code.links)), names)

    def check(self, path: str) -> None:
        """Raises Unusable where a file of that path cannot be written without getting in the way of another."""
        for prefix in _prefixes(path):
            if _folded(prefix) in self.links:
                raise Unusable(f"{path} is, or is below, a symbolic link or a submodule: leave it as it is.")
            if (there := self.names[_folded(prefix)]) != prefix:
                raise Unusable(f"{prefix} differs from {there} only in upper and lower case: use one of the two.")
            if prefix != path and prefix in self.files:
                raise Unusable(f"{path} would be below {prefix}, which is a file.")
        if any(name.startswith(f"{_folded(path)}/") for name in self.names):
            raise Unusable(f"{path} is a folder: name a file.")


def _prefixes(path: str) -> list[str]:
    return [path[: m.start()] for m in re.finditer("/", path)] + [path]


def protected_by(path: str, patterns: Sequence[str]) -> str:
    """The first pattern that the path matches, empty for none.

    A pattern without a slash is held against the name at any depth; `**` stands for any folders. Case does not count.
    """
    return next((p for p in patterns if _matches(path.casefold(), p.casefold())), "")


def _matches(path: str, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(path.rsplit("/", 1)[-1], pattern)
    pattern = pattern.removeprefix("/")
    return _parts_match(path.split("/"), (f"{pattern}**" if pattern.endswith("/") else pattern).split("/"))


def _parts_match(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts_match(parts[i:], patterns[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _parts_match(parts[1:], patterns[1:])


def is_test(path: str) -> bool:
    """Whether the path is a test's, by the usual names and folders."""
    whole = PurePosixPath(path)
    stem = whole.stem
    named = stem.startswith("test_") or stem.endswith(("_test", "_tests", ".test", ".spec", "_spec"))
    return (
        named
        or stem in ("conftest", "tests")
        or not {"tests", "test", "spec", "__tests__"}.isdisjoint(whole.parts[:-1])
    )


def holds_tests(path: str) -> bool:
    """Whether the file is one that a test runner finds tests in, not a helper of theirs."""
    stem = PurePosixPath(path).stem
    return is_test(path) and "test" in stem and stem != "conftest"


def home_of_tests(paths: Iterable[str]) -> str:
    """The folder that holds most tests of a tree; "tests" where it has none."""
    folders = Counter(str(PurePosixPath(p).parent) for p in paths if holds_tests(p))
    found = min(folders, key=lambda folder: (-folders[folder], folder), default="tests")
    return "tests" if found == "." else found
