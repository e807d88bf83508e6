"""The rows of a Parquet file of strangers as lines of JSON: a program of its own, started by `parquet_rows`.

A file of 1 kB may unpack to any size: a value stands there once and is meant a million times, in a column, a list or a
page, and nothing in the file's metadata bounds that. So it is read within limits that the kernel keeps. By path and
without imports of ours, since it gets nothing of the worker's environment.

argv: bytes of memory, bytes of one row, bytes of all rows; standard input: the file. Each line begins with a mark.
"""

import json
import resource
import sys
from contextlib import suppress
from datetime import date
from typing import Any

READY, ROW, ROW_FAULT, FILE_FAULT, END = b"^", b"+", b"-", b"!", b"."
CPU_S = 300
"""Of processor time, which a row that unpacks to nothing costs, too."""


def main() -> None:
    """READY; every row, or why it cannot be read; END, or why the rest cannot. A limit that is met may end all."""
    memory, row_bytes, all_bytes = (int(given) for given in sys.argv[1:])
    data = sys.stdin.buffer.read()
    import pyarrow.parquet  # noqa: F401  # whatever keeps it from being loaded is no fault of the file

    _line(READY)
    limits = {resource.RLIMIT_DATA: memory, resource.RLIMIT_CPU: CPU_S, resource.RLIMIT_CORE: 0}
    for limit, most in limits.items():
        with suppress(ValueError, OSError):  # one that is lower already stays
            resource.setrlimit(limit, (most, most))
    try:
        _write_rows(data, row_bytes, all_bytes)
    except MemoryError:  # pyarrow's is one
        _line(FILE_FAULT, f"needs over {memory:,} bytes of memory to be read")
    except Exception as error:  # of pyarrow mostly; a file's metadata can raise others
        _line(FILE_FAULT, f"is no Parquet that can be read: {error}")
    else:
        _line(END)


def _write_rows(data: bytes, row_bytes: int, all_bytes: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    left = all_bytes
    for row in pq.ParquetFile(pa.BufferReader(data)).iter_batches(batch_size=1, use_threads=False):
        try:
            text = json.dumps(row.to_pylist()[0], default=_plain)
        except MemoryError:
            raise
        except Exception as error:  # of pyarrow, pytz, datetime, …: each type of a column can raise others
            _line(ROW_FAULT, f"it cannot be read: {type(error).__name__}: {error}")
            continue
        left -= len(text)
        if left < 0:
            raise ValueError(f"its rows unpack to more than {all_bytes:,} bytes")
        if len(text) > row_bytes:
            _line(ROW_FAULT, f"the row has {len(text):,} bytes; at most {row_bytes:,} are read")
        else:
            _line(ROW, text)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else f"[{type(value).__name__}]"


def _line(mark: bytes, text: str = "") -> None:
    sys.stdout.buffer.write(mark + " ".join(text.splitlines()).encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main()
