"""One upstream file → its records. A file or row that cannot be read is quarantined, and the rest goes on."""

import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from flows.adapters.catalog import SeenFile
from flows.adapters.intake import Quarantined, named
from flows.adapters.parquet_rows import Unread, rows
from flows.adapters.redaction import Secrets, everywhere_without
from stages.records import Record, read_record
from stages.text import cut, stays_inside

LINES = (".jsonl", ".ndjson")
SUFFIXES = (".json", *LINES, ".parquet")
NO_RECORDS = frozenset(("dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json", "latest.json"))
"""What `datasets` and workers like this one leave beside their records."""
TABLES = 100
"""A file of many records may be so many times as large as one record."""
DIGITS = 18
"""Readers of a dataset have 64 bits; a longer integer is kept as text."""


def is_record_file(path: str) -> bool:
    """Whether a file holds records: at the root or under data/. Names that lead elsewhere count: they are refused."""
    if not path.lower().endswith(SUFFIXES):
        return False
    folder, _, name = path.rpartition("/")
    placed = not folder or folder.split("/")[0] == "data"
    return not stays_inside(path) or (placed and not name.startswith((".", "_")) and name not in NO_RECORDS)


def is_table(path: str) -> bool:
    """Whether a file holds one record per row."""
    return not path.lower().endswith(".json")


def refused(file: SeenFile, limit: int) -> Quarantined | None:
    """The file, if its name or size says already that it will not be read. `limit`: bytes of the file."""
    if not stays_inside(file.path):
        return _quarantined(file, "its name leads out of the dataset or is no file name")
    if file.size > limit:
        return _quarantined(file, f"it has {file.size:,} bytes, over {limit:,} (AUTOCODER_UPSTREAM_MEGABYTES)")
    return None


def records(
    file: SeenFile, data: bytes, dataset: str, limit: int, repository: str, secrets: Secrets = ()
) -> Iterator[Record | Quarantined]:
    """The records of a file, read from its bytes.

    limit: bytes of one; repository: of findings that name none; secrets: ours, which a finding may have come upon.
    """
    for row, raw in _raw(file, data, limit):
        if isinstance(raw, Quarantined):
            yield raw
        else:
            yield _record(file, everywhere_without(secrets, raw), dataset, row, repository)


def _record(file: SeenFile, raw: Any, dataset: str, row: int | None, repository: str) -> Record | Quarantined:
    if not isinstance(raw, dict):
        return _quarantined(file, "it is no JSON object", row)
    try:
        return read_record(file.kind, raw, file.source(dataset, row), repository)
    except Exception as error:  # a fault of ours must not cost the other rows
        return _quarantined(file, f"reading it failed: {named(error)}", row)


def _raw(file: SeenFile, data: bytes, limit: int) -> Iterator[tuple[int | None, Any]]:
    suffix = PurePosixPath(file.path).suffix.lower()
    if suffix == ".parquet":
        yield from _rows(file, data, limit)
    elif suffix in LINES:
        yield from _lines(file, data, limit)
    else:
        yield None, _parsed(file, data, None)


def _lines(file: SeenFile, data: bytes, limit: int) -> Iterator[tuple[int, Any]]:
    for row, line in enumerate(io.BytesIO(data)):
        if len(line) > limit:
            yield row, _quarantined(file, f"the row has {len(line):,} bytes; at most {limit:,} are read", row)
        elif line.strip():
            yield row, _parsed(file, line, row)


def _parsed(file: SeenFile, data: bytes, row: int | None) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=str, parse_int=_integer)
    except UnicodeDecodeError as error:
        return _quarantined(file, f"it is no UTF-8 text (byte {error.start})", row)
    except ValueError as error:
        return _quarantined(file, f"it is broken JSON: {error}", row)
    except RecursionError:
        return _quarantined(file, "it is nested too deeply", row)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits


def _rows(file: SeenFile, data: bytes, limit: int) -> Iterator[tuple[int | None, Any]]:
    for row, told in enumerate(rows(data, limit, TABLES * limit)):
        if not isinstance(told, Unread):
            yield row, _parsed(file, told, row)
        elif told.whole:
            where = f"from row {row} on it" if row else "it"
            yield None, _quarantined(file, f"{where} {told.reason}")
        else:
            yield row, _quarantined(file, told.reason, row)


def _quarantined(file: SeenFile, reason: str, row: int | None = None) -> Quarantined:
    return Quarantined(file.kind, file.path, file.blob, cut(" ".join(reason.split()), 300), row)
