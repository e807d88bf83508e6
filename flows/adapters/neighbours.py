"""Which files of a tree a file imports, and which import it. Read by pattern: hostile text can crash a parser."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n;#]+)", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_ANY_IMPORT = re.compile(r"^.*\b(?:import|from|require|include|use|using|mod|source)\b.*$", re.MULTILINE)
_GENERIC = {"__init__", "index", "main", "mod", "lib", "init"}
"""Stems that say nothing: the folder's name stands for the file."""
_FAMILIES = (
    {".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".vue"},
    {".c", ".h", ".cc", ".cpp", ".hpp"},
    {".java", ".kt", ".scala"},
)


class Neighbours:
    """The imports of a tree: exact for Python, for other languages by names in lines that look like an import."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._modules: dict[str, str] = {}
        self._named: dict[str, set[str]] = defaultdict(set)
        tree = set(paths)
        for path in sorted(tree):
            if path.endswith(".py"):
                stem = path.removesuffix(".py").removesuffix("/__init__")
                self._modules[stem] = path
                self._modules.setdefault(posixpath.relpath(stem, _root(path, tree)), path)
            else:
                self._named[_name(path)].add(path)

    def imported_by(self, path: str, text: str) -> set[str]:
        """What the file imports."""
        if path.endswith(".py"):
            found = {self._modules[stem] for stem in _stems(path, text) if stem in self._modules}
        else:
            words = {word for line in _ANY_IMPORT.findall(text) for word in re.findall(r"[\w-]+", line)}
            found = {p for word in words for p in self._named.get(word, ()) if _kin(path, p)}
        return found - {path}

    def importers_of(self, path: str, texts: Mapping[str, str]) -> set[str]:
        """Which of the texts import the file."""
        name = _name(path)
        return {p for p, text in texts.items() if name in text and path in self.imported_by(p, text)}


def _stems(path: str, text: str) -> Iterator[str]:
    """The modules that Python text imports, as paths without suffix: absolute ones from an import root."""
    for dots, module, names in _FROM.findall(text):
        base = posixpath.join(posixpath.dirname(path), "../" * (len(dots) - 1)) if dots else ""
        stem = posixpath.join(base, module.replace(".", "/"))
        words = re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"#.*", "", names).strip("( \t\n"))
        yield from (posixpath.normpath(posixpath.join(stem, word)) for word in ("", *words))
    for names in _IMPORT.findall(text):
        yield from (n.split()[0].replace(".", "/") for n in names.split(",") if n.split())


def _root(path: str, tree: set[str]) -> str:
    """The folder that Python looks in for the module: the first one up that is no package (src/, or the root)."""
    folder = posixpath.dirname(path)
    while folder and f"{folder}/__init__.py" in tree:
        folder = posixpath.dirname(folder)
    return folder or "."


def _name(path: str) -> str:
    parts = PurePosixPath(path)
    return parts.parent.name if parts.stem in _GENERIC and parts.parent.name else parts.stem.split(".")[0]


def _kin(one: str, other: str) -> bool:
    pair = {PurePosixPath(one).suffix, PurePosixPath(other).suffix}
    return len(pair) == 1 or any(pair <= family for family in _FAMILIES)
