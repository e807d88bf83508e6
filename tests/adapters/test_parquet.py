"""Shards: what is written is what readers get, also when the columns have grown since."""

import io
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features

from flows.adapters.parquet import UnreadableShard, pack, read, read_columns, schema, table
from stages.columns import Progress, features
from stages.rows import number, row
from tests.outcomes import full, small

ROWS = number([row(full()), row(small(2)), row(small(3))], 7, Progress(), set())


def one(rows: list[dict]) -> bytes:
    (shard,) = pack([table(rows)], [len(rows)])
    return shard


def test_the_cards_features_are_those_that_datasets_finds_in_the_schema() -> None:
    assert Features.from_arrow_schema(schema())._to_yaml_list() == features()
    found = pq.read_schema(io.BytesIO(one(ROWS)))
    assert Features.from_arrow_schema(found)._to_yaml_list() == features()


def test_rows_come_back_as_they_went() -> None:
    assert [r for group in read(one(ROWS)) for r in group.to_pylist()] == ROWS


def test_tables_are_repacked_in_order_to_any_sizes() -> None:
    shards = list(pack([table(ROWS), table(ROWS[:1])], [1, 3]))
    assert [[r["id"] for r in read_columns(s, ["id"])] for s in shards] == [
        [ROWS[0]["id"]],
        [ROWS[1]["id"], ROWS[2]["id"], ROWS[0]["id"]],
    ]


def test_a_shard_of_one_row_carries_no_statistics() -> None:
    shard = one(ROWS[:1])
    chunks = pq.read_metadata(io.BytesIO(shard)).row_group(0)
    assert not any(chunks.column(n).is_stats_set for n in range(chunks.num_columns))
    assert len(shard) < 25_000


def test_an_older_shard_reads_as_null_where_it_lacks_something() -> None:
    older = [{k: v for k, v in r.items() if k != "notes"} for r in ROWS]
    for r in older:
        r["verdict"] = {k: v for k, v in r["verdict"].items() if k != "canaries"}
    sink = io.BytesIO()
    columns = [c for c in features() if c["name"] != "notes"]
    verdict = next(c for c in columns if c["name"] == "verdict")
    columns[columns.index(verdict)] = {
        **verdict,
        "struct": [c for c in verdict["struct"] if c["name"] != "canaries"],
    }
    pq.write_table(pa.Table.from_pylist(older, schema=schema(columns)), sink)
    found = [r for group in read(sink.getvalue()) for r in group.to_pylist()]
    assert [r["notes"] for r in found] == [None] * 3
    assert [r["verdict"]["canaries"] for r in found] == [None] * 3
    assert [r["id"] for r in found] == [r["id"] for r in ROWS]


def test_a_shard_without_a_column_that_is_needed_is_none_of_ours() -> None:
    with pytest.raises(UnreadableShard):
        read_columns(one(ROWS), ["id", "no such column"])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 999, one(ROWS)[:-9], b"PAR1" + one(ROWS)[4:900]])
def test_bytes_that_are_no_shard_are_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(UnreadableShard):
        list(read(content))
    with pytest.raises(UnreadableShard):
        read_columns(content, ["id"])


def test_too_few_rows_are_an_error_of_ours() -> None:
    with pytest.raises(UnreadableShard, match="fewer"):
        list(pack([table(ROWS)], [2, 2]))


def test_writing_and_reading_rows_never_imports_pandas() -> None:
    code = (
        "import sys; from flows.adapters.parquet import pack, read, table\n"
        "shard, = pack([table([{'id': 'a'}])], [1])\n"
        "print([group.num_rows for group in read(shard)], 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1] False\n"
