"""Addresses without the login that one may hold; names of git repositories, and which of them may be fetched."""

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stages.errors import Permanent

PROTOCOLS = ("file", "git", "http", "https", "ssh")


def scrub(text: str) -> str:
    """The text with user names and passwords taken out of every URL in it."""
    return re.sub(r"(\w+://)[^/\s'\"]*@", r"\1", text)


def without_login(address: str) -> str:
    """The address of a server without user and password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def passwords(address: str) -> tuple[str, ...]:
    """The password that the address holds, as it is written there and as it is meant; empty without one."""
    written = urlsplit(address).netloc.rpartition("@")[0].partition(":")[2]
    return (written, unquote(written)) if written else ()


def address(repository: str, base: Path) -> str:
    """What git is given for a repository's name: a URL, `host:path`, or an absolute path (a relative one is in `base`).

    Raises Permanent for what git could take for an option, a command to run, or a path out of `base`.
    """
    name = repository.strip()
    usable = f"Use a path, or an address that begins with {', '.join(f'{p}://' for p in PROTOCOLS)}."
    if not name or name.startswith("-") or any(ord(c) < 32 for c in name):
        raise Permanent(f"{scrub(name)!r} is no name of a git repository. {usable}")
    scheme, separator, rest = name.partition("://")
    if separator:
        if scheme.lower() not in PROTOCOLS or rest.startswith("-"):
            raise Permanent(f"{scrub(name)} is not fetched. {usable}")
        return name
    host = name.partition("/")[0]
    if "::" in host:
        raise Permanent(f"{scrub(name)} is not fetched: a remote helper may run any command. {usable}")
    return name if ":" in host else str(_folder(Path(name).expanduser(), base))


def _folder(path: Path, base: Path) -> Path:
    there = Path(os.path.normpath(base / path))
    if not path.is_absolute() and not there.is_relative_to(base):
        raise Permanent(f"The repository {path} leads out of {base}, below which relative paths are looked up.")
    if not there.exists():
        raise Permanent(f"There is no repository at {there}: correct the path, or the record that names it.")
    return there
