"""What the Prefect server is started with."""

from pathlib import Path

from deployments.leftovers import Started
from deployments.prefect_server import start_prefect
from tests.deployments.make_up import free_port

TOKENS = {
    "HF_TOKEN": "hf_planted",
    "OPENAI_API_KEY": "sk-planted",
    "OPENAI_BASE_URL": "https://ada:planted@models.example/v1",
    "AUTOCODER_WEBHOOK_SECRET": "planted-secret-of-the-webhook",
}


def test_the_server_holds_no_token_of_the_flows(tmp_path: Path):
    started = Started(tmp_path / "up.json")
    own = {"PREFECT_SERVER_API_PORT": str(free_port()), "PREFECT_UI_API_URL": "/api"}
    start_prefect(TOKENS | own, tmp_path, started)
    try:
        held = started.children[0].identity.environ()
    finally:
        started.stop()
    assert held["PREFECT_UI_API_URL"] == "/api"
    assert not [name for name, value in held.items() if "planted" in value]
