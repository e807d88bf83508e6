import io
import json
import re
import sys
from itertools import accumulate
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.adapters import intake, parquet_reader, parquet_rows, reading
from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import git_sha1
from flows.adapters.looks import Look
from stages.errors import Transient
from stages.matching import item_id
from stages.models import Finding
from stages.records import Kind, Record, read_record
from tests.adapters.faults import Faults
from tests.adapters.upstream.conftest import ANALYSIS, NOW, PLANS, TICK, Machines
from tests.adapters.upstream_records import finding, iterations, record, says

# --- files that cannot be read ---------------------------------------------------------------------
BROKEN = {
    "iteration_2.json": (b'{"findings": [', "it is broken JSON"),
    "iteration_3.json": (b"[1, 2]", "it is no JSON object"),
    "iteration_4.json": (b"\x89PNG\r\n\x1a\n\xff\xfe", "it is no UTF-8 text (byte 0)"),
    "iteration_5.json": (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
    "iteration_6.json": (b" " * 300_000, "it has 300,000 bytes, over 200,000"),
    "iteration_7.json": (b"", "it is broken JSON"),
    "iteration_8.json": (b"null", "it is no JSON object"),
    "data/bad.parquet": (b"PAR1 nothing PAR1", "it is no Parquet that can be read"),
}


def test_files_that_cannot_be_read_are_quarantined_and_the_rest_goes_on(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, {path: content for path, (content, _) in BROKEN.items()} | iterations(1))
    mine = machine(upstream_megabytes=0.2)
    look = mine.look(now=NOW)
    assert len(look.new) == 1
    reasons = {one.path: one.reason for one in look.quarantined}
    assert reasons.keys() == BROKEN.keys()
    assert all(reasons[path].startswith(reason) for path, (_, reason) in BROKEN.items())
    assert {one.path: one.blob for one in look.quarantined} == {p: git_sha1(c) for p, (c, _) in BROKEN.items()}
    assert not any("iteration_6" in asked for asked in faults.seen)
    faults.seen.clear()
    assert mine.look(now=NOW + TICK) == Look(requests=2, notes=look.notes)
    hub_server.put(ANALYSIS, {"iteration_2.json": record("mended")})
    assert len(mine.look(now=NOW + 2 * TICK).new) == 1


def test_odd_json_is_read(hub_server: LocalHub, machine: Machines) -> None:
    odd = {
        "iteration_1.json": b'\xef\xbb\xbf{"findings": [{"description": "a mark"}]}',
        "iteration_2.json": b'{"findings": 1, "findings": [{"description": "twice", "score": NaN, "n": -Infinity}]}',
        "iteration_3.json": b'{"findings": [{"description": "large", "n": ' + b"9" * 5_000 + b', "x": 1e999}]}',
        "iteration_4.json": rb'{"findings": [{"description": "\ud800 \u0000 \ud83d\ude00"}]}',
    }
    hub_server.put(ANALYSIS, odd)
    mine = machine()
    look = mine.look(now=NOW)
    assert (len(look.new), look.quarantined) == (4, ())
    items = mine.backlog.next(4, NOW)
    assert json.loads(items[1].finding.extra) == {"score": "NaN", "n": "-Infinity"}
    assert items[3].finding.description == "\ufffd \ufffd 😀"


def test_names_that_lead_elsewhere_are_quarantined(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    head = hub_server.put(ANALYSIS, iterations(1))
    names = ["../iteration_2.json", "a/../../iteration_3.json", "/etc/iteration_4.json", "..\\iteration_5.json"]
    tree = [{"type": "file", "path": name, "oid": "0" * 40, "size": 10} for name in [*names, "iteration_1.json"]]
    faults.on(f"GET /api/datasets/{ANALYSIS}/tree/{head}", says(json.dumps(tree)))
    look = machine().look(now=NOW)
    assert sorted(one.path for one in look.quarantined) == sorted(names)
    assert {one.reason for one in look.quarantined} == {"its name leads out of the dataset or is no file name"}
    assert len(look.new) == 1
    assert sum("/resolve/" in asked for asked in faults.seen) == 1


# --- JSON Lines and Parquet ------------------------------------------------------------------------
def test_json_lines_are_read_row_by_row(hub_server: LocalHub, machine: Machines) -> None:
    rows = [record("a"), b"", b"{broken", b"[]", b'{"x": "' + b"y" * 200_000 + b'"}', record("b")]
    hub_server.put(ANALYSIS, {"findings.jsonl": b"\n".join(rows)})
    mine = machine(upstream_megabytes=0.1)
    look = mine.look(now=NOW)
    assert [(one.row, one.reason.split(":")[0]) for one in look.quarantined] == [
        (2, "it is broken JSON"),
        (3, "it is no JSON object"),
        (4, "the row has 200,010 bytes; at most 100,000 are read"),
    ]
    assert [item.source.row for item in mine.backlog.next(9, NOW)] == [0, 5]
    hub_server.put(ANALYSIS, {"findings.jsonl": b"\n".join([*rows, record("c")])})
    look = mine.look(now=NOW + TICK)
    assert (len(look.new), look.downloads) == (1, 1)


def test_parquet_is_read_and_only_what_changed(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    rows = [{"id": f"A{n}", "findings": [finding(f"number {n}", id="F", files={"a.py": "x"})]} for n in range(150)]
    hub_server.put(ANALYSIS, {"data/000.parquet": _parquet(rows[:100]), "data/001.parquet": _parquet(rows[100:])})
    plans = [
        {"analysis_id": "A7", "tests": {"t.py": "def test(): ..."}, "edge": {"case": "c", "n": None}},
        {"analysis_id": "A8", "tests": {"u.py": "def test(): ..."}, "edge": {"case": None, "n": 2}},
    ]
    hub_server.put(PLANS, {"data/000.parquet": _parquet(plans)})
    mine = machine()
    assert len(mine.look(now=NOW).new) == 150
    items = mine.backlog.next(150, NOW)
    assert [item.finding.title for item in items] == [f"number {n}" for n in range(150)]
    assert items[149].source.row == 49
    assert items[7].finding.files == {"a.py": "x"}
    (paired,) = items[7].plans
    assert (paired.tests, paired.cases) == ({"t.py": "def test(): ..."}, ("c",))
    hub_server.put(ANALYSIS, {"data/002.parquet": _parquet([*rows[:1], {"findings": [finding("new")]}])})
    faults.seen.clear()
    look = mine.look(now=NOW + TICK)
    assert (len(look.new), look.downloads) == (1, 1)
    assert sum("/resolve/" in asked for asked in faults.seen) == 1


def test_a_parquet_row_that_python_cannot_hold_is_quarantined_and_the_rest_goes_on(
    hub_server: LocalHub, machine: Machines
) -> None:
    table = pa.table(
        {
            "description": ["a", "b"],
            "at": pa.array([1, None], pa.timestamp("us", tz="Nowhere/City")),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    hub_server.put(ANALYSIS, {"data/000.parquet": sink.getvalue(), **iterations(1)})
    mine = machine()
    look = mine.look(now=NOW)
    assert [(one.path, one.row) for one in look.quarantined] == [("data/000.parquet", 0)]
    assert "Nowhere/City" in look.quarantined[0].reason
    assert sorted(mine.waiting()) == ["b", "number 1"]


def test_a_parquet_file_that_unpacks_to_any_size_is_quarantined_and_the_rest_goes_on(
    hub_server: LocalHub, machine: Machines
) -> None:
    shapes = {"data/0.parquet": [1, 3, 1], "data/1.parquet": [1, 60_000], "data/2.parquet": [1] * 210}
    files = {path: _repeating(times) for path, times in shapes.items()}
    assert all(len(data) < 5_000 for data in files.values())
    hub_server.put(ANALYSIS, {**files, **iterations(1)})
    mine = machine(upstream_megabytes=0.1)
    quarantined = {one.path: (one.row, one.reason) for one in mine.look(now=NOW).quarantined}
    row, reason = quarantined.pop("data/1.parquet")
    assert row is None
    assert re.fullmatch(r"from row 1 on it needs over 5\d\d,\d{3},\d{3} bytes of memory to be read", reason)
    too_much = "from row 199 on it is no Parquet that can be read: its rows unpack to more than 10,000,000 bytes"
    assert quarantined == {
        "data/0.parquet": (1, "the row has 150,029 bytes; at most 100,000 are read"),
        "data/2.parquet": (None, too_much),
    }
    assert "number 1" in mine.waiting()


def test_of_a_parquet_file_that_ends_its_reader_the_rest_is_unread() -> None:
    rows = parquet_rows.rows(_repeating([1] * 210), 10**6, 10**8)
    next(rows)
    (reader,) = (each for each in psutil.Process().children() if parquet_reader.__file__ in each.cmdline())
    reader.kill()
    *read, last = rows
    assert all(isinstance(json.loads(row), dict) for row in read if isinstance(row, bytes))
    assert isinstance(last, parquet_rows.Unread)
    assert last.whole
    assert len(read) < 200


def test_a_parquet_file_is_not_to_blame_where_its_reader_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("/bin/false", "/nowhere"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(Transient, match="reads Parquet files cannot be started"):
            list(parquet_rows.rows(bytes(1 << 20), 10, 10))


def _repeating(times: list[int]) -> bytes:
    """A column of lists: in each row one text of 50 kB so many times, which the file holds but once."""
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * sum(times), pa.int32()), pa.array(["x" * 50_000]))
    ends = pa.array([0, *accumulate(times)], pa.int32())
    sink = io.BytesIO()
    pq.write_table(pa.table({"description": pa.ListArray.from_arrays(ends, shared)}), sink, compression="zstd")
    return sink.getvalue()


def test_a_fault_in_reading_one_file_costs_that_file_alone(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(kind: Kind, raw: Any, *rest: Any) -> Record:
        if raw["findings"][0]["title"] == "number 2":
            raise ZeroDivisionError("nobody thought of it")
        return read_record(kind, raw, *rest)

    monkeypatch.setattr(reading, "read_record", read)
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    look = mine.look(now=NOW)
    assert [(one.path, one.reason) for one in look.quarantined] == [
        ("iteration_2.json", "reading it failed: ZeroDivisionError: nobody thought of it")
    ]
    assert mine.waiting() == ["number 1", "number 3"]
    assert mine.look(now=NOW + TICK).downloads == 0


def test_a_fault_in_storing_one_file_costs_that_file_alone(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(repository: str, finding: Finding) -> str:
        if finding.title == "number 2":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return item_id(repository, finding)

    monkeypatch.setattr(intake, "item_id", named)
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    (quarantined,) = mine.look(now=NOW).quarantined
    assert (quarantined.path, quarantined.reason[:39]) == (
        "iteration_2.json",
        "taking it in failed: UnicodeEncodeError",
    )
    assert mine.waiting() == ["number 1", "number 3"]


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=40)
    return sink.getvalue()
