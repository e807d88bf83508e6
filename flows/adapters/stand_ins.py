"""What a draft brings along that a finding's command would run in place of its tools. Nothing of it is run."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from flows.adapters.sandbox.interpreter import Interpreter

_START = r"(?:^|[\n;&|(!])\s*(?:\w+=\S*\s+)*"
_MODULE = re.compile(r"\s-m\s*([A-Za-z_]\w*)")
_SCRIPT = re.compile(
    r"\b(python[\d.]*|(?:ba|da|z)?sh|node|ruby|perl|source)\s+(?:-[a-zA-Z]+\s+)*(\w[\w./-]*|\./[\w./-]+)"
)
_PROGRAM = re.compile(_START + r"((?:\.{0,2}/)?[\w.-]+/[\w./-]*\w|\./[\w.-]+)")
_RECIPES = {"make": ("Makefile", "makefile", "GNUmakefile"), "npm": ("package.json",), "tox": ("tox.ini",)}
"""Program → files that say what it does."""
_AT_START = frozenset({"sitecustomize", "usercustomize"})


def stand_ins(command: str, before: Path, after: Path, python: Interpreter) -> tuple[str, ...]:
    """Names of tools that the draft brings along or rewrites, and of modules that it puts before those of the tools.

    before, after: the untouched tree and the draft's. A script in Python may be the code that the finding is about,
    which a draft has to change; one that is new is none that could have shown the finding.
    """
    scripts = [(program, path) for program, path in _SCRIPT.findall(command)]
    scripts += [("", path) for path in _PROGRAM.findall(command)]
    scripts += [
        ("", file) for name, files in _RECIPES.items() for file in files if re.search(rf"{_START}{name}\b", command)
    ]
    found = {path for program, path in scripts if _differs(before / path, after / path, program.startswith("python"))}
    new = set(_modules(after)) - set(_modules(before))
    tools = set(_MODULE.findall(command)) | _AT_START | sys.stdlib_module_names
    return tuple(sorted(found | {name for name in new if name in tools or python.has(name)}))


def _differs(before: Path, after: Path, may_change: bool) -> bool:
    """Whether a file is there that was not, or, where it may not, is another."""
    if not after.is_file():
        return False
    return not before.is_file() or (not may_change and before.read_bytes() != after.read_bytes())


def _modules(tree: Path) -> Iterator[str]:
    """Top-level modules and packages that a command in this tree would import first."""
    for folder in (tree, tree / "src"):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.suffix == ".py" or (entry.is_dir() and any(entry.glob("*.py"))):
                yield entry.stem
