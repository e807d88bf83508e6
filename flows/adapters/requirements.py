"""What a repository needs from others to be tested, read from its files. Nothing of it is run."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.errors import Permanent

FILES = (
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "requirements/test.txt",
    "test-requirements.txt",
)
GROUPS = ("test", "tests", "testing", "dev")
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,. -]*\])?\s*([<>=!~(][^/@]*)?(;.*)?")
"""A name, extras, versions, a marker: neither an option nor an address nor a path."""


def requirements(tree: Path) -> tuple[str, ...]:
    """Requirements of the code and of its tests, sorted. Raises Permanent for one that is no plain name and version."""
    project = _project(tree)
    found = {line for name in FILES for line in _lines(tree / name)} | set(_declared(project))
    odd = sorted(line for line in found if not _REQUIREMENT.fullmatch(line))
    if odd:
        raise Permanent(f"it requires {', '.join(odd[:3])}, which is more than a name and a version")
    own = _plain(str(project.get("project", {}).get("name", "")))
    return tuple(sorted(line for line in found if _plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) != own))


def pins(tree: Path) -> tuple[str, ...]:
    """`name==version` of every package in the repository's lock files."""
    found = set()
    for name in LOCKS:
        locked = _toml(tree / name)
        for package in [*locked.get("package", []), *locked.get("packages", [])]:
            if isinstance(package, dict) and {"name", "version"} <= package.keys() and _from_index(package):
                found.add(f"{package['name']}=={package['version']}")
    return tuple(sorted(pin for pin in found if _REQUIREMENT.fullmatch(pin)))


def _from_index(package: dict[str, Any]) -> bool:
    source = package.get("source", {})
    return not isinstance(source, dict) or not {"git", "editable", "virtual", "directory", "path"} & source.keys()


def _lines(file: Path) -> Iterator[str]:
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ").splitlines():
        plain = re.split(r"(?:^|\s)#|\s--hash=", line)[0].strip()
        if plain and not plain.startswith("-"):  # options would lead pip elsewhere: other indexes, other files
            yield plain


def _declared(project: dict[str, Any]) -> Iterator[str]:
    table = project.get("project", {})
    lists = [table.get("dependencies", [])]
    for groups in (table.get("optional-dependencies", {}), project.get("dependency-groups", {})):
        lists += [groups[name] for name in GROUPS if name in groups]
    yield from (line.strip() for lines in lists for line in lines if isinstance(line, str))


def _project(tree: Path) -> dict[str, Any]:
    return _toml(tree / "pyproject.toml")


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"its {file.name} cannot be read: {error}") from None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
