"""A Python that a user without any rights can run, and commands run as that user."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from flows.adapters.sandbox.identity import FIRST_UID, all_reachable, may_change
from flows.adapters.sandbox.interpreter import interpreter

UID = FIRST_UID + 477
REPOSITORY = Path(__file__).parents[3]


def python_for_all(folder: Path) -> Path | str:
    """This Python, or another of its version with its packages that everybody can run; or why there is none."""
    if not may_change():
        return "this test wants to be root, to become another user"
    ours = interpreter()
    if not all_reachable((*ours.packages, REPOSITORY / "flows"), ()):
        return "the packages or this checkout are not open to other users"
    if all_reachable(ours.samples, ()):
        return ours.python
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    other = which(version, path="/usr/local/bin:/usr/bin:/bin")
    if other is None:
        return f"this Python is not open to other users, and there is no other {version}"
    for part in ("bin", f"lib/{version}"):
        (folder / part).mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(other)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(other).parent}\n")
    (folder / "lib" / version / "site-packages").symlink_to(ours.packages[0])
    return folder / "bin" / "python"


def run_as_nobody(argv: Sequence[str], home: Path, timeout: float) -> "subprocess.CompletedProcess[str]":
    """A command run by a user without any rights, in this checkout, with a home of its own."""
    home.mkdir()
    os.chown(home, UID, UID)
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(
        argv, cwd=REPOSITORY, env=env, user=UID, group=UID, extra_groups=[], capture_output=True, text=True,
        timeout=timeout,
    )  # fmt: skip
