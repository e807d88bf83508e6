"""Settings: everything that is wrong is said at once, and addresses choose the implementation."""

import os
from pathlib import Path

import pytest

from flows.environment import load
from flows.settings import OPENAI, REAL_HUB, REHEARSAL, ROUTER, ROUTER_MODEL, Settings
from stages.errors import Misconfigured, Permanent
from stages.paths import protected_by


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("AUTOCODER_", "HF_", "OPENAI_")):
            monkeypatch.delenv(name)


def test_without_an_environment_everything_stays_on_this_machine():
    settings = load()
    assert not settings.on_real_hub
    assert settings.hub_address == "http://127.0.0.1:8765"
    assert settings.model_name.startswith("replay:")
    assert settings.model_address == ""


def test_every_wrong_setting_is_reported_at_once(monkeypatch):
    monkeypatch.setenv("AUTOCODER_TRIES", "many")
    monkeypatch.setenv("HF_USERNAME", "two/parts")
    monkeypatch.setenv("AUTOCODER_REPAIR", "1")
    monkeypatch.setenv("AUTOCODER_TEMPLATES", "nowhere")
    with pytest.raises(Permanent) as caught:
        load()
    message = str(caught.value)
    assert "AUTOCODER_TRIES: " in message
    assert "valid integer" in message
    assert "HF_USERNAME: " in message
    assert "AUTOCODER_REPAIR: there is no such setting; did you mean AUTOCODER_REPAIRS?" in message
    assert "AUTOCODER_TEMPLATES: " in message


def test_results_and_blocks_are_named_as_prefect_names_them(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOCODER_RESULTS", str(tmp_path / "file" / "below"))
    monkeypatch.setenv("AUTOCODER_NOTIFY", "slack")
    with pytest.raises(Permanent) as caught:
        load()
    assert "AUTOCODER_RESULTS: expected block-type/name of a Prefect storage block, or a folder" in str(caught.value)
    assert "AUTOCODER_NOTIFY: expected block-type/name of a Prefect block" in str(caught.value)
    monkeypatch.setenv("AUTOCODER_RESULTS", "s3-bucket/ours")
    monkeypatch.setenv("AUTOCODER_NOTIFY", "slack-webhook/ops")
    assert load().results_folder is None
    monkeypatch.delenv("AUTOCODER_RESULTS")
    assert load().results_folder == load().home / "results"


def test_a_wrong_setting_never_shows_the_token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    monkeypatch.setenv("AUTOCODER_TRIES", "0")
    with pytest.raises(Permanent) as caught:
        load()
    assert "hf_planted" not in str(caught.value)
    monkeypatch.delenv("AUTOCODER_TRIES")
    assert "hf_planted" not in repr(load())


def test_a_token_means_the_real_hub_and_its_router(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("HF_USERNAME", "ada")
    settings = load()
    assert settings.hub_address == REAL_HUB
    assert (settings.model_address, settings.model_name) == (ROUTER, ROUTER_MODEL)
    assert settings.datasets[2] == "ada/autocoder-implementation-results"


def test_one_setting_keeps_everything_local_despite_a_token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("AUTOCODER_LOCAL", "1")
    settings = load()
    assert not settings.on_real_hub
    assert settings.model_name.startswith("replay:")


def test_a_stray_openai_key_alone_calls_nobody(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert load().model_name.startswith("replay:")


def test_a_model_with_an_openai_key_means_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("AUTOCODER_MODEL", "gpt-x")
    assert load().model_address == OPENAI


def test_a_base_url_means_that_endpoint(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    settings = load()
    assert settings.model_address == "http://127.0.0.1:11434/v1"
    assert settings.model_name == ""


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("AUTOCODER_HOME", "")
    assert not load().on_real_hub


def wrong(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Permanent) as caught:
        load()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HF_USERNAME", "two/parts", "expected one name of an account or organisation, without a slash"),
        ("HF_ENDPOINT", "huggingface.co", "expected an address that begins with http:// or https://"),
        ("HF_ENDPOINT", "https://bob:SECRET@hub.example", "without user and password: HF_TOKEN goes in their place"),
        ("OPENAI_BASE_URL", "localhost:8000/v1", "expected an address that begins with http:// or https://"),
        ("AUTOCODER_LOCAL_HUB", "http://hub.example.org:8765", "expected http://127.0.0.1:PORT or http://NAME:PORT"),
        ("AUTOCODER_ANALYSIS_DATASET", "findings", "expected a dataset as owner/name"),
        ("AUTOCODER_RESULTS_DATASET", "https://huggingface.co/datasets/ada/x", "expected a dataset as owner/name"),
        ("AUTOCODER_RESULTS_DATASET", "ada/..", "expected a dataset as owner/name"),
        ("AUTOCODER_PROTECTED", '["*.lock"]', "expected patterns separated by commas, without quotes"),
        ("AUTOCODER_MODEL", "replay:/nope", "recordings, or a folder of such files, which /nope is not (No such file"),
        ("AUTOCODER_HOME", "/dev/null", "expected a folder that can be made and written in, which /dev/null is not"),
        ("AUTOCODER_HOME", "/dev/null/home", "which /dev/null/home is not (Not a directory)"),
        ("AUTOCODER_HOME", "~nobody-by-that-name/home", "is not (no such user)"),
        ("AUTOCODER_TEMPLATES", "/nope", "expected a folder, which /nope is not"),
        ("AUTOCODER_PYTHON", "/", "expected an interpreter that can be started, which / is not"),
        ("AUTOCODER_REPOSITORY", "/nope", "the address of a git repository or a path that exists, which /nope is not"),
        ("AUTOCODER_REPOSITORY", "ext::sh", "a remote helper may run any command"),
    ],
)
def test_what_is_expected_is_said_in_words(monkeypatch, name: str, value: str, expected: str):
    said = wrong(monkeypatch, **{name: value, "AUTOCODER_TRIES": "many"})
    (line,) = (line for line in said.splitlines() if line.startswith(f"  {name}: "))
    assert expected in line
    assert "Value error" not in line
    assert "SECRET" not in said
    assert "  AUTOCODER_TRIES: " in said, "told with it"


def test_no_setting_is_read_in_a_way_that_ends_in_a_traceback(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # the home is made there
    free = {  # take nearly any text
        "hf_token",
        "openai_api_key",
        "suite",
        "model",
        "record",
        "home",
        "protected",
        "repository",
        "results",
        "templates",
    }
    names = {
        name: field.validation_alias or f"AUTOCODER_{name.upper()}" for name, field in Settings.model_fields.items()
    }
    said = wrong(monkeypatch, **dict.fromkeys(names.values(), "{ no: such, thing"))
    assert all(f"  {names[name]}: " in said for name in names.keys() - free)


def test_recordings_are_found_and_an_empty_folder_holds_none(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "AUTOCODER_MODEL: expected a .jsonl file" in wrong(monkeypatch, AUTOCODER_MODEL="replay:empty")
    (tmp_path / "calls.jsonl").write_bytes(next(REHEARSAL.glob("*.jsonl")).read_bytes())
    monkeypatch.setenv("AUTOCODER_MODEL", "replay:calls.jsonl")
    assert load().model_name == f"replay:{tmp_path / 'calls.jsonl'}"


def test_patterns_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("AUTOCODER_PROTECTED", "*.lock, .ci/** ,")
    assert load().protected == ("*.lock", ".ci/**")
    monkeypatch.setenv("AUTOCODER_PROTECTED", ",")
    assert load().protected == ()
    monkeypatch.delenv("AUTOCODER_PROTECTED")
    assert "Jenkinsfile" in load().protected


def test_the_home_is_made_and_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOCODER_HOME", "deep/home")
    assert load().home == tmp_path / "deep" / "home"
    assert (tmp_path / "deep" / "home").is_dir()


def test_a_relative_repository_is_looked_up_in_the_current_folder(monkeypatch, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("AUTOCODER_REPOSITORY", "../code")
    assert load().repository == str(tmp_path / "code")


@pytest.mark.parametrize(
    "address", ["https://bob:SECRET@example.org/a.git", "git@example.org:ada/a.git", "host:a", Path.cwd().as_uri()]
)
def test_the_address_of_a_repository_stays_as_it_is(monkeypatch, address: str):
    monkeypatch.setenv("AUTOCODER_REPOSITORY", address)
    assert load().repository == address


def test_a_replay_is_published_to_no_hub_with_accounts(monkeypatch):
    monkeypatch.setenv("AUTOCODER_MODEL", f"replay:{REHEARSAL}")
    load().check_publishing()
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    with pytest.raises(Misconfigured, match="A replay is never published to the real Hub"):
        load().check_publishing()
    monkeypatch.setenv("AUTOCODER_LOCAL", "1")
    load().check_publishing()


def test_what_is_wrong_between_settings_is_said_with_what_is_wrong_in_one(monkeypatch):
    monkeypatch.setenv("AUTOCODER_TRIES", "many")
    monkeypatch.setenv("AUTOCODER_DOLLARS_PER_DAY", "1")
    with pytest.raises(Permanent) as caught:
        load()
    assert "AUTOCODER_TRIES: " in str(caught.value)
    assert "a bound in dollars needs both AUTOCODER_PRICE_PROMPT" in str(caught.value)


def test_a_model_of_openai_without_a_key_is_told_at_the_start(monkeypatch):
    monkeypatch.setenv("AUTOCODER_MODEL", "gpt-x")
    with pytest.raises(Permanent, match="set OPENAI_API_KEY, or OPENAI_BASE_URL to another"):
        load()


def test_with_a_token_a_stray_openai_key_leaves_the_router_the_router(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    settings = load()
    assert (settings.model_address, settings.model_name, settings.day_tokens) == (ROUTER, ROUTER_MODEL, 200_000)


@pytest.mark.parametrize("address", [f"{ROUTER}/", "https://Router.Huggingface.co/novita/v1"])
def test_a_free_account_is_bounded_however_the_router_is_spelled(monkeypatch, address: str):
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("AUTOCODER_MODEL", "some/model")
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    assert load().day_tokens == 200_000


@pytest.mark.parametrize("ending", ["\r", "\n", " \t"])
def test_line_ends_and_blanks_around_a_token_do_not_count(monkeypatch, ending):
    monkeypatch.setenv("HF_TOKEN", f"hf_planted{ending}")
    assert load().hf_token.get_secret_value() == "hf_planted"


@pytest.mark.parametrize("token", ["hf_plan ted", "hf_plantéd", "   "])
def test_what_can_be_no_token_is_told_and_not_shown(monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(Permanent, match="HF_TOKEN: expected a token of printable ASCII") as caught:
        load()
    assert "plan" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("AUTOCODER_LOCAL_HUB", "http://127.0.0.1:99999"), ("AUTOCODER_RECORD", "/dev/null/recordings")],
)
def test_what_cannot_be_used_is_told_at_the_start(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(Permanent, match=name):
        load()


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml", ".github/actions/setup/action.yml", ".gitlab-ci.yml", ".gitlab/ci/test.yml",
        ".gitea/workflows/ci.yml", ".forgejo/workflows/ci.yml", ".circleci/config.yml", ".buildkite/pipeline.yml",
        ".travis.yml", ".drone.yml", ".woodpecker.yml", "bitbucket-pipelines.yml", "azure-pipelines.yml", "Jenkinsfile",
        "uv.lock", "web/bun.lockb", "package-lock.json", "npm-shrinkwrap.json", "src/App/packages.lock.json",
        "gradle.lockfile", "infra/.terraform.lock.hcl", "go.sum",
        ".env", ".env.local", "prod.env", ".netrc", ".npmrc", ".pypirc", ".git-credentials", ".aws/credentials",
        "credentials.json", "config/secrets.yml", "secrets.yaml", "tls.key", "cert.pem", "a.p12", "b.pfx",
        "id_rsa", "id_dsa.pub",
    ],
)  # fmt: skip
def test_ci_lock_files_and_secrets_are_protected(path: str):
    assert protected_by(path, load().protected)


@pytest.mark.parametrize("path", ["src/lock.py", "environment.py", "credentials.py", "docs/secrets.md", ".gitignore"])
def test_code_with_such_a_name_is_not(path: str):
    assert not protected_by(path, load().protected)
