"""What a draft brings along that a finding's command would run in place of its tools. Nothing of it is run."""

import posixpath
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from flows.adapters.sandbox.interpreter import Interpreter

_START = r"(?:^|[\n;&|(!])\s*(?:\w+=\S*\s+)*"
_MODULE = re.compile(r"\s-m\s*([A-Za-z_][\w.]*)")
_SCRIPT = re.compile(
    r"\b(?:python[\d.]*|(?:ba|da|z)?sh|node|ruby|perl|source)\s+(?:-[a-zA-Z]+\s+)*(\w[\w./-]*|\.{1,2}/[\w./-]+)"
)
_FOLDER = re.compile(_START + r"cd\s+([\w./-]+)")
_PROGRAM = re.compile(_START + r"((?:\.{0,2}/)?[\w.-]+/[\w./-]*\w|\./[\w.-]+)")
_RECIPES = {"make": ("Makefile", "makefile", "GNUmakefile"), "npm": ("package.json",), "tox": ("tox.ini",)}
"""Program → files that say what it does."""
_AT_START = frozenset({"sitecustomize", "usercustomize"})


def stand_ins(
    command: str, before: Path, after: Path, python: Interpreter, about: Collection[str] = ()
) -> tuple[str, ...]:
    """Names of tools that the draft brings along or rewrites, and of modules that it puts before those of the tools.

    before, after: the untouched tree and the draft's. about: paths of the finding's own files, which a draft has to
    change, and which the command may run; one that is new is none that could have shown the finding.
    """
    scripts = [*_SCRIPT.findall(command), *_PROGRAM.findall(command)]
    scripts += [file for name, files in _RECIPES.items() for file in files if re.search(rf"{_START}{name}\b", command)]
    folders = ("", *_FOLDER.findall(command))
    own = {posixpath.normpath(path) for path in about}
    found = {path for path in scripts if any(_differs(posixpath.join(f, path), before, after, own) for f in folders)}
    modules = _MODULE.findall(command)
    found |= {name for name in modules if any(_rewritten(path, before, after, own) for path in _files_of(name))}
    new = set(_modules(after)) - set(_modules(before))
    tools = {name.partition(".")[0] for name in modules} | _AT_START | sys.stdlib_module_names
    return tuple(sorted(found | {name for name in new if name in tools or python.has(name)}))


def _files_of(module: str) -> Iterator[str]:
    """Where what `python -m` runs may stand in a tree."""
    stem = module.replace(".", "/")
    for root in ("", "src/"):
        yield from (f"{root}{stem}.py", f"{root}{stem}/__main__.py")


def _differs(path: str, before: Path, after: Path, own: Collection[str]) -> bool:
    """Whether a file is there that was not, or is another and none of the finding's own."""
    return ((after / path).is_file() and not (before / path).is_file()) or _rewritten(path, before, after, own)


def _rewritten(path: str, before: Path, after: Path, own: Collection[str]) -> bool:
    old, new = before / path, after / path
    there = old.is_file() and new.is_file() and posixpath.normpath(path) not in own
    return there and old.read_bytes() != new.read_bytes()


def _modules(tree: Path) -> Iterator[str]:
    """Top-level modules and packages that a command in this tree would import first."""
    for folder in (tree, tree / "src"):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.suffix == ".py" or (entry.is_dir() and any(entry.glob("*.py"))):
                yield entry.stem
