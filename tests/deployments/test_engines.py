"""What is said where no image can be built, and what a build borrows of this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

from deployments.docker.image import borrowed, tells

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


def test_a_secret_of_the_build_is_found_in_an_image_that_tells_it(tmp_path: Path):
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://user:planted@index.example/simple\n")
    assert tells(
        json.dumps({"history": "RUN index-url = https://user:planted@index.example/simple"}), tmp_path / "pip.conf"
    )
    assert not tells(json.dumps({"history": "[global] target=/etc/pip.conf"}), tmp_path / "pip.conf")
