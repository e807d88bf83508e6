"""What the dataset says of itself: to a new machine, after damage, and with columns that have grown."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import disable_progress_bars, load_dataset

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results, State
from stages.errors import Permanent
from stages.models import Grade
from tests.adapters.faults import Faults
from tests.outcomes import small

DATASET = "autocoder/autocoder-implementation-results"
KEYS = [small(n).item.key for n in range(20)]

disable_progress_bars()


@pytest.fixture
def results(hub: Hub, tmp_path: Path) -> Results:
    return Results(hub, DATASET, home=tmp_path / "home")


def fresh(hub: Hub) -> State:
    """As a new machine reads it."""
    return Results(hub, DATASET).state()


def shard(name: str) -> str:
    return f"_state/{name.split('-')[0]:0>12}-{name.split('-')[1]:0>12}.jsonl"


def test_a_new_machine_is_told_all_that_was_decided_and_seen(results: Results, hub: Hub) -> None:
    for n in range(1, 11):
        results.append([small(n)], seen=[{"path": f"iteration_{n}.json", "blob": "ü" * 3}])
    state = fresh(hub)
    assert state.decided == tuple(KEYS[1:11])
    assert state.seen == tuple({"path": f"iteration_{n}.json", "blob": "üüü"} for n in range(1, 11))
    assert (state.rows, state.verdicts, state.upto) == (10, {"failed": 10}, 11)
    assert state == results.state()


def test_a_dataset_that_does_not_exist_says_nothing_and_is_not_made(hub: Hub, hub_server: LocalHub) -> None:
    assert fresh(hub).decided == ()
    assert not hub_server.path(DATASET).exists()


def test_only_what_is_new_is_told_and_downloaded(results: Results, hub: Hub, faults: Faults) -> None:
    for n in range(1, 4):
        results.append([small(n)])
    known = results.state()
    other = Results(hub, DATASET)
    other.append([small(4)])
    other.append([small(5)])
    before = len(faults.seen)
    news = results.state(known.upto, known.mark)
    assert news.decided == (KEYS[4], KEYS[5])
    downloads = [asked for asked in faults.seen[before:] if "/resolve/" in asked]
    assert [path.rpartition("/")[2] for path in downloads] == [
        "worker.json",
        "000000000004-000000000004.jsonl",
        "000000000005-000000000005.jsonl",
    ]


def test_another_epoch_is_told_from_its_beginning(results: Results) -> None:
    results.append([small(1)])
    assert results.state(since=9, mark="of a dataset before").decided == (KEYS[1],)


def test_spending_is_kept_by_day_and_journal_and_told_twice_counts_once(results: Results, hub: Hub) -> None:
    results.append([small(1)], spent={"2026-11-23": {"a": 10}})
    results.append([small(2)], spent={"2026-11-23": {"a": 25}})
    Results(hub, DATASET).append([small(3)], spent={"2026-11-23": {"a": 25, "b": 7}, "2026-11-24": {"b": 1}})
    assert fresh(hub).spent == {"2026-11-23": {"a": 25, "b": 7}, "2026-11-24": {"b": 1}}
    later = {f"2026-12-{day:02d}": {"a": day} for day in range(1, 8)}
    results.append([small(4)], spent=later)
    assert fresh(hub).spent == later


def test_a_broken_copy_on_this_machine_is_made_anew(hub: Hub, tmp_path: Path) -> None:
    first = Results(hub, DATASET, home=tmp_path)
    first.append([small(1)])
    first.close()
    (copy,) = tmp_path.rglob("*.db")
    copy.write_bytes(b"no database" * 1000)
    assert Results(hub, DATASET, home=tmp_path).append([small(1), small(2)]).rows == 1


def grown(results: Results) -> None:
    for n in range(1, 10):
        results.append([small(n, grade=Grade.PROVEN if n == 3 else Grade.FAILED)], spent={"2026-11-23": {"a": n}})


DAMAGE: Mapping[str, Mapping[str, bytes | None]] = {
    "all deleted": {"_state/worker.json": None, shard("1-8"): None, shard("9-9"): None},
    "no counters": {"_state/worker.json": None},
    "counters cut off": {"_state/worker.json": b'{"schema_version": 1, "ep'},
    "counters of nothing": {"_state/worker.json": b"[]"},
    "a shard deleted": {shard("1-8"): None},
    "the last shard deleted": {shard("9-9"): None},
    "all shards deleted": {shard("1-8"): None, shard("9-9"): None},
    "a shard cut off": {shard("1-8"): b'{"n":1,"id":"a-1"}\n{"n":2,'},
    "a shard with lines missing": {shard("1-8"): b'{"n":1,"id":"a-1"}\n'},
    "a shard of something else": {shard("9-9"): b"\xff\xfe\n1\n"},
}


@pytest.mark.parametrize(
    "damage", [pytest.param(each, marks=[] if "all" in each else [pytest.mark.slow]) for each in DAMAGE]
)
def test_a_state_damaged_by_hand_is_worked_out_from_the_rows(
    results: Results, hub: Hub, hub_server: LocalHub, damage: str
) -> None:
    grown(results)
    hub_server.put(DATASET, DAMAGE[damage])
    other = Results(hub, DATASET)
    receipt = other.append([small(2), small(10)])
    assert (receipt.rows, receipt.last) == (1, 10)
    state = fresh(hub)
    assert state.decided == tuple(KEYS[1:11])
    assert state.verdicts == {"failed": 9, "proven": 1}
    assert state.progress.issues_discovered == 10
    kept = [path for path in hub_server.files(DATASET) if path.startswith("_state/") and path.endswith("l")]
    assert kept == [shard("1-10")]
    assert results.append([small(10), small(11)]).rows == 1


def test_what_was_spent_survives_the_loss_of_the_shards(results: Results, hub: Hub, hub_server: LocalHub) -> None:
    grown(results)
    hub_server.put(DATASET, {shard("1-8"): None})
    Results(hub, DATASET).append([small(10)])
    assert fresh(hub).spent == {"2026-11-23": {"a": 9}}


@pytest.mark.parametrize("is_state_damaged", [False, True])
@pytest.mark.parametrize("gone", [1, 2, 3])
def test_rows_deleted_by_hand_stay_decided_and_their_iterations_unused(
    results: Results, hub: Hub, hub_server: LocalHub, gone: int, is_state_damaged: bool
) -> None:
    for n in range(1, 4):
        results.append([small(n)])
    counters = {"_state/worker.json": None} if is_state_damaged else {}
    hub_server.put(DATASET, {f"data/{gone:012d}-{gone:012d}.parquet": None, **counters})
    receipt = Results(hub, DATASET).append([small(gone), small(4)])
    assert (receipt.rows, receipt.last) == (1, 4)
    state = fresh(hub)
    assert state.decided == tuple(KEYS[1:5])
    assert state.progress.issues_discovered == 4 - (is_state_damaged and gone == 3), "counters that are gone tell less"


def test_a_state_lost_together_with_a_readable_row_is_an_error_that_names_the_shard(
    results: Results, hub: Hub, hub_server: LocalHub
) -> None:
    grown(results)
    path = "data/000000000001-000000000008.parquet"
    hub_server.put(DATASET, {path: b"garbage", "_state/worker.json": None})
    with pytest.raises(Permanent, match=path):
        fresh(hub)


def test_a_neighbour_that_cannot_be_read_is_left_alone_and_the_row_is_published(
    results: Results, hub: Hub, hub_server: LocalHub, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(1, 8):
        results.append([small(n)])
    hub_server.put(DATASET, {"data/000000000003-000000000003.parquet": b"garbage"})
    assert results.append([small(8)]).last == 8
    assert "data/000000000008-000000000008.parquet" in hub_server.files(DATASET)
    assert "data/000000000003-000000000003.parquet" in caplog.text


def test_a_column_that_came_later_is_null_in_the_rows_before_it(
    results: Results, hub_server: LocalHub, tmp_path: Path
) -> None:
    results.append([small(1)])
    path = "data/000000000001-000000000001.parquet"
    table = pq.read_table(io.BytesIO(hub_server.files(DATASET)[path])).drop_columns(["notes", "attempts"])
    sink = io.BytesIO()
    pq.write_table(table, sink)
    hub_server.put(DATASET, {path: sink.getvalue()})
    for n in range(2, 9):
        results.append([small(n)])
        if n in (2, 8):  # beside newer shards, and merged with them
            rows = load_dataset(str(hub_server.path(DATASET)), cache_dir=str(tmp_path / str(n)))["train"]
            assert (rows[0]["notes"], rows[-1]["notes"]) == (None, [])
            assert json.loads(json.dumps(rows[0]))["id"] == KEYS[1]
