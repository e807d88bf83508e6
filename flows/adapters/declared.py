"""Requirements as Poetry, Pipenv and setuptools have them declared, as lines that pip takes. Nothing of it is run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.adapters.ini import ini

_VERSION = re.compile(r"(\^|~(?!=))\s*v?(\d+(?:\.\d+)*)\S*")


def of_poetry(poetry: Mapping[str, Any], groups: Iterable[str]) -> Iterator[str]:
    """Of the table `tool.poetry`: of the code, and of these groups."""
    tables = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    tables += [_table(poetry, "group", name, "dependencies") for name in groups]
    for name, wanted in (pair for table in tables for pair in table.items()):
        if name.lower() != "python":
            yield _line(name, wanted)


def of_pipfile(pipfile: Mapping[str, Any]) -> Iterator[str]:
    """Of a Pipfile, those for development with them."""
    for name, wanted in (pair for part in ("packages", "dev-packages") for pair in _table(pipfile, part).items()):
        yield _line(name, wanted)


def of_setup_cfg(file: Path, groups: Iterable[str]) -> Iterator[str]:
    """Of a setup.cfg: of the code, of its tests, and of these extras."""
    sections = ini(file)
    options, extras = sections.get("options", {}), sections.get("options.extras_require", {})
    texts = [options.get("install_requires", ""), options.get("tests_require", "")]
    texts += [extras.get(name, "") for name in groups]
    lines = (line.partition(" #")[0].strip() for text in texts for line in text.split("\n"))
    return (line for line in lines if line and not line.startswith("#"))


def _table(found: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _line(name: str, wanted: Any) -> str:
    """A line for a name with its version, or with a table of more. An address or a path is left for all to see."""
    if isinstance(wanted, list):  # one for each Python or system: the lock file says which
        return name
    if not isinstance(wanted, Mapping):
        return name + _versions(str(wanted))
    if elsewhere := next((wanted[key] for key in ("git", "url", "path", "file") if key in wanted), ""):
        return f"{name} @ {elsewhere}"
    extras = ",".join(map(str, named if isinstance(named := wanted.get("extras"), list) else ()))
    marker = f"; {wanted['markers']}" if "markers" in wanted else ""
    return f"{name}{f'[{extras}]' if extras else ''}{_versions(str(wanted.get('version', '')))}{marker}"


def _versions(text: str) -> str:
    """Poetry's and Pipenv's words for versions as pip's: `^1.2` as `>=1.2,<2`, `1.2` as `==1.2`, `*` as nothing."""
    if "|" in text:
        return ""
    parts = [part.strip().replace(" ", "") for part in re.split(r"[,\s]+(?=[<>=!~^\d*])", text) if part.strip(" ,*")]
    return ",".join(f"=={part}" if part[0].isdigit() else _VERSION.sub(_range, part) for part in parts)


def _range(found: re.Match[str]) -> str:
    """What a caret or a tilde leaves open (https://python-poetry.org/docs/dependency-specification)."""
    numbers = [int(part) for part in found[2].split(".")]
    caret = next((n for n, number in enumerate(numbers) if number), len(numbers) - 1)
    kept = caret if found[1] == "^" else min(1, len(numbers) - 1)
    above = [*numbers[:kept], numbers[kept] + 1]
    return f">={found[2]},<{'.'.join(map(str, above))}"
