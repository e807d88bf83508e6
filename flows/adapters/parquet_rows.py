"""The rows of a Parquet file of strangers, within bounds of memory and time: read by a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from flows.adapters import parquet_reader
from flows.adapters.parquet_reader import CPU_S, END, FILE_FAULT, READY, ROW
from stages.errors import Transient

MEMORY = 512 << 20
"""Bytes that the reader may hold, beside four times the file; of which pyarrow itself takes 150 MB."""
INHERITED = ("LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZDIR")
"""Of the environment: no secret is where a stranger's file is unpacked."""

CANNOT = "The program that reads Parquet files cannot be started"
TO_DO = "Is there memory left, and is pyarrow installed as constraints.txt has it?"


@dataclass(frozen=True)
class Unread:
    """Why a row, or all from this one on, cannot be read."""

    reason: str
    whole: bool = False
    """Whether it ends the file."""


def rows(data: bytes, row_bytes: int, all_bytes: int) -> Iterator[bytes | Unread]:
    """Each row as JSON. A longer row is Unread; so is the rest of a file that unpacks to more, or is no Parquet.

    Raises Transient where the reader cannot be started.
    """
    memory = MEMORY + 4 * len(data)
    argv = [sys.executable, "-P", parquet_reader.__file__, *map(str, (memory, row_bytes, all_bytes))]
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # one that reserves much would be refused it
    pipe = subprocess.PIPE
    try:
        reader = subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise Transient(f"{CANNOT} ({error}). {TO_DO}") from error
    with reader:
        try:
            yield from _told(cast("IO[bytes]", reader.stdin), cast("IO[bytes]", reader.stdout), data)
        finally:
            reader.kill()


def _told(to: IO[bytes], by: IO[bytes], data: bytes) -> Iterator[bytes | Unread]:
    with suppress(BrokenPipeError), to:  # it ended before it had read all, and will not be ready
        to.write(data)
    if by.readline() != READY + b"\n":
        raise Transient(f"{CANNOT}. {TO_DO}")
    for line in by:
        mark, text = line[:1], line[1:-1]
        if mark == END:
            return
        if not line.endswith(b"\n"):  # it was ended while it wrote
            break
        if mark == ROW:
            yield text
            continue
        yield Unread(text.decode(), whole=mark == FILE_FAULT)
        if mark == FILE_FAULT:
            return
    yield Unread(f"cannot be read in {MEMORY >> 20} MB of memory and {CPU_S} s: its reader was ended", whole=True)
