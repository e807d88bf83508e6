from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from huggingface_hub import HfApi, close_session
from huggingface_hub.errors import RepositoryNotFoundError

from flows.adapters.hub import Account, Conflict, Hub, Missing
from flows.adapters.local_hub import LocalHub
from stages.errors import Permanent
from tests.adapters.faults import Faults, answer

DATASET = "autocoder/results"
SHARDS = {"data/1.parquet": b"PAR1 one", "data/2.parquet": b"PAR1 two", "latest.json": b"{}"}


@pytest.fixture(autouse=True)
def _seeded(hub_server: LocalHub) -> None:
    hub_server.put(DATASET, {"a": b"one", "data/b.json": b"two"})


def test_the_head_is_one_request(hub: Hub, hub_server: LocalHub, faults: Faults) -> None:
    assert hub.head(DATASET) == hub_server.head(DATASET)
    assert faults.seen == [f"GET /api/datasets/{DATASET}"]


def test_info_tells_visibility_and_date(hub: Hub) -> None:
    hub.create("autocoder/secret", private=True)
    info = hub.info("autocoder/secret")
    assert (info.id, info.private, info.gated) == ("autocoder/secret", True, False)
    assert info.last_modified is not None
    assert datetime.now(UTC) - info.last_modified < timedelta(minutes=1)


def test_the_tree_lists_files_with_git_names(hub: Hub) -> None:
    found = {entry.path: entry for entry in hub.tree(DATASET, "main")}
    assert found.keys() == {".gitattributes", "a", "data/b.json"}
    assert found["a"].blob_id == "43dd47ea691c90a5fa7827892c70241913351963"  # printf one | git hash-object --stdin
    assert [entry.path for entry in hub.tree(DATASET, "main", "data")] == ["data/b.json"]


def test_entries_leave_out_what_is_missing_and_folders(hub: Hub, faults: Faults) -> None:
    assert [entry.path for entry in hub.entries(DATASET, "main", ["a", "nowhere", "data"])] == ["a"]
    assert len(faults.seen) == 1
    assert hub.entries(DATASET, "main", []) == []
    assert len(faults.seen) == 1


def test_a_pinned_revision_reads_the_old_bytes(hub: Hub, hub_server: LocalHub, faults: Faults) -> None:
    old = hub.head(DATASET)
    hub_server.put(DATASET, {"a": b"changed"})
    faults.seen.clear()
    assert hub.read(DATASET, old, "a") == b"one"
    assert len(faults.seen) == 1
    assert hub.read(DATASET, "main", "a") == b"changed"


def test_a_file_over_the_limit_is_not_read_to_its_end(hub: Hub) -> None:
    assert hub.read(DATASET, "main", "a", limit=3) == b"one"
    with pytest.raises(Permanent, match="over 2 bytes"):
        hub.read(DATASET, "main", "a", limit=2)


def test_a_commit_writes_and_deletes_at_once(hub: Hub, hub_server: LocalHub) -> None:
    made = hub.commit(DATASET, {"a": None, "c/d": b"new"}, hub.head(DATASET), "message")
    assert made == hub_server.head(DATASET)
    assert hub_server.files(DATASET).keys() == {".gitattributes", "data/b.json", "c/d"}
    assert hub.url(DATASET, made).endswith(f"/datasets/{DATASET}/commit/{made}")


def test_a_commit_on_a_stale_parent_is_a_conflict(hub: Hub, hub_server: LocalHub) -> None:
    stale = hub.head(DATASET)
    newer = hub_server.put(DATASET, {"a": b"changed"})
    with pytest.raises(Conflict):
        hub.commit(DATASET, {"b": b"mine"}, stale, "message")
    assert hub_server.head(DATASET) == newer


def test_creating_twice_is_fine_and_a_creation_under_way_is_a_conflict(hub: Hub, faults: Faults) -> None:
    hub.create(DATASET, private=False)
    faults.on("repos/create", answer(409, message="You already created this dataset repo"))
    with pytest.raises(Conflict):
        hub.create("autocoder/not-yet", private=False)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda hub: hub.head("autocoder/nowhere"), "does not exist, or is private"),
        (lambda hub: hub.read(DATASET, "main", "nowhere"), "no such file"),
        (lambda hub: hub.read(DATASET, "0" * 40, "a"), "no such revision"),
        (lambda hub: list(hub.tree(DATASET, "main", "nowhere")), "no such file"),
    ],
    ids=["dataset", "file", "revision", "folder"],
)
def test_what_is_missing_is_named(hub: Hub, ask: Callable[[Hub], object], sentence: str) -> None:
    with pytest.raises(Missing, match=sentence):
        ask(hub)


def test_a_name_that_no_hub_takes_is_permanent(hub: Hub) -> None:
    with pytest.raises(Permanent, match="no such name"):
        hub.head("one/two/three")


def test_a_card_that_cannot_be_read_is_refused_before_it_is_committed(hub: Hub, hub_server: LocalHub) -> None:
    before = hub.head(DATASET)
    with pytest.raises(Permanent, match="validate-yaml"):
        hub.commit(DATASET, {"README.md": b"---\n[a: 1\n---\n"}, before, "message")
    assert hub_server.head(DATASET) == before


def test_the_local_hub_takes_everybody_for_its_user(hub: Hub) -> None:
    assert hub.account() == Account("autocoder", ("autocoder",))


def test_other_users_of_the_client_keep_their_errors(hub: Hub) -> None:
    hub.head(DATASET)
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.address, token=False).dataset_info("autocoder/nowhere")


def test_parquet_goes_by_lfs_where_the_hub_wants_it(lfs_hub: Hub, faults: Faults) -> None:
    lfs_hub.create(DATASET, private=False)
    made = lfs_hub.commit(DATASET, SHARDS, lfs_hub.head(DATASET), "message")
    assert sum(asked.startswith("PUT ") for asked in faults.seen) == 2
    assert {path: lfs_hub.read(DATASET, made, path) for path in SHARDS} == SHARDS
    entries = {entry.path: entry for entry in lfs_hub.tree(DATASET, made)}
    assert entries["data/1.parquet"].lfs
    assert entries["data/1.parquet"].size == len(SHARDS["data/1.parquet"])
    assert not entries["latest.json"].lfs


def test_a_proxy_is_not_asked_for_the_local_hub(
    hub: Hub, hub_server: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    close_session()
    assert hub.head(DATASET) == hub_server.head(DATASET)
