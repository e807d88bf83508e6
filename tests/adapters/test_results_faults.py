"""Each outcome lands exactly once, whatever happens between the worker and the Hub."""

import json
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import httpx2
import pyarrow.parquet as pq
import pytest

from flows.adapters import hub_session
from flows.adapters.hub import Hub, Missing
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from flows.adapters.tries import TRIES
from stages.errors import Permanent, Transient
from stages.models import Grade
from tests.adapters.faults import Fault, Faults, answer, applied_but, half, reset, says_head, silence
from tests.outcomes import small

DATASET = "autocoder/autocoder-implementation-results"
COMMIT = r"POST .*/commit/main"
HEAD = rf"GET /api/datasets/{DATASET}$"


def ids(server: LocalHub) -> list[str]:
    """Row ids in order of the shards; the iterations are checked on the way."""
    table = pq.read_table(server.path(DATASET) / "data", columns=["iteration", "id"], partitioning=None)
    assert table["iteration"].to_pylist() == list(range(1, table.num_rows + 1))
    found: list[str] = table["id"].to_pylist()
    return found


class Pauses(list[float]):
    """Notes every pause, takes none."""

    __call__ = list.append


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def results(hub: Hub, tmp_path: Path, pauses: Pauses) -> Results:
    return Results(hub, DATASET, home=tmp_path / "home", sleep=pauses)


@pytest.mark.parametrize(
    "fault",
    [
        answer(409),
        answer(412),
        answer(429),
        answer(500),
        answer(502),
        answer(503),
        answer(504),
        reset,
        half,
        applied_but(answer(500)),
        applied_but(answer(504)),
        applied_but(reset),
        applied_but(half),
    ],
)
def test_a_commit_that_fails_or_whose_answer_is_lost_leaves_one_row(
    results: Results, hub_server: LocalHub, faults: Faults, fault: Fault
) -> None:
    results.append([small(1)])
    faults.on(COMMIT, fault)
    receipt = results.append([small(2), small(3)])
    assert (receipt.first, receipt.last, receipt.rows) == (2, 3, 2)
    assert ids(hub_server) == [small(n).item.key for n in (1, 2, 3)]
    assert results.state().decided == tuple(ids(hub_server))


@pytest.mark.parametrize(
    "fault",
    [pytest.param(silence, marks=pytest.mark.slow), applied_but(silence)],
    ids=["before", "after it was applied"],
)
def test_a_commit_that_is_never_answered_leaves_one_row(
    results: Results, hub_server: LocalHub, faults: Faults, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.append([small(1)])
    monkeypatch.setattr(hub_session, "TIMEOUT", httpx2.Timeout(1))
    faults.on(COMMIT, fault)
    results.append([small(2)])
    assert ids(hub_server) == [small(n).item.key for n in (1, 2)]


@pytest.mark.parametrize(
    "request_", [HEAD, "paths-info", "worker.json", "tree/.*/data", "tree/.*/_state", "resolve/.*_state"]
)
@pytest.mark.parametrize("fault", [answer(503), reset])
def test_a_fault_while_reading_is_tried_again(
    results: Results, hub: Hub, hub_server: LocalHub, faults: Faults, pauses: Pauses, request_: str, fault: Fault
) -> None:
    results.append([small(1)])
    faults.on(request_, fault)
    Results(hub, DATASET, sleep=pauses).append([small(1), small(2)])
    assert ids(hub_server) == [small(1).item.key, small(2).item.key]
    assert len(pauses) == 1


def test_a_fault_while_merging_is_tried_again(results: Results, hub_server: LocalHub, faults: Faults) -> None:
    for n in range(1, 8):
        results.append([small(n)])
    faults.on(r"resolve/.*/data/", half)
    results.append([small(8)])
    assert ids(hub_server) == [small(n).item.key for n in range(1, 9)]
    assert len(list((hub_server.path(DATASET) / "data").iterdir())) == 1


def test_a_refusal_is_not_tried_again(results: Results, faults: Faults, pauses: Pauses) -> None:
    faults.on(COMMIT, answer(403), times=99)
    with pytest.raises(Permanent, match="token"):
        results.append([small(1)])
    assert pauses == []


@pytest.mark.parametrize("status", [402, 413])
def test_a_full_quota_is_told_in_the_hubs_words_and_not_tried_again(
    results: Results, hub_server: LocalHub, faults: Faults, pauses: Pauses, status: int
) -> None:
    results.append([small(1)])
    faults.on(COMMIT, answer(status, message="Storage quota exceeded: 100 GB."))
    with pytest.raises(Permanent, match="Storage quota exceeded: 100 GB"):
        results.append([small(2)])
    assert pauses == []
    results.append([small(2)])
    assert ids(hub_server) == [small(n).item.key for n in (1, 2)]


@pytest.mark.parametrize("fault", [answer(401), answer(404, code="RepoNotFound")])
def test_a_dataset_that_is_hidden_from_the_token_is_given_up_after_a_few_looks(
    results: Results, faults: Faults, pauses: Pauses, fault: Fault
) -> None:
    faults.on(COMMIT, fault, times=99)
    with pytest.raises(Missing, match=DATASET):
        results.append([small(1)])
    assert len(pauses) == 2


def test_a_hub_that_stays_away_is_given_up_after_some_tries_ever_further_apart(
    results: Results, faults: Faults, pauses: Pauses
) -> None:
    faults.on(".*", answer(503), times=999)
    with pytest.raises(Transient, match=f"1 rows could not be committed to .*{DATASET} in {TRIES} tries"):
        results.append([small(1)])
    assert len(pauses) == TRIES - 1
    assert max(pauses[:2]) < min(pauses[3:])
    assert sum(pauses) < 120


def test_a_short_retry_after_is_waited_for_and_a_long_one_passed_on(
    results: Results, faults: Faults, pauses: Pauses
) -> None:
    faults.on(HEAD, answer(429, retry_after="17"))
    results.append([small(1)])
    assert pauses == [17.0]
    faults.on(HEAD, answer(429, retry_after="3600"))
    with pytest.raises(Transient) as raised:
        results.append([small(2)])
    assert raised.value.retry_after == 3600


@pytest.mark.slow
def test_after_some_conflicts_the_commit_does_without_merges(
    results: Results, hub_server: LocalHub, faults: Faults
) -> None:
    for n in range(1, 8):
        results.append([small(n)])
    faults.on(COMMIT, answer(412), times=5)
    results.append([small(8)])
    assert len(list((hub_server.path(DATASET) / "data").iterdir())) == 8
    results.append([small(9)])
    assert len(list((hub_server.path(DATASET) / "data").iterdir())) == 1
    assert ids(hub_server) == [small(n).item.key for n in range(1, 10)]


def test_a_head_that_lags_behind_our_own_commits_is_not_believed(
    results: Results, hub_server: LocalHub, faults: Faults, pauses: Pauses
) -> None:
    first = results.append([small(1)])
    results.append([small(2)])
    faults.on(HEAD, says_head(DATASET, first.commit), times=2)
    assert results.state().upto == 3
    results.append([small(3)])
    assert pauses == []
    assert len(ids(hub_server)) == 3


def test_a_head_that_lags_behind_anothers_commit_is_read_again(
    results: Results, hub: Hub, hub_server: LocalHub, faults: Faults, pauses: Pauses
) -> None:
    first = results.append([small(1)])
    Results(hub, DATASET).append([small(2)])
    faults.on(HEAD, says_head(DATASET, first.commit), times=2)
    results.append([small(2), small(3)])
    assert len(pauses) == 2
    assert ids(hub_server) == [small(n).item.key for n in (1, 2, 3)]


def test_a_dataset_put_back_to_an_older_state_by_hand_gets_the_rows_it_lost(
    results: Results, hub_server: LocalHub
) -> None:
    results.append([small(1)])
    older = hub_server.files(DATASET)
    results.append([small(2)])
    gone = dict.fromkeys(hub_server.files(DATASET).keys() - older.keys())
    hub_server.put(DATASET, {**older, **gone})
    results.append([small(2), small(3)])
    assert ids(hub_server) == [small(n).item.key for n in (1, 2, 3)]


def test_a_dataset_deleted_by_hand_is_begun_anew(results: Results, hub_server: LocalHub) -> None:
    results.append([small(1), small(2)])
    before = results.state()
    shutil.rmtree(hub_server.path(DATASET).parent)
    assert results.state(before.upto, before.mark).decided == ()
    results.append([small(2)])
    assert ids(hub_server) == [small(2).item.key]
    assert results.state(before.upto, before.mark).decided == (small(2).item.key,)


def test_two_runs_in_one_home_leave_every_row_once(hub: Hub, hub_server: LocalHub, tmp_path: Path) -> None:
    def run(numbers: range) -> None:
        results = Results(hub, DATASET, home=tmp_path / "home", sleep=lambda s: time.sleep(min(s, 0.02)))
        for n in numbers:
            persist(lambda n=n: results.append([small(n)]))  # type: ignore[misc]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (range(10), range(5, 15))))
    assert sorted(ids(hub_server)) == [small(n).item.key for n in range(15)]


def test_who_reads_while_we_commit_sees_whole_rows_in_order_and_the_newest_last(
    hub: Hub, hub_server: LocalHub, tmp_path: Path
) -> None:
    def write() -> None:
        results = Results(hub, DATASET, home=tmp_path / "home")
        for n in range(1, 10):
            results.append([small(n)])

    reader, seen, over = Hub(hub_server.address), 0, False
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not over:
            over = writing.done()  # one more look afterwards
            with suppress(Missing):  # not made yet
                found = rows_at(reader, reader.head(DATASET))
                assert found == [(n, small(n).item.key) for n in range(1, len(found) + 1)]
                assert len(found) >= seen, "no commit takes anything back"
                seen = len(found)
        writing.result()
    assert seen == 9


def rows_at(hub: Hub, head: str) -> list[tuple[int, str]]:
    """Iteration and id of each row at a head, as `load_dataset` reads them: every shard, by name."""
    shards = sorted(entry.path for entry in hub.tree(DATASET, head) if entry.path.startswith("data/"))
    tables = [pq.read_table(BytesIO(hub.read(DATASET, head, path)), columns=["iteration", "id"]) for path in shards]
    return [(row["iteration"], row["id"]) for table in tables for row in table.to_pylist()]


class Storm(Faults):
    """A quarter of all requests meets a fault, by the dice of a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._dice = random.Random(seed)
        quick = {"retry_after": "0"}
        self._faults: list[Fault] = [answer(status, **quick) for status in (412, 429, 500, 503)]
        self._faults += [reset, half, *(applied_but(fault) for fault in (answer(504, **quick), reset, half))]

    def _due(self, asked: str) -> Fault | None:
        return self._dice.choice(self._faults) if self._dice.random() < 0.25 else None


def persist(append: Callable[[], object]) -> None:
    """Try again, as the next run does with what waits on disk."""
    while True:
        try:
            append()
        except Transient:
            continue
        return


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 3, 4))])
@pytest.mark.slow
def test_three_competing_writers_in_a_storm_leave_every_row_once_and_no_gap(tmp_path: Path, seed: int) -> None:
    common = [small(n, grade=Grade.PROVEN) for n in range(900, 906)]

    def write(writer: int) -> None:
        results = Results(
            Hub(server.address), DATASET, home=tmp_path / f"home-{writer}", sleep=lambda s: time.sleep(min(s, 0.02))
        )
        for n in range(0, 18, 3):
            own = [small(writer * 100 + n + i) for i in range(n % 2 + 1)]
            persist(lambda own=own, n=n: results.append([*own, common[n // 3]], seen=[{"writer": writer, "n": n}]))  # type: ignore[misc]

    with LocalHub(tmp_path / "hub", wrap=Storm(seed)) as server:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, (1, 2, 3)))
        found = ids(server)
        wanted = {small(w * 100 + n + i).item.key for w in (1, 2, 3) for n in range(0, 18, 3) for i in range(n % 2 + 1)}
        assert sorted(found) == sorted(wanted | {outcome.item.key for outcome in common})
        worker = json.loads(server.files(DATASET)["_state/worker.json"])
        assert worker["next"] == len(found) + 1
        assert worker["verdicts"] == {"failed": len(wanted), "proven": len(common)}
        assert worker["progress"]["issues_discovered"] == len(found)
        newcomer = Results(Hub(server.address), DATASET)
        states = []
        persist(lambda: states.append(newcomer.state()))
        assert states[0].decided == tuple(found)
        assert {(entry["writer"], entry["n"]) for entry in states[0].seen} == {
            (w, n) for w in (1, 2, 3) for n in range(0, 18, 3)
        }
