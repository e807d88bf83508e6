"""Pythons beside our own: one that everybody can run, one for a repository, one without pytest."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from flows.adapters.sandbox.identity import all_reachable, may_change
from flows.adapters.sandbox.interpreter import interpreter

NOBODY = 65533
REPOSITORY = Path(__file__).parents[3]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def environment(folder: Path, python: str, packages: Path | None) -> Path:
    """The interpreter of a new virtual environment, made from a Python, with the packages of another or none."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / VERSION).mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(python)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\n")
    site = folder / "lib" / VERSION / "site-packages"
    site.symlink_to(packages) if packages else site.mkdir()
    return folder / "bin" / "python"


def python_for_all(folder: Path) -> Path | str:
    """This Python, or another of its version with its packages, that everybody can run; or why there is none."""
    if not may_change():
        return "this test wants to be root, to become another user"
    ours = interpreter()
    if not all_reachable((*ours.packages, REPOSITORY / "flows"), ()):
        return "the packages or this checkout are not open to other users"
    if all_reachable(ours.samples, ()):
        return ours.python
    other = which(VERSION, path="/usr/local/bin:/usr/bin:/bin")
    if other is None:
        return f"this Python is not open to other users, and there is no other {VERSION}"
    return environment(folder, other, ours.packages[0])


def run(argv: Sequence[str], home: Path, uid: int | None, timeout: float) -> "subprocess.CompletedProcess[str]":
    """A command in this checkout, with a home of its own, by a user without any rights, or by us (None)."""
    home.mkdir()
    if uid is not None:
        os.chown(home, uid, uid)
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    groups = () if uid is not None else None
    return subprocess.run(
        argv, cwd=REPOSITORY, env=env, user=uid, group=uid, extra_groups=groups, capture_output=True, text=True,
        timeout=timeout,
    )  # fmt: skip
