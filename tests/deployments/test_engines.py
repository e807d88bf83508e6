"""What is said where no image can be built, and what a build borrows of this machine."""

import os
import subprocess
import sys
from pathlib import Path

from deployments.docker.image import borrowed

PROJECT = Path(__file__).parents[2]


def test_without_an_engine_it_is_skipped_and_says_how_to_get_one(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "deployments.docker.image"], cwd=PROJECT,
        env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "skipped   there is neither docker nor podman nor buildah" in done.stdout
    assert "apt-get install buildah" in done.stdout


def test_a_build_borrows_the_files_that_this_machines_pip_is_told_to_use(tmp_path: Path):
    (tmp_path / "bundle.crt").touch()
    (tmp_path / "other.crt").touch()
    named = {"PIP_CERT": str(tmp_path / "bundle.crt"), "SSL_CERT_FILE": str(tmp_path / "other.crt")}
    assert borrowed(named) == {"ca": tmp_path / "bundle.crt"}
    assert borrowed({**named, "PIP_CONFIG_FILE": str(tmp_path / "gone")}) == {"ca": tmp_path / "bundle.crt"}
