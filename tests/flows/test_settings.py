"""Settings: everything that is wrong is said at once, and addresses choose the implementation."""

import os

import pytest

from flows.settings import OPENAI, REAL_HUB, ROUTER, ROUTER_MODEL, load
from stages.errors import Permanent


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
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
