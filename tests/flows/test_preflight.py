"""Before anything is written it is said which account, which datasets, which model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.preflight import check_prefect, preflight
from flows.settings import REHEARSAL, Settings
from flows.workshop import Workshop
from stages.errors import Misconfigured, Transient
from tests.adapters.accounts import Accounts, Who
from tests.adapters.faults import Faults, answer


def confined_to(*datasets: str) -> dict[str, Any]:
    """What the Hub tells of a fine-grained token."""
    scopes = [{"entity": {"type": "dataset", "name": name}, "permissions": ["repo.write"]} for name in datasets]
    return {"role": "fineGrained", "fineGrained": {"scoped": scopes}}


@pytest.fixture
def hub_with_accounts(tmp_path: Path) -> Iterator[LocalHub]:
    accounts = Accounts(
        tokens={
            "hf_ada": Who("ada", orgs={"acme": "write", "big": "read"}),
            "hf_single": Who("anna", token=confined_to("anna/other", "anna/third")),
            "hf_reader": Who("rita", token={"role": "read"}),
        },
        private={"ada/autocoder-analysis-results"},
    )
    with LocalHub(tmp_path / "hub", wrap=accounts) as server:
        Hub(server.address, SecretStr("hf_ada")).create("ada/autocoder-analysis-results", private=True)
        yield server


def settings(server: LocalHub, token: str, name: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    given = {"HF_TOKEN": token, "HF_USERNAME": name, "HF_ENDPOINT": server.address, **more}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    return Settings()


def lines(chosen: Settings) -> str:
    token = chosen.hf_token if chosen.on_real_hub else None
    return "\n".join(preflight(chosen, Hub(chosen.hub_address, token)))


def test_account_datasets_and_their_visibility_are_named(hub_with_accounts, monkeypatch):
    said = lines(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch))
    assert f"account   ada, writing as ada at {hub_with_accounts.address}" in said
    assert "reads     ada/autocoder-analysis-results (private)" in said
    assert "reads     ada/autocoder-test-planning-results (not there yet: waited for)" in said
    assert "writes    ada/autocoder-implementation-results (not there yet: will be made public)" in said


def test_what_will_be_made_private_is_said(hub_with_accounts, monkeypatch):
    said = lines(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, AUTOCODER_PRIVATE="1"))
    assert "will be made private" in said


def test_an_organisation_with_a_role_that_writes_is_fine(hub_with_accounts, monkeypatch):
    assert "ada, writing as acme" in lines(settings(hub_with_accounts, "hf_ada", "acme", monkeypatch))


@pytest.mark.parametrize("name", ["big", "stranger", "autocoder"])
def test_a_token_that_may_not_write_there_is_told_where_it_may(hub_with_accounts, monkeypatch, name):
    with pytest.raises(Misconfigured) as caught:
        lines(settings(hub_with_accounts, "hf_ada", name, monkeypatch))
    assert (
        f"The token of ada may not write to {name}/autocoder-implementation-results. "
        "It may write as: ada, acme. Set HF_USERNAME to one of these." in str(caught.value)
    )
    assert "hf_ada" not in str(caught.value)


def test_for_a_results_dataset_that_is_set_that_setting_is_named(hub_with_accounts, monkeypatch):
    with pytest.raises(Misconfigured, match="Set AUTOCODER_RESULTS_DATASET to a dataset of one of these"):
        lines(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, AUTOCODER_RESULTS_DATASET="big/x"))


def test_a_token_confined_to_datasets_is_told_the_setting_that_takes_one(hub_with_accounts, monkeypatch):
    with pytest.raises(Misconfigured) as caught:
        lines(settings(hub_with_accounts, "hf_single", "anna", monkeypatch))
    assert "It may write to: anna/other, anna/third. Set AUTOCODER_RESULTS_DATASET to one" in str(caught.value)
    assert "HF_USERNAME" not in str(caught.value)
    chosen = settings(hub_with_accounts, "hf_single", "anna", monkeypatch, AUTOCODER_RESULTS_DATASET="anna/other")
    assert "writes    anna/other" in lines(chosen)


def test_a_token_that_only_reads_is_told_so(hub_with_accounts, monkeypatch):
    with pytest.raises(Misconfigured, match="nowhere"):
        lines(settings(hub_with_accounts, "hf_reader", "rita", monkeypatch))


def test_a_run_asks_for_the_right_to_write_before_it_pays_and_once_a_day(
    hub_with_accounts, tmp_path, monkeypatch, mocker
):
    given = {"AUTOCODER_HOME": str(tmp_path / "home")}
    reader = Workshop(settings(hub_with_accounts, "hf_reader", "rita", monkeypatch, **given))
    for _ in range(2):
        assert "It may write nowhere (it is read-only)" in str(reader.closed())
    asked = mocker.spy(Hub, "account")
    writer = Workshop(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, **given))
    assert (writer.closed(), writer.closed()) == (None, None)
    assert asked.call_count == 1


def test_one_setting_keeps_everything_local_despite_a_token(hub_with_accounts, hub_server, monkeypatch):
    chosen = settings(
        hub_with_accounts, "hf_ada", "ada", monkeypatch, AUTOCODER_LOCAL="1", AUTOCODER_LOCAL_HUB=hub_server.address
    )
    said = lines(chosen)
    assert "none: everything stays on this machine (AUTOCODER_LOCAL is set)" in said
    assert "replay:" in said


def test_a_template_with_an_unknown_variable_is_told_at_the_start(hub_with_accounts, tmp_path, monkeypatch):
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "draft.j2").write_text("{{ nonsense }}")
    with pytest.raises(Misconfigured, match=r"draft\.j2 uses nonsense"):
        lines(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, AUTOCODER_TEMPLATES=str(folder)))


def test_the_token_is_in_no_line(hub_with_accounts, monkeypatch):
    chosen = settings(hub_with_accounts, "hf_ada", "ada", monkeypatch)
    assert isinstance(chosen.hf_token, SecretStr)
    assert "hf_ada" not in lines(chosen)


def test_the_password_in_an_address_is_in_no_line(hub_with_accounts, monkeypatch):
    address = "http://bob:SECRET@127.0.0.1:9/v1"
    said = lines(settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, OPENAI_BASE_URL=address))
    assert "model     the only model at http://127.0.0.1:9/v1" in said
    with pytest.raises(Misconfigured, match=r"at PREFECT_API_URL=http://127\.0\.0\.1:9/v1\."):
        check_prefect(address)


def test_a_replay_is_refused_for_the_real_hub_but_in_a_dry_run(hub_with_accounts, monkeypatch):
    chosen = settings(hub_with_accounts, "hf_ada", "ada", monkeypatch, AUTOCODER_MODEL=f"replay:{REHEARSAL}")
    hub = Hub(chosen.hub_address, chosen.hf_token)
    with pytest.raises(Misconfigured, match="A replay is never published to the real Hub"):
        preflight(chosen, hub)
    assert "no model is called" in preflight(chosen, hub, dry_run=True)[-1]


def test_a_fault_of_the_hub_is_not_the_end_of_it_but_one_that_stays_is(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.preflight.PAUSES_S", (0.01, 0.01, 0.01))
    faults = Faults()
    with LocalHub(tmp_path / "hub", wrap=faults) as server:
        hub = Hub(server.address)
        faults.on("GET /api/datasets/", answer(503), times=3)
        assert len(preflight(Settings(), hub)) == 5
        faults.on("GET /api/datasets/", answer(503), times=4)
        with pytest.raises(Transient, match="503"):
            preflight(Settings(), hub)
