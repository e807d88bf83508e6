"""The results dataset through the real client, at a real local Hub, and as its readers see it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, disable_progress_bars, load_dataset

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from stages.errors import Permanent
from stages.models import Grade
from tests.adapters.faults import Faults
from tests.outcomes import full, small

DATASET = "autocoder/autocoder-implementation-results"
PREDECESSOR = {
    f"implementation_iteration_{n}.json": json.dumps(
        {
            "iteration": n,
            "stage_name": "Deep Understanding",
            "cumulative_progress": {"implementations_generated": n // 5},
        }
    ).encode()
    for n in range(1, 7)
}

disable_progress_bars()


@pytest.fixture
def results(hub: Hub, tmp_path: Path) -> Results:
    return Results(hub, DATASET, home=tmp_path / "home")


def rows(server: LocalHub, cache: Path) -> Dataset:
    return load_dataset(str(server.path(DATASET)), cache_dir=str(cache / server.head(DATASET)))["train"]


def test_the_last_row_is_the_newest_over_many_commits_with_merges(
    results: Results, hub_server: LocalHub, tmp_path: Path
) -> None:
    for n in range(1, 12):
        results.append([small(n)])
        if n in (1, 2, 8, 9, 11):
            assert rows(hub_server, tmp_path)[-1]["id"] == small(n).item.key
    assert rows(hub_server, tmp_path)["iteration"] == list(range(1, 12))
    shards = [path for path in hub_server.files(DATASET) if path.startswith("data/")]
    assert shards == [f"data/{a:012d}-{b:012d}.parquet" for a, b in ((1, 8), (9, 9), (10, 10), (11, 11))]


def test_load_dataset_by_id_gives_the_newest_row_as_the_consumers_read_it(
    results: Results, hub_server: LocalHub, tmp_path: Path
) -> None:
    results.append([small(1)])
    results.append([full()])
    program = f"""
import json
from datasets import load_dataset
dataset = load_dataset({DATASET!r})["train"]
latest = dataset[-1]
print(json.dumps([
    len(dataset), latest["timestamp"], latest.get("cumulative_progress", {{}}).get("implementations_generated"),
    [row["analysis"]["code_changes"]["code"] for row in dataset if row["stage_name"] == "Implementation Plan"],
    json.dumps(latest, indent=2)]))
"""
    environment = {"HF_ENDPOINT": hub_server.address, "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    count, timestamp, implementations, codes, printed = json.loads(done.stdout)
    assert (count, timestamp, implementations) == (2, "2026-11-24T10:01:00Z", 1)
    assert "math.floor" in codes[1]
    assert json.loads(printed) == json.loads(hub_server.files(DATASET)["latest.json"])


def test_latest_json_is_the_newest_row_and_the_card_counts_by_verdict(results: Results, hub_server: LocalHub) -> None:
    results.append([small(1), small(2, grade=Grade.PROVEN)])
    results.append([small(3)])
    files = hub_server.files(DATASET)
    assert json.loads(files["latest.json"])["id"] == small(3).item.key
    assert "| `proven` | 1 |\n| `failed` | 2 |\n| all | 3 |" in files["README.md"].decode()


def test_a_receipt_says_which_iterations_and_where(results: Results, hub_server: LocalHub) -> None:
    results.append([small(1)])
    receipt = results.append([small(2), small(3)])
    assert (receipt.first, receipt.last, receipt.rows) == (2, 3, 2)
    assert receipt.commit == hub_server.head(DATASET)
    assert receipt.url == f"{hub_server.address}/datasets/{DATASET}/commit/{receipt.commit}"


def test_progress_counts_drafts_test_functions_and_distinct_items(
    results: Results, hub_server: LocalHub, tmp_path: Path
) -> None:
    results.append([small(1), full()])
    results.append([small(1, attempt=2)])
    assert rows(hub_server, tmp_path)[-1]["cumulative_progress"] == {
        "implementations_generated": 1,
        "tests_written": 2,
        "issues_discovered": 2,
    }


def test_outcomes_that_were_committed_by_a_process_that_died_are_not_committed_again(
    hub: Hub, hub_server: LocalHub, tmp_path: Path
) -> None:
    first = Results(hub, DATASET, home=tmp_path / "home").append([small(1), small(2)])
    again = Results(hub, DATASET, home=tmp_path / "home").append([small(1), small(2)])
    elsewhere = Results(hub, DATASET, home=tmp_path / "another").append([small(2), small(3), small(3)])
    assert (again.commit, again.first, again.last, again.rows) == (first.commit, 1, 2, 0)
    assert (elsewhere.first, elsewhere.last, elsewhere.rows) == (2, 3, 1)
    assert rows(hub_server, tmp_path)["id"] == [small(n).item.key for n in (1, 2, 3)]


def test_nothing_to_append_is_a_mistake(results: Results) -> None:
    with pytest.raises(ValueError, match="no outcome"):
        results.append([])


@pytest.mark.parametrize("private", [True, False])
def test_a_dataset_that_does_not_exist_is_made_as_private_as_the_setting_says(hub: Hub, private: bool) -> None:
    Results(hub, DATASET, private).append([small(1)])
    assert hub.info(DATASET).private is private


def test_an_empty_dataset_gets_its_first_row(results: Results, hub: Hub, hub_server: LocalHub, tmp_path: Path) -> None:
    hub.create(DATASET, private=False)
    assert results.append([small(1)]).first == 1
    assert len(rows(hub_server, tmp_path)) == 1


def test_a_predecessors_files_stay_as_they_are_and_numbers_and_counts_go_on_from_them(
    results: Results, hub_server: LocalHub, tmp_path: Path
) -> None:
    card = b"---\nconfigs:\n- config_name: default\n  data_files: '*.json'\n---\nAnother card\n"
    hub_server.put(DATASET, {**PREDECESSOR, "README.md": card})
    assert results.append([small(1)]).first == 7
    assert results.append([full()]).first == 8
    found = rows(hub_server, tmp_path)
    assert found["iteration"] == [7, 8]
    assert [row["implementations_generated"] for row in found["cumulative_progress"]] == [1, 2]
    files = hub_server.files(DATASET)
    assert {path: files[path] for path in PREDECESSOR} == PREDECESSOR


def test_an_idle_look_is_one_request_and_an_append_four_whatever_came_before(
    results: Results, hub: Hub, faults: Faults, tmp_path: Path
) -> None:
    for n in range(1, 6):
        results.append([small(n)])
    another_run = Results(hub, DATASET, home=tmp_path / "home")
    for act, requests in ((another_run.state, 1), (lambda: another_run.append([small(9)]), 4)):
        before = len(faults.seen)
        act()
        assert len(faults.seen) - before == requests


def test_pyarrow_and_datasets_are_not_imported_to_look() -> None:
    program = "import sys, flows.adapters.results; print(sorted({'pyarrow', 'datasets'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_foreign_parquet_file_among_the_rows_is_an_error_that_names_it(
    results: Results, hub_server: LocalHub
) -> None:
    hub_server.put(DATASET, {"data/train-00000-of-00001.parquet": b"PAR1"})
    with pytest.raises(Permanent, match="train-00000-of-00001"):
        results.append([small(1)])


def test_a_dataset_of_a_newer_worker_is_left_alone(results: Results, hub: Hub, hub_server: LocalHub) -> None:
    results.append([small(1)])
    worker = json.loads(hub_server.files(DATASET)["_state/worker.json"])
    newer = {**worker, "schema_version": 99, "something": "new"}
    head = hub_server.put(DATASET, {"_state/worker.json": json.dumps(newer).encode()})
    with pytest.raises(Permanent, match="newer worker"):
        Results(hub, DATASET).append([small(2)])
    assert hub_server.head(DATASET) == head


def test_all_goes_well_where_parquet_goes_by_lfs(tmp_path: Path) -> None:
    with LocalHub(tmp_path / "hub", lfs=True) as server:
        results = Results(Hub(server.address), DATASET)
        for n in range(1, 10):
            results.append([small(n)])
        assert rows(server, tmp_path)["iteration"] == list(range(1, 10))
