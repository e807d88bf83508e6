"""Numbers and counts start behind a predecessor's files, found by asking for names."""

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


@pytest.mark.parametrize("count", [1, 6, 40, 41, 47, 48, 1_000, 3_333])
def test_any_number_of_files_without_a_gap_is_found_exactly(hub_server: LocalHub, hub: Hub, count: int) -> None:
    assert highest(hub_server, hub, *(f"implementation_iteration_{n}.json" for n in range(1, count + 1))) == count


def test_it_takes_three_requests_at_most(hub_server: LocalHub, hub: Hub, faults: Faults) -> None:
    assert highest(hub_server, hub, *(f"iteration_{n}.json" for n in range(1, 2_000))) == 1_999
    assert len(faults.seen) == 3


def test_both_names_count_and_gaps_among_the_first_forty_do_no_harm(hub_server: LocalHub, hub: Hub) -> None:
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


class Endless(Hub):
    """Holds that many files, without a folder to put them in."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[int] = []

    def entries(self, dataset: str, revision: str, paths):  # type: ignore[no-untyped-def, override]
        self.asked.append(len(paths))
        number = {path: int(path.removesuffix(".json").rsplit("_", 1)[1]) for path in paths if path[0] == "i"}
        return [type("Entry", (), {"path": path})() for path, n in number.items() if n <= self.count]


@pytest.mark.parametrize("count", [10_000, 54_321, 262_800, 999_998])
def test_beyond_ten_thousand_it_is_never_too_low_and_little_too_high(count: int) -> None:
    hub = Endless(count)
    assert count <= highest_predecessor(hub, DATASET, "main") <= count * 1.001
    assert max(hub.asked) <= 200
