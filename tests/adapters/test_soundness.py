"""What is found in a dataset that hands, disks and other programs have been at."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.adapters.hub import Hub
from flows.adapters.inspection import inspect, measure
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from flows.adapters.upkeep import rebuild
from stages.condition import Condition
from tests.adapters.faults import Faults
from tests.outcomes import small
from tests.results import DATASET

A, B, C = (f"data/{first:012d}-{first + 7:012d}.parquet" for first in (1, 9, 17))
STATE = "_state/000000000001-000000000008.jsonl"

Files = dict[str, bytes]
Damage = Mapping[str, bytes | None]


def renumbered(shard: bytes, **columns: list[object]) -> bytes:
    """The shard with other values in these columns."""
    table = pq.read_table(io.BytesIO(shard))
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.field(at), [values])
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def worker(files: Files, **changes: object) -> bytes:
    return json.dumps({**json.loads(files["_state/worker.json"]), **changes}).encode()


DAMAGES: Mapping[str, tuple[Callable[[Files], Damage], list[str]]] = {
    "nothing": (lambda files: {}, []),
    "a predecessor's files": (lambda files: {"iteration_1.json": b"{}", "data/notes.txt": b"-"}, []),
    "a shard deleted": (lambda files: {B: None}, ["Iterations 9 to 16 are missing: put the shard back"]),
    "the first shard deleted": (lambda files: {A: None}, ["Iterations 1 to 8 are missing"]),
    "the last shard deleted": (
        lambda files: {C: None},
        ["Iterations 17 to 24 are missing: put the shard back", "latest.json is not"],
    ),
    "rows deleted with the state that told of them": (
        lambda files: {path: None for path in files if path in (A, C) or path.startswith("_state/")},
        ["Iterations 1 to 8 are missing, and so is the state that tells", "worker.json is missing", "latest.json is"],
    ),
    "the state of removed rows deleted": (
        lambda files: {A: None, STATE: None, "_state/worker.json": worker(files, oldest=9)},
        ["Iterations 1 to 8 are missing, and so is the state that tells", "worker.json is missing, damaged, or"],
    ),
    "a shard cut off": (lambda files: {B: files[B][:-100]}, [f"{B} cannot be read"]),
    "a page damaged": (lambda files: {B: files[B][:40] + bytes(400) + files[B][440:]}, [f"{B} cannot be read"]),
    "a shard replaced by another": (
        lambda files: {B: files[A]},
        [f"{B} holds 8 rows, from 1 to 8, which are not the iterations"],
    ),
    "a part of a merged shard put back": (
        lambda files: {"data/000000000003-000000000004.parquet": renumbered(files[A])},
        [
            f"Iterations 3 to 4 are there twice, in {A} and in data/000000000003-000000000004.parquet",
            "data/000000000003-000000000004.parquet holds 8 rows",
        ],
    ),
    "a row twice": (
        lambda files: {B: renumbered(files[B], id=[*(small(n).item.key for n in (9, 10, 11, 12, 13, 14, 15, 3))])},
        [
            "1 row ids are there several times: 0000000000000003-1 (iterations 3, 16)",
            "1 rows disagree with the state, at iterations 16 (0000000000000003-1, not 0000000000000010-1)",
        ],
    ),
    "a foreign file": (lambda files: {"data/train-00000.parquet": b"PAR1"}, ["data/train-00000.parquet has no name"]),
    "no counters": (lambda files: {"_state/worker.json": None}, ["worker.json is missing"]),
    "other counters": (
        lambda files: {"_state/worker.json": worker(files, verdicts={"failed": 23})},
        ["The counts in _state/worker.json are not those of the rows"],
    ),
    "a state cut off": (lambda files: {STATE: files[STATE][:-9]}, [f"{STATE} cannot be read"]),
    "a state of other rows": (
        lambda files: {STATE: files[STATE].replace(b"-1", b"-2")},
        ["8 rows disagree with the state, at iterations 1 (0000000000000001-1, not 0000000000000001-2), "],
    ),
    "an older latest.json": (lambda files: {"latest.json": b'{"id": "a-1"}'}, ["latest.json is not the newest row"]),
    "a card of one's own": (lambda files: {"README.md": b"# Mine"}, ["README.md does not name the columns"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_is_named_with_its_place_and_what_to_do(
    hub: Hub, hub_server: LocalHub, three_shards: Files, damage: str
) -> None:
    change, sentences = DAMAGES[damage]
    hub_server.put(DATASET, three_shards)
    hub_server.put(DATASET, change(three_shards))
    before = hub_server.head(DATASET)
    found = inspect(hub, DATASET)
    assert len(found.faults) == len(sentences), found.faults
    for fault, sentence in zip(found.faults, sentences, strict=True):
        assert sentence in fault
        assert any(advice in fault for advice in ("put ", "Put ", "delete ", "move ", "--rebuild-state"))
    assert hub_server.head(DATASET) == before, "it only looks"


def test_a_dataset_that_does_not_exist_has_no_faults_and_is_not_made(hub: Hub, hub_server: LocalHub) -> None:
    for found in (inspect(hub, DATASET), measure(hub, DATASET)):
        assert (found.head, found.faults, found.files) == ("", (), 0)
    assert not hub_server.path(DATASET).exists()


def test_a_dataset_in_which_nothing_was_published_yet_is_sound(hub: Hub) -> None:
    hub.create(DATASET, private=False)
    assert inspect(hub, DATASET).faults == ()


def test_it_is_measured_by_its_listing_with_and_without_its_history(
    hub: Hub, hub_server: LocalHub, three_shards: Files, faults: Faults
) -> None:
    hub_server.put(DATASET, {**three_shards, "large.bin": bytes(1_000_000)})
    hub_server.put(DATASET, {"large.bin": None})
    faults.forget()
    found = measure(hub, DATASET)
    assert len(faults.seen) == 3
    assert (found.rows, found.oldest, found.newest) == (24, 1, 24)
    assert found.files == len(hub_server.files(DATASET))
    assert found.size == sum(map(len, hub_server.files(DATASET).values()))
    assert (found.storage or 0) >= found.size + 1_000_000


def test_a_loss_that_was_accepted_is_told_and_no_fault(hub: Hub, hub_server: LocalHub, three_shards: Files) -> None:
    hub_server.put(DATASET, three_shards)
    hub_server.put(DATASET, {B: None})
    results = Results(hub, DATASET)
    rebuild(results)
    found = inspect(hub, DATASET)
    assert found.faults == ()
    assert found.notes == (
        "Iterations 9 to 16 are lost, which was accepted: what was decided there may be worked on again.",
    )
    assert results.append([small(9), small(1)]).rows == 1, "what was lost may be published again"


def test_a_sound_shard_is_downloaded_once_and_a_damaged_one_every_time(
    hub: Hub, hub_server: LocalHub, three_shards: Files, faults: Faults, tmp_path: Path
) -> None:
    def shards() -> int:
        faults.forget()
        looked.append(inspect(hub, DATASET, tmp_path / "checked"))
        return sum("/resolve/" in asked and "/data/" in asked for asked in faults.seen)

    looked: list[Condition] = []
    hub_server.put(DATASET, three_shards)
    assert [shards(), shards()] == [3, 0]
    assert looked[0] == looked[1] == inspect(hub, DATASET)
    hub_server.put(DATASET, {B: three_shards[B][:-100]})
    assert [shards(), shards()] == [1, 1]
    assert looked[2].faults == looked[3].faults == inspect(hub, DATASET).faults
    for file in (tmp_path / "checked").iterdir():
        file.write_text("{")
    assert shards() == 3, "what cannot be read of the memory is read from the Hub again"
