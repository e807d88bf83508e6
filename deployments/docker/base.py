"""A base image where no registry can be reached: Debian's own packages, put into a folder."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deployments.docker.engines import Engine
from stages.errors import Permanent

LOCAL = "localhost/autocoder-base"
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-venv"
"""What the Dockerfile wants of its base."""


def missing() -> str:
    """What this machine lacks to make a base, and how to get it; empty when nothing."""
    if os.getuid():
        return "making a base with debootstrap needs root"
    return "" if shutil.which("debootstrap") else "debootstrap missing, which makes a base: apt-get install debootstrap"


def make_base(engine: Engine) -> str:
    """Name of a base made here, or of the one that was made before; takes a minute, and root. Raises Permanent."""
    if engine.has(LOCAL):
        return LOCAL
    with tempfile.TemporaryDirectory(prefix="autocoder-base-") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Permanent(f"debootstrap failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        engine.adopt(root, LOCAL)
    return LOCAL
