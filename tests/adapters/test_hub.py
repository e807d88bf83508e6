from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from pydantic import SecretStr

from flows.adapters import hub_session
from flows.adapters.hub import Account, Conflict, Hub, Missing
from flows.adapters.local_hub import LocalHub
from stages.errors import Permanent, Transient
from tests.adapters.faults import Faults, answer, applied_but, half, reset, silence

DATASET = "autocoder/results"
ASKED: dict[str, Callable[[Hub], object]] = {
    "head": lambda hub: hub.head(DATASET),
    "tree": lambda hub: list(hub.tree(DATASET, "main")),
    "entries": lambda hub: hub.entries(DATASET, "main", ["a"]),
    "read": lambda hub: hub.read(DATASET, "main", "a"),
    "create": lambda hub: hub.create("autocoder/other", private=False),
    "commit": lambda hub: hub.commit(DATASET, {"b": b"new"}, "0" * 40, "message"),
    "account": lambda hub: hub.account(),
}
ask = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())


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


@ask
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_transient_and_asked_once(
    hub: Hub, faults: Faults, ask: Callable[[Hub], object], status: int
) -> None:
    faults.on("", answer(status), times=9)
    with pytest.raises(Transient, match=str(status)):
        ask(hub)
    assert len(faults.seen) == 1


@ask
@pytest.mark.parametrize("fault", [reset, half], ids=["reset", "half an answer"])
def test_a_broken_connection_is_transient_and_asked_once(
    hub: Hub, faults: Faults, ask: Callable[[Hub], object], fault: object
) -> None:
    faults.on("", fault, times=9)  # type: ignore[arg-type]
    with pytest.raises(Transient, match=hub.address):
        ask(hub)
    assert len(faults.seen) == 1


@ask
def test_a_silent_hub_is_given_up(
    hub: Hub, faults: Faults, ask: Callable[[Hub], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_session, "TIMEOUT", httpx2.Timeout(0.1))
    faults.on("", silence)
    with pytest.raises(Transient, match="no whole answer"):
        ask(hub)


@ask
def test_a_hub_that_is_down_is_transient(ask: Callable[[Hub], object]) -> None:
    with pytest.raises(Transient, match="Is the Hub up"):
        ask(Hub("http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=9;t=55'}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_hubs_wish_to_wait_is_passed_on(
    hub: Hub, faults: Faults, headers: dict[str, str], seconds: float | None
) -> None:
    faults.on("", answer(429, **headers))
    with pytest.raises(Transient) as caught:
        hub.head(DATASET)
    assert caught.value.retry_after == seconds


def test_a_date_to_wait_for_becomes_seconds(hub: Hub, faults: Faults) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    faults.on("", answer(503, retry_after=then))
    with pytest.raises(Transient) as caught:
        hub.head(DATASET)
    assert caught.value.retry_after == pytest.approx(90, abs=5)


@pytest.mark.parametrize("fault", [reset, half, answer(500), answer(504)], ids=["reset", "half", "500", "504"])
def test_a_commit_whose_answer_is_lost_may_have_been_applied(
    hub: Hub, hub_server: LocalHub, faults: Faults, fault: object
) -> None:
    before = hub.head(DATASET)
    faults.on("POST .*/commit/", applied_but(fault))  # type: ignore[arg-type]
    with pytest.raises(Transient):
        hub.commit(DATASET, {"b": b"mine"}, before, "message")
    assert hub.head(DATASET) != before
    assert hub_server.files(DATASET)["b"] == b"mine"


@pytest.mark.parametrize("status", [400, 402, 403, 410, 413, 422])
def test_what_the_hub_will_not_do_is_permanent(hub: Hub, faults: Faults, status: int) -> None:
    faults.on("POST .*/commit/", answer(status, message="No, because."))
    with pytest.raises(Permanent, match="No, because") as caught:
        hub.commit(DATASET, {"b": b"mine"}, hub.head(DATASET), "message")
    assert not isinstance(caught.value, Missing)


@pytest.mark.parametrize("status", [409, 412])
def test_a_refused_head_is_a_conflict(hub: Hub, faults: Faults, status: int) -> None:
    faults.on("POST .*/commit/", answer(status))
    with pytest.raises(Conflict):
        hub.commit(DATASET, {"b": b"mine"}, hub.head(DATASET), "message")


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


def test_a_page_of_a_proxy_is_no_answer(hub: Hub, faults: Faults) -> None:
    faults.on("", answer(200, content_type="text/html"))
    with pytest.raises(Transient, match="no JSON"):
        hub.head(DATASET)
    faults.on("", answer(200))
    with pytest.raises(Transient, match="not what its client expects"):
        hub.head(DATASET)


def test_a_card_that_cannot_be_read_is_refused_before_it_is_committed(hub: Hub, hub_server: LocalHub) -> None:
    before = hub.head(DATASET)
    with pytest.raises(Permanent, match="validate-yaml"):
        hub.commit(DATASET, {"README.md": b"---\n[a: 1\n---\n"}, before, "message")
    assert hub_server.head(DATASET) == before


def test_without_a_token_none_is_sent_though_one_lies_about(
    hub: Hub, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_stray")
    for ask in ASKED.values():
        try:
            ask(hub)
        except Conflict:
            continue
    assert set(faults.tokens) == {""}


@ask
def test_no_message_shows_the_token(hub_server: LocalHub, faults: Faults, ask: Callable[[Hub], object]) -> None:
    hub = Hub(hub_server.address, SecretStr("hf_planted"))
    for fault in (answer(401), answer(403), answer(500), reset):
        faults.on("", fault)
        with pytest.raises((Transient, Permanent)) as caught:
            ask(hub)
        assert "hf_planted" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert set(faults.tokens) == {"Bearer hf_planted"}


def test_the_local_hub_takes_everybody_for_its_user(hub: Hub) -> None:
    assert hub.account() == Account("autocoder", ("autocoder",))


def test_other_users_of_the_client_keep_their_errors(hub: Hub) -> None:
    hub.head(DATASET)
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.address, token=False).dataset_info("autocoder/nowhere")


@pytest.fixture
def lfs_hub(lfs_hub_server: LocalHub) -> Hub:
    return Hub(lfs_hub_server.address)


FILES = {"data/1.parquet": b"PAR1 one", "data/2.parquet": b"PAR1 two", "latest.json": b"{}"}


def test_parquet_goes_by_lfs_where_the_hub_wants_it(lfs_hub: Hub, faults: Faults) -> None:
    lfs_hub.create(DATASET, private=False)
    made = lfs_hub.commit(DATASET, FILES, lfs_hub.head(DATASET), "message")
    assert sum(asked.startswith("PUT ") for asked in faults.seen) == 2
    assert {path: lfs_hub.read(DATASET, made, path) for path in FILES} == FILES
    entries = {entry.path: entry for entry in lfs_hub.tree(DATASET, made)}
    assert entries["data/1.parquet"].lfs
    assert entries["data/1.parquet"].size == len(FILES["data/1.parquet"])
    assert not entries["latest.json"].lfs


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("where", ["PUT", "objects/batch"])
@pytest.mark.parametrize("fault", [answer(503, retry_after="7"), reset], ids=["503", "reset"])
def test_an_lfs_upload_that_breaks_is_transient_and_sent_once(
    lfs_hub: Hub, faults: Faults, where: str, fault: object, shards: int
) -> None:
    lfs_hub.create(DATASET, private=False)
    before = lfs_hub.head(DATASET)
    faults.on(where, fault, times=9)  # type: ignore[arg-type]
    with pytest.raises(Transient):
        lfs_hub.commit(DATASET, dict(list(FILES.items())[:shards]), before, "message")
    assert sum(where in asked for asked in faults.seen) <= shards
    assert lfs_hub.head(DATASET) == before
