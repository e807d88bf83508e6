"""What a consumer of the results dataset finds."""

import io
from typing import Any

import pyarrow.parquet as pq

from flows.adapters.hub import Hub

DATASET = "autocoder/autocoder-implementation-results"


def rows(hub: Hub, dataset: str = DATASET) -> list[dict[str, Any]]:
    """Every row, in order."""
    head = hub.head(dataset)
    shards = sorted(entry.path for entry in hub.tree(dataset, head, "data"))
    tables = [pq.read_table(io.BytesIO(hub.read(dataset, head, shard))) for shard in shards]
    return [row for table in tables for row in table.to_pylist()]
