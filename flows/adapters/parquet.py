"""Rows as Parquet, row group by row group: what is in memory is one output and one group. pyarrow is imported late."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stages.columns import Feature, features
from stages.errors import Permanent

Row = Mapping[str, Any]

GROUP_BYTES = 32 << 20
"""Arrow bytes per row group: bounds the memory of a merge and of whoever reads the shard."""


FRUGAL: Mapping[str, Any] = {
    "compression": "zstd",
    "write_statistics": False,
    "use_dictionary": False,
    "store_schema": False,
}
"""What a shard can do without. Nearly all of a one-row shard describes its leaf columns: 54 kB become 21."""


class UnreadableShard(Permanent):
    """A shard that is no Parquet, or not ours."""


def schema(columns: Sequence[Feature] | None = None) -> Any:
    """The pyarrow.Schema of these columns, of the results dataset by default."""
    import pyarrow as pa

    return pa.schema([(column["name"], _type(column)) for column in columns or features()])


def _type(feature: Feature) -> Any:
    import pyarrow as pa

    if "list" in feature:
        inner = feature["list"]
        return pa.list_(_type({"dtype": inner} if isinstance(inner, str) else {"struct": inner}))
    if "struct" in feature:
        return pa.struct([(part["name"], _type(part)) for part in feature["struct"]])
    return getattr(pa, feature["dtype"] + "_" * (feature["dtype"] == "bool"))()


def table(rows: Sequence[Row]) -> Any:
    """The rows as a pyarrow.Table of today's schema; a key that is missing, at any depth, reads as null.

    They go by way of JSON, since pyarrow imports pandas (46 MB) for Python lists.
    """
    import pyarrow as pa
    import pyarrow.json as pj

    if not rows:
        return schema().empty_table()
    lines = "\n".join(json.dumps(row, allow_nan=False) for row in rows).encode()
    return pj.read_json(
        pa.BufferReader(lines),
        pj.ReadOptions(use_threads=False, block_size=len(lines)),
        pj.ParseOptions(explicit_schema=schema(), unexpected_field_behavior="ignore"),
    )


def read(shard: bytes) -> Iterator[Any]:
    """The row groups of a shard as tables of today's schema, also of a shard older than it. Raises UnreadableShard."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _reading():
        file = pq.ParquetFile(pa.BufferReader(shard))
    for group in range(file.num_row_groups):
        with _reading():
            found = file.read_row_group(group)
            found = found if found.schema.equals(schema()) else table(found.to_pylist())
        yield found


def read_columns(shard: bytes, columns: Sequence[str]) -> list[dict[str, Any]]:
    """A few columns ("verdict.grade") of a shard, row by row. Raises UnreadableShard, also where one is missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _reading():
        found = pq.ParquetFile(pa.BufferReader(shard)).read(columns=list(columns))
        rows: list[dict[str, Any]] = found.select([column.split(".")[0] for column in columns]).to_pylist()
    return rows


@contextmanager
def _reading() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as fault:
        raise UnreadableShard(f"not a shard of ours: {type(fault).__name__}: {fault}") from fault


def pack(tables: Iterable[Any], sizes: Sequence[int]) -> Iterator[bytes]:
    """The rows of the tables, in order, as shards of these sizes. Raises UnreadableShard when there are too few."""
    import pyarrow.parquet as pq

    source = _Source(tables)
    for size in sizes:
        sink = io.BytesIO()
        with pq.ParquetWriter(sink, schema(), **FRUGAL) as writer:
            for group in source.groups(size):
                writer.write_table(group)
        yield sink.getvalue()


class _Source:
    """Tables, to be taken from by number of rows."""

    def __init__(self, tables: Iterable[Any]) -> None:
        self._tables = iter(tables)
        self._rest: Any = None

    def groups(self, size: int) -> Iterator[Any]:
        """The next `size` rows, in row groups."""
        import pyarrow as pa

        group: list[Any] = []
        while size:
            group.append(self._take(size))
            size -= group[-1].num_rows
            if not size or sum(part.nbytes for part in group) > GROUP_BYTES:
                yield pa.concat_tables(group).combine_chunks()
                group = []

    def _take(self, most: int) -> Any:
        while not self._rest:
            self._rest = next(self._tables, None)
            if self._rest is None:
                raise UnreadableShard(f"{most} rows fewer than the names of the shards promise")
        part = self._rest.slice(0, most)
        self._rest = self._rest.slice(part.num_rows)
        return part
