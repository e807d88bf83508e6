"""`python -m deployments.space` against a Hub: real client, real HTTP."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi
from pydantic import SecretStr
from pytest_mock import MockerFixture

from deployments.space.__main__ import SECRETS, main, put_in_place
from deployments.space.files import HERE, files
from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_spaces import secrets
from flows.adapters.space import Space
from stages.errors import Misconfigured, Permanent
from tests.adapters.accounts import Accounts, Who

NAME = "autocoder/worker"
TOKEN = "hf_planted-and-never-to-be-seen"
GIVEN = {"HF_TOKEN": SecretStr(TOKEN), "AUTOCODER_PASSWORD": SecretStr("long enough a password")}


PLANTED = b"planted-and-never-to-be-uploaded"
BESIDE = (
    "deployments/docker/secrets/hf_token", "deployments/docker/secrets/api_auth", "deployments/docker/settings.env",
    "deployments/docker/compose.override.yaml", "deployments/.env", "flows/mine.py",
)  # fmt: skip
"""What owners of a checkout keep in it."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    with LocalHub(tmp_path_factory.mktemp("hub")) as served:
        yield served


@pytest.fixture
def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.address, token=TOKEN)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's files, committed, and beside them tokens and passwords that no .gitignore names."""
    place = tmp_path / "checkout"
    lay(place, {**files(), "deployments/rehearsal/record.json": b"{}"})
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "-c", "user.name=Ada", "-c", "user.email=ada@localhost", "commit", "--quiet", "-m", "The project")
    lay(place, dict.fromkeys(BESIDE, PLANTED))
    return place


def lay(place: Path, content: dict[str, bytes]) -> None:
    for path, each in content.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(each)


def git(place: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=place, check=True)


def space(hub: LocalHub, name: str = NAME) -> Space:
    return Space(hub.address, SecretStr(TOKEN), name)


def test_a_space_is_made_with_its_secrets_and_this_projects_files(hub: LocalHub, api: HfApi):
    lines = put_in_place(space(hub), GIVEN, private=True)
    assert lines[0] == f"space     {hub.address}/spaces/{NAME} (made)"
    assert lines[1] == "secrets   HF_TOKEN, AUTOCODER_PASSWORD"
    assert TOKEN not in "".join(lines)
    assert secrets(hub.folder, NAME) == {name: value.get_secret_value() for name, value in GIVEN.items()}
    found = api.list_repo_files(NAME, repo_type="space")
    assert set(found) == {".gitattributes", *files()}
    assert {"Dockerfile", "flows/implement.py", "templates/draft.j2", "prefect.yaml"} <= set(found)
    assert not [path for path in found if "__pycache__" in path or "rehearsal/" in path]
    assert api.space_info(NAME).private


def test_doing_it_again_commits_nothing_until_something_differs(hub: LocalHub, api: HfApi):
    name = "autocoder/again"
    put_in_place(space(hub, name), GIVEN, private=False)
    first = api.space_info(name).sha
    again = put_in_place(space(hub, name), GIVEN, private=False)
    assert api.space_info(name).sha == first
    assert "was there" in again[0]
    assert "nothing to commit" in again[2]
    changes = {"flows/stale.py": b"old", "LICENSE": b"another", "notes.txt": b"the owner's own", ".gitattributes": b""}
    space(hub, name).commit(changes, first or "", "somebody's")
    assert "of which 2 differed" in put_in_place(space(hub, name), GIVEN, private=False)[2]
    assert set(api.list_repo_files(name, repo_type="space")) == {".gitattributes", "notes.txt", *files()}


def test_a_token_that_may_not_write_is_told_so(tmp_path: Path):
    with (
        LocalHub(tmp_path, wrap=Accounts({TOKEN: Who("ada")})) as hub,
        pytest.raises(Permanent, match="may not do this"),
    ):
        put_in_place(space(hub, "grace/worker"), GIVEN, private=False)


def command(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "deployments.space", *args],
        env={**kept, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_says_what_it_did_and_no_secret(hub: LocalHub):
    done = command("autocoder/by-command", HF_ENDPOINT=hub.address, HF_TOKEN=TOKEN, AUTOCODER_MODEL="qwen")
    assert done.returncode == 0, done.stderr
    assert "secrets   HF_TOKEN, AUTOCODER_MODEL" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert secrets(hub.folder, "autocoder/by-command") == {"HF_TOKEN": TOKEN, "AUTOCODER_MODEL": "qwen"}


def test_without_a_token_the_command_says_what_to_set(mocker: MockerFixture):
    mocker.patch("sys.argv", ["space", NAME])
    with pytest.raises(SystemExit, match="Set HF_TOKEN"):
        main()


def test_the_card_begins_with_what_the_hub_reads():
    header = yaml.safe_load((HERE / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    expected = {
        "title": "Autocoder Implementation Worker",
        "emoji": "⚙️",
        "colorFrom": "purple",
        "colorTo": "red",
        "sdk": "docker",
        "app_port": 7860,
        "license": "mit",
    }
    assert {name: header[name] for name in expected} == expected
    assert "prefect" in header["tags"]


def test_what_git_does_not_track_is_never_uploaded(checkout: Path):
    found = files(checkout)
    assert not [path for path, content in found.items() if PLANTED in content]
    assert set(found) == set(files())
    (checkout / "flows" / "added.py").write_text("")
    git(checkout, "add", "flows/added.py")
    assert set(files(checkout)) == {*found, "flows/added.py"}


def test_outside_of_a_git_checkout_nothing_is_uploaded(tmp_path: Path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "implement.py").touch()
    with pytest.raises(Misconfigured, match="is no git checkout of the project"):
        files(tmp_path)


def test_copying_by_hand_as_the_readme_says_gives_the_same_files(checkout: Path, tmp_path: Path):
    (script,) = [block for block in blocks("sh") if "git archive" in block]
    (tmp_path / "copy").mkdir()
    copy = "\n".join(line for line in script.splitlines() if not re.match("git (clone|-C)", line))
    environment = {**os.environ, "SPACE": str(tmp_path / "copy")}
    subprocess.run(["sh", "-euc", copy], cwd=checkout, env=environment, check=True)
    copied = {
        path.relative_to(tmp_path / "copy").as_posix(): path.read_bytes()
        for path in (tmp_path / "copy").rglob("*")
        if path.is_file()
    }
    assert copied == files(checkout)


def test_every_secret_that_is_handed_on_is_in_the_readme():
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    assert [name for name in SECRETS if f"`{name}`" not in readme] == []


def blocks(language: str) -> list[str]:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    return [block.split("```")[0] for block in readme.split(f"```{language}\n")[1:]]
