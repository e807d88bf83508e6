"""Numbers and counts start behind a predecessor's files, found by listing them once."""

import json

import pytest

from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.numbering import highest_predecessor, predecessors_progress
from stages.columns import Progress
from stages.errors import Transient
from tests.adapters.faults import Faults, answer

DATASET = "autocoder/autocoder-implementation-results"


def highest(server: LocalHub, hub: Hub, *names: str) -> int:
    revision = server.put(DATASET, dict.fromkeys(("README.md", *names), b"{}"))
    return highest_predecessor(hub, DATASET, revision)


def test_without_a_predecessor_numbering_starts_at_one(hub_server: LocalHub, hub: Hub) -> None:
    assert highest(hub_server, hub) == 0


@pytest.mark.parametrize("numbers", [[1], [*range(1, 1_202)], [120], [57, 58, 59], [262_800]])
def test_the_highest_number_counts_whatever_gaps_there_are(
    hub_server: LocalHub, hub: Hub, faults: Faults, numbers: list[int]
) -> None:
    assert highest(hub_server, hub, *(f"implementation_iteration_{n}.json" for n in numbers)) == numbers[-1]
    assert len(faults.seen) == 1 + len(numbers) // 1_000


def test_both_names_count(hub_server: LocalHub, hub: Hub) -> None:
    assert highest(hub_server, hub, "iteration_3.json", "implementation_iteration_17.json") == 17


def test_other_names_do_not_count(hub_server: LocalHub, hub: Hub) -> None:
    assert highest(hub_server, hub, "test_plan_iteration_5.json", "old/iteration_7.json", "iteration_x.json") == 0


COUNTS = {"implementations_generated": 61, "tests_written": 12, "issues_discovered": 70}


def told(server: LocalHub, hub: Hub, content: bytes, iteration: int = 366) -> Progress:
    revision = server.put(DATASET, {"implementation_iteration_366.json": content})
    return predecessors_progress(hub, DATASET, revision, iteration)


def test_counts_go_on_from_the_predecessors_last_file(hub_server: LocalHub, hub: Hub, faults: Faults) -> None:
    content = json.dumps({"iteration": 366, "cumulative_progress": {**COUNTS, "files_read": 9}}).encode()
    assert told(hub_server, hub, content) == Progress(**COUNTS)
    assert len(faults.seen) == 2
    assert told(hub_server, hub, b'{"cumulative_progress": {"tests_written": 3}}') == Progress(tests_written=3)


def test_without_a_predecessor_nothing_is_asked(hub_server: LocalHub, hub: Hub, faults: Faults) -> None:
    assert told(hub_server, hub, b"{}", iteration=0) == Progress()
    assert faults.seen == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"cumulative_progress": [1]}'])
def test_a_file_that_tells_no_counts_counts_nothing(hub_server: LocalHub, hub: Hub, content: bytes) -> None:
    assert told(hub_server, hub, content) == Progress()


@pytest.mark.parametrize("count", [-1, 10**15, 10**30, 1.5, "7", True, None])
def test_counts_that_make_no_sense_count_nothing(hub_server: LocalHub, hub: Hub, count: object) -> None:
    content = json.dumps({"cumulative_progress": {**COUNTS, "tests_written": count}}).encode()
    assert told(hub_server, hub, content) == Progress()


def test_a_fault_that_may_pass_is_no_count(hub_server: LocalHub, hub: Hub, faults: Faults) -> None:
    faults.on("/resolve/", answer(503))
    with pytest.raises(Transient):
        told(hub_server, hub, json.dumps({"cumulative_progress": COUNTS}).encode())
