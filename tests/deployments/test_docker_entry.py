"""Secrets come as files, and the program gets them in its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.docker.entry import with_secrets
from deployments.docker.passwords import make


def test_a_file_becomes_a_variable_and_the_name_of_the_file_goes(tmp_path: Path):
    (tmp_path / "token").write_text("hf_something\n")
    found = with_secrets({"HF_TOKEN_FILE": str(tmp_path / "token"), "HOME": "/srv/prefect"})
    assert found == {"HF_TOKEN": "hf_something", "HOME": "/srv/prefect"}


def test_variables_of_others_that_end_alike_are_left_alone():
    assert with_secrets({"SSL_CERT_FILE": "/nowhere"}) == {"SSL_CERT_FILE": "/nowhere"}


def test_an_empty_token_is_no_token_but_an_empty_password_is_a_fault(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    assert with_secrets({"OPENAI_API_KEY_FILE": str(tmp_path / "empty")}) == {}
    with pytest.raises(ValueError, match=r"PREFECT_SERVER_API_AUTH_STRING_FILE: .* is empty"):
        with_secrets({"PREFECT_SERVER_API_AUTH_STRING_FILE": str(tmp_path / "empty")})


def test_a_file_that_is_not_there_is_named_with_its_variable(tmp_path: Path):
    with pytest.raises(ValueError, match=r"HF_TOKEN_FILE: .*/gone cannot be read \(No such file"):
        with_secrets({"HF_TOKEN_FILE": str(tmp_path / "gone")})


def test_the_command_takes_the_place_of_the_entry(tmp_path: Path):
    (tmp_path / "auth").write_text("admin:secret")
    code = "import os; print(os.getpid(), os.environ['PREFECT_API_AUTH_STRING'])"
    with subprocess.Popen(
        [sys.executable, "-m", "deployments.docker.entry", sys.executable, "-c", code],
        env={**os.environ, "PREFECT_API_AUTH_STRING_FILE": str(tmp_path / "auth")}, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.read() == f"{running.pid} admin:secret\n"


def test_passwords_are_made_once_and_a_token_is_renewed_when_one_is_given(tmp_path: Path):
    folder = tmp_path / "secrets"
    assert make(folder, {"HF_TOKEN": "hf_first"}) == ["api_auth", "postgres_password", "hf_token", "openai_api_key"]
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert before["api_auth"].startswith("admin:")
    assert before["hf_token"] == "hf_first"
    assert before["openai_api_key"] == ""
    assert make(folder, {}) == []
    assert make(folder, {"HF_TOKEN": "hf_second"}) == ["hf_token"]
    assert (folder / "hf_token").read_text() == "hf_second"
    assert (folder / "api_auth").read_text() == before["api_auth"]
    assert folder.stat().st_mode & 0o777 == 0o700
