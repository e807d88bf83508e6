from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from pydantic import SecretStr

from flows.adapters import hub_session
from flows.adapters.hub import Conflict, Hub, Missing
from flows.adapters.local_hub import LocalHub
from stages.errors import Permanent, Transient
from tests.adapters.faults import Faults, answer, applied_but, half, reset, silence, trickle

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
def test_a_hub_that_answers_by_the_byte_is_given_up(
    hub: Hub, faults: Faults, ask: Callable[[Hub], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_session, "WHOLE_S", 0.3)
    faults.on("", trickle)
    with pytest.raises(Transient, match=r"not whole after 0\.3 s"):
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


def test_a_page_of_a_proxy_is_no_answer(hub: Hub, faults: Faults) -> None:
    faults.on("", answer(200, content_type="text/html"))
    with pytest.raises(Transient, match="no JSON"):
        hub.head(DATASET)
    faults.on("", answer(200))
    with pytest.raises(Transient, match="not what its client expects"):
        hub.head(DATASET)


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
        lfs_hub.commit(DATASET, {f"{n}.parquet": b"PAR1" for n in range(shards)}, before, "message")
    assert sum(where in asked for asked in faults.seen) <= shards
    assert lfs_hub.head(DATASET) == before
