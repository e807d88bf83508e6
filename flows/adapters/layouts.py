"""Where the code of a tree is imported from, and what of its tests' needs others provide. Nothing of it is run."""

import re
import sys
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path, PurePosixPath

from flows.adapters.ini import ini
from flows.adapters.requirements import required, toml
from flows.adapters.sandbox.interpreter import Interpreter
from flows.adapters.sandbox.testing import ROOTS
from stages.errors import Permanent

NO_DRAFTS = frozenset((
    "aiohttp", "attr", "attrs", "boto3", "bs4", "click", "django", "fastapi", "flask", "freezegun", "httpx",
    "hypothesis", "jinja2", "lxml", "matplotlib", "mock", "moto", "numpy", "pandas", "parameterized", "PIL", "psutil",
    "pyarrow", "pydantic", "pytest", "pytest_asyncio", "pytest_mock", "redis", "requests", "requests_mock", "respx",
    "responses", "rich", "scipy", "selenium", "six", "sklearn", "sqlalchemy", "starlette", "tensorflow", "torch",
    "tqdm", "typer", "vcr", "yaml",
))  # fmt: skip
"""Widely used packages: where tests import one that nobody requires, no draft was to write it."""


def roots(tree: Path) -> tuple[str, ...]:
    """Folders that the code is imported from: pytest's `pythonpath` of the repository, and the usual ones."""
    try:
        tables = toml(tree / "pyproject.toml").get("tool", {}).get("pytest", {})
        found = [tables.get("pythonpath", ""), tables.get("ini_options", {}).get("pythonpath", "")]
    except (Permanent, AttributeError):
        found = []
    sections = (
        ("pytest.ini", "pytest"),
        (".pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    )
    found += [ini(tree / name).get(section, {}).get("pythonpath", "") for name, section in sections]
    named = [word for words in found for word in _words(words)]
    inside = [str(PurePosixPath(word)) for word in named if ".." not in word and not word.startswith("/")]
    return tuple(dict.fromkeys((*inside, *(root for root in ROOTS if not _hides(tree / root)))))


def _hides(folder: Path) -> bool:
    """Whether it is a package itself, with modules named like Python's own: on the path they would hide those."""
    if not (folder / "__init__.py").is_file():
        return False
    modules_of_it = {entry.stem for entry in folder.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    return bool(modules_of_it & sys.stdlib_module_names)


def _words(value: object) -> list[str]:
    """Of a setting that may be a text or a list, or be wrong."""
    if isinstance(value, str):
        return value.split()
    return [str(one) for one in value] if isinstance(value, list) else []


def modules(tree: Path, folders: Iterable[str], imported: Collection[str] = ()) -> tuple[str, ...]:
    """Modules at the top of a tree: these are what is tested, whatever is installed under the same name.

    imported: those that the tests import; of packages without `__init__.py`, only these.
    """
    places = [tree / folder for folder in folders if (tree / folder).is_dir()]
    entries = [entry for place in places for entry in place.iterdir()]
    packages = [entry.name for entry in entries if (entry / "__init__.py").is_file()]
    spaces = [entry.name for entry in entries if entry.name in imported and any(True for _ in entry.rglob("*.py"))]
    files = [entry.stem for entry in entries if entry.suffix == ".py" and entry.name not in ("setup.py", "conftest.py")]
    return tuple(sorted({*packages, *spaces, *files} - {"tests", "test"}))


def lacking(imported: Collection[str], before: Path, after: Path, python: Interpreter) -> tuple[str, ...]:
    """Of the modules that tests import, those that the draft was to provide and does not.

    That is what stands nowhere in its tree and is not installed: it stood in the untouched code, or that neither
    requires nor uses it.
    """
    known = NO_DRAFTS | sys.stdlib_module_names | _required(before)
    candidates = [name for name in sorted(imported) if name not in known and not _installed(name, python)]
    absent = [name for name in candidates if not _stands(after, name)]
    return tuple(name for name in absent if _stands(before, name) or not _used(before, name))


def plugins(tree: Path, python: Interpreter) -> tuple[str, ...]:
    """Modules of pytest's plugins that a repository requires, from the environment that was made for it."""
    wanted, found = _required(tree), []
    for info in (info for folder in python.packages for info in folder.glob("*.dist-info")):
        if info.name.partition("-")[0].lower().replace(".", "_") in wanted:
            found += [value.partition(":")[0] for value in ini(info / "entry_points.txt").get("pytest11", {}).values()]
    return tuple(sorted(found))


def _required(tree: Path) -> frozenset[str]:
    try:
        return frozenset(name.replace("-", "_") for name in required(tree))
    except Permanent:
        return frozenset()


def _installed(name: str, python: Interpreter) -> bool:
    return python.has(name) or any(
        (folder / f"{name}.py").is_file() or any(folder.glob(f"{name}.*so")) for folder in python.packages
    )


def _stands(tree: Path, name: str) -> bool:
    return any(True for _ in chain(tree.rglob(f"{name}.py"), tree.rglob(name)))


def _used(tree: Path, name: str) -> bool:
    use = re.compile(rf"^\s*(import|from)\s+{re.escape(name)}\b", re.MULTILINE)
    return any(use.search(file.read_text("utf-8", "replace")) for file in tree.rglob("*.py") if file.is_file())
