from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.adapters.hub import Account, Hub, Missing
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from stages.errors import Permanent
from tests.adapters.accounts import Accounts, Who
from tests.outcomes import small

ANNA = Who("anna", {"lab": "write", "guests": "read", "club": "contributor"})
ACCOUNTS = Accounts(
    tokens={
        "hf_anna": ANNA,
        "hf_reader": Who("anna", {"lab": "write"}, {"role": "read"}),
        "hf_fine": Who(
            "anna",
            {"lab": "write"},
            {
                "role": "fineGrained",
                "fineGrained": {
                    "scoped": [
                        {"entity": {"type": "user", "name": "anna"}, "permissions": ["repo.content.read"]},
                        {"entity": {"type": "org", "name": "lab"}, "permissions": ["repo.content.read", "repo.write"]},
                        {"entity": {"type": "dataset", "name": "anna/results"}, "permissions": ["repo.write"]},
                    ]
                },
            },
        ),
    },
    private={"other/secret", "anna/mine"},
    gated={"other/gated"},
    renamed={"anna/old": "anna/results"},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    folder: Path = tmp_path_factory.mktemp("accounts")
    with LocalHub(folder, wrap=ACCOUNTS) as server:
        for dataset in ("anna/results", "anna/mine", "lab/results", "guests/results", "other/secret", "other/gated"):
            server.put(dataset, {"a": b"one"})
        yield server


@pytest.fixture
def anna(server: LocalHub) -> Hub:
    return Hub(server.address, SecretStr("hf_anna"))


def test_the_account_names_where_it_may_write(anna: Hub) -> None:
    assert anna.account() == Account("anna", ("anna", "lab", "club"))
    assert anna.account().may_write("lab/results")
    assert not anna.account().may_write("guests/results")


def test_a_token_to_read_may_write_nowhere(server: LocalHub) -> None:
    assert Hub(server.address, SecretStr("hf_reader")).account().writable == ()


def test_a_fine_grained_token_may_write_where_it_says(server: LocalHub) -> None:
    account = Hub(server.address, SecretStr("hf_fine")).account()
    assert account.writable == ("lab", "anna/results")
    assert account.may_write("anna/results")
    assert not account.may_write("anna/other")


@pytest.mark.parametrize("token", ["hf_wrong", None])
def test_who_is_not_known_is_told_to_set_the_token(server: LocalHub, token: str | None) -> None:
    hub = Hub(server.address, SecretStr(token) if token else None)
    with pytest.raises(Permanent, match="set HF_TOKEN to a valid one"):
        hub.account()


def test_a_bad_token_is_not_taken_for_a_missing_dataset(server: LocalHub) -> None:
    with pytest.raises(Permanent, match="set HF_TOKEN to a valid one") as caught:
        Hub(server.address, SecretStr("hf_wrong")).head("anna/results")
    assert not isinstance(caught.value, Missing)


def test_a_private_dataset_is_there_for_its_owner_only(server: LocalHub, anna: Hub) -> None:
    assert anna.head("anna/mine")
    with pytest.raises(Missing, match="or is private"):
        anna.head("other/secret")
    with pytest.raises(Missing, match="or is private"):
        Hub(server.address).head("anna/mine")


def test_a_gated_dataset_says_so(anna: Hub) -> None:
    with pytest.raises(Missing, match="gated: ask for access"):
        anna.read("other/gated", "main", "a")


@pytest.mark.parametrize("token", ["hf_anna", "hf_reader"])
def test_a_token_that_may_not_write_is_told_so(server: LocalHub, token: str) -> None:
    hub = Hub(server.address, SecretStr(token))
    with pytest.raises(Permanent, match="give HF_TOKEN one that may write"):
        hub.commit("guests/results", {"b": b"new"}, hub.head("guests/results"), "message")
    with pytest.raises(Permanent, match="give HF_TOKEN one that may write"):
        hub.create("guests/new", private=False)


def test_a_renamed_dataset_is_read_and_written_under_its_old_name(anna: Hub) -> None:
    assert anna.info("anna/old").id == "anna/results"
    assert anna.read("anna/old", "main", "a") == b"one"
    made = anna.commit("anna/old", {"b": b"new"}, anna.head("anna/old"), "message")
    assert anna.head("anna/results") == made


def test_rows_go_by_lfs_with_a_token_as_to_the_real_hub(tmp_path: Path) -> None:
    with LocalHub(tmp_path / "hub", wrap=ACCOUNTS, lfs=True) as server:
        results = Results(Hub(server.address, SecretStr("hf_anna")), "anna/results", home=tmp_path / "home")
        results.append([small(1), small(2)])
        with pytest.raises(Permanent, match="token"):
            Results(Hub(server.address, SecretStr("hf_reader")), "anna/results").append([small(3)])
        shards = [path for path in server.files("anna/results") if path.startswith("data/")]
    assert shards == ["data/000000000001-000000000002.parquet"]
