"""A Python and the places it must be able to read."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PARTS = ("bin", "lib", "lib64", "libexec", "share", "include", "ssl", "pyvenv.cfg")
"""Of a prefix only these are readable: it may be somebody's home."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, what it reads to run, and where its packages lie."""

    python: Path
    """As it is called: a virtual environment's is a link."""
    readable: tuple[Path, ...]
    packages: tuple[Path, ...]
    """Its site-packages folders, links followed: a link on the way there may lead through what cannot be read."""

    @property
    def is_ours(self) -> bool:
        return self.python == Path(sys.executable)

    def has(self, module: str) -> bool:
        """Whether a package or module of that name is installed."""
        return any((folder / module).is_dir() or any(folder.glob(f"{module}.*")) for folder in self.packages)

    @property
    def samples(self) -> tuple[Path, ...]:
        """Paths that must be readable for anything to work."""
        return (*self.readable, *_our_files()) if self.is_ours else self.readable


@cache
def interpreter(python: Path | None = None) -> Interpreter:
    """What is known of a Python, by its path alone: it is not started. None: the one that runs this."""
    if python is None or python == Path(sys.executable):
        packages = tuple(Path(p).resolve() for p in sys.path if Path(p).name in ("site-packages", "dist-packages"))
        prefixes = {Path(p) for p in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)}
        return Interpreter(Path(sys.executable), _readable(Path(sys.executable), prefixes, packages), packages)
    prefix = python.parent.parent
    packages = tuple(sorted(folder.resolve() for folder in prefix.glob("lib/python3*/*-packages")))
    return Interpreter(python, _readable(python, {prefix, *_base(prefix)}, packages), packages)


def _base(prefix: Path) -> tuple[Path, ...]:
    """The prefix that a virtual environment was made from."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return ()
    return tuple(Path(line.partition("=")[2].strip()).parent for line in lines if line.split("=")[0].strip() == "home")


def _readable(python: Path, prefixes: set[Path], packages: tuple[Path, ...]) -> tuple[Path, ...]:
    prefixes = {*prefixes, python.resolve().parent.parent}
    paths = {prefix / part for prefix in prefixes for part in _PARTS}
    # bubblewrap cannot mount onto a link that leads out of another mount
    return tuple(sorted(path for path in {*paths, *(folder.resolve() for folder in packages)} if path.exists()))


@cache
def _our_files() -> tuple[Path, ...]:
    """A module of the standard library and one of the packages: an environment may be closed file by file."""
    found = (find_spec(name) for name in ("pytest", "landlockpy"))
    return (Path(os.__file__), *(Path(spec.origin) for spec in found if spec and spec.origin))
