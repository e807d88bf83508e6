"""What a repository needs from others to be tested, read from its files. Nothing of it is run."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.adapters.declared import of_pipfile, of_poetry, of_setup_cfg
from flows.adapters.ini import ini
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
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,. -]*\])?\s*([<>=!~(][^/@$\r\n]*)?(;[^$\r\n]*)?")
"""A name, extras, versions, a marker: neither an option nor an address, a path, or a variable that pip expands."""
_MARKER = re.compile(r"[\w .'\"<>=!~(),-]+", re.ASCII)
_PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+*-]+", re.ASCII)


def requirements(tree: Path) -> tuple[str, ...]:
    """Requirements of the code and of its tests, sorted. Raises Permanent for one that is no plain name and version."""
    project = _project(tree)
    found = {line for name in FILES for line in _lines(tree / name)} | set(_declared(project))
    found |= {*of_pipfile(toml(tree / "Pipfile")), *of_setup_cfg(tree / "setup.cfg", GROUPS)}
    odd = sorted(line for line in found if not _REQUIREMENT.fullmatch(line) or line.splitlines() != [line])
    if odd:
        raise Permanent(f"it requires {', '.join(odd[:3])}, which is more than a name and a version")
    own = {_plain(str(table.get("name", ""))) for table in (_table(project, "project"), _poetry(project))}
    own.add(_plain(ini(tree / "setup.cfg").get("metadata", {}).get("name", "")))
    return tuple(sorted(line for line in found if _name(line) not in own))


def unread(tree: Path) -> str:
    """A sentence where only a program can say what is required, empty where a file does."""
    text = (tree / "setup.py").read_text("utf-8", "replace") if (tree / "setup.py").is_file() else ""
    if not re.search(r"\b(install|extras|tests)_require", text) or requirements(tree):
        return ""
    return "What setup.py requires is not known without running it, so nothing of that is installed."


def required(tree: Path) -> frozenset[str]:
    """Names of what is required, in lower case, with hyphens. Raises Permanent as `requirements` does."""
    return frozenset(_name(line) for line in requirements(tree))


def pins(tree: Path) -> tuple[str, ...]:
    """`name==version` of every package in the repository's lock files, with its marker where that has one.

    Of a package with several versions those are kept that have markers, if all have: which holds is pip's to say. Else
    none is, and pip finds one by the project's own ranges.
    """
    found: dict[str, dict[str, str]] = {}
    for name in LOCKS:
        locked = toml(tree / name)
        for package in [*_list(locked, "package", name), *_list(locked, "packages", name)]:
            if isinstance(package, dict) and {"name", "version"} <= package.keys() and _from_index(package):
                pin = f"{package['name']}=={package['version']}"
                if _PIN.fullmatch(pin):
                    found.setdefault(_plain(package["name"]), {})[pin] = _marker(package)
    return tuple(sorted(line for versions in found.values() for line in _lines_of(versions)))


def _lines_of(versions: Mapping[str, str]) -> list[str]:
    """Of one package, pin → marker, as lines for pip."""
    if len(versions) == 1:
        return [*versions]
    return [f"{pin}; {marker}" for pin, marker in versions.items()] if all(versions.values()) else []


def _marker(package: Mapping[str, Any]) -> str:
    """As uv (a list, of which one has to hold), Poetry (a text, or one for each group) and others write it."""
    found = next((package[key] for key in ("resolution-markers", "markers", "marker") if key in package), ())
    parts = [found] if isinstance(found, str) else [*found.values()] if isinstance(found, dict) else found
    fits = isinstance(parts, list) and all(isinstance(part, str) and _MARKER.fullmatch(part) for part in parts)
    return " or ".join(f"({part})" for part in parts) if fits else ""


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
    table = _table(project, "project")
    lists = [_list(table, "dependencies")]
    for groups in (_table(table, "optional-dependencies"), _table(project, "dependency-groups")):
        lists += [_list(groups, name) for name in GROUPS]
    yield from of_poetry(_poetry(project), GROUPS)
    yield from (line.strip() for lines in lists for line in lines if isinstance(line, str))


def _project(tree: Path) -> dict[str, Any]:
    return toml(tree / "pyproject.toml")


def toml(file: Path) -> dict[str, Any]:
    """A file of that kind; empty if it is not there. Raises Permanent for one that cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"its {file.name} cannot be read: {error}") from None


def _poetry(project: dict[str, Any]) -> dict[str, Any]:
    return _table(_table(project, "tool"), "poetry")


def _table(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Raises Permanent for what is none, since nobody can say what it was to require."""
    value = found.get(name, {})
    if not isinstance(value, dict):
        raise Permanent(f"its pyproject.toml cannot be read: {name} is no table")
    return value


def _list(found: Mapping[str, Any], name: str, file: str = "pyproject.toml") -> list[Any]:
    value = found.get(name, [])
    if not isinstance(value, list):
        raise Permanent(f"its {file} cannot be read: {name} is no list")
    return value


def _name(line: str) -> str:
    return _plain(re.split(r"[^\w.-]", line, maxsplit=1)[0])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
