from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import git_sha1
from flows.adapters.looks import Look
from tests.adapters.faults import Faults
from tests.adapters.upstream.conftest import ANALYSIS, NOW, PLANS, TICK, Machines
from tests.adapters.upstream_records import iterations, plan, record


def test_the_fleets_files_become_items_with_plans(fleet: LocalHub, machine: Machines) -> None:
    mine = machine()
    look = mine.look(now=NOW)
    assert len(look.new) == 4
    assert look.passed_over_total == 6
    assert look.notes == ()
    assert look.unused_total == 5
    (item, *_) = mine.backlog.next(4, NOW)
    assert len(item.plans) == 15
    assert item.source.revision == fleet.head(ANALYSIS)
    assert {plan.source.revision for plan in item.plans} == {fleet.head(PLANS)}


def test_plans_that_fit_nothing_are_told_by_the_look_that_read_them(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(1))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("a"), "data/plans.jsonl": plan("b", finding_id="F9")})
    mine = machine()
    look = mine.look(now=NOW)
    (unused,) = look.unused
    assert (unused.source.path, unused.source.row, look.unused_total) == ("data/plans.jsonl", 0, 1)
    assert unused.reason == "no finding read so far fits finding_id F9"
    assert mine.look(now=NOW + TICK) == Look(requests=2)


def test_a_look_at_nothing_new_is_one_request_per_dataset(fleet: LocalHub, machine: Machines, faults: Faults) -> None:
    mine = machine()
    mine.look(now=NOW)
    faults.seen.clear()
    look = mine.look(now=NOW + 7_200)
    assert faults.seen == [f"GET /api/datasets/{PLANS}", f"GET /api/datasets/{ANALYSIS}"]
    assert look == Look(requests=2)


def test_a_new_file_is_found_without_a_listing(fleet: LocalHub, machine: Machines, faults: Faults) -> None:
    mine = machine()
    mine.look(now=NOW)
    head = fleet.put(ANALYSIS, {"iteration_21.json": record("new")})
    faults.seen.clear()
    look = mine.look(now=NOW + TICK)
    assert faults.seen == [
        f"GET /api/datasets/{PLANS}",
        f"GET /api/datasets/{ANALYSIS}",
        f"POST /api/datasets/{ANALYSIS}/paths-info/{head}",
        f"GET /datasets/{ANALYSIS}/resolve/{head}/iteration_21.json",
    ]
    assert (look.requests, look.downloads, len(look.new)) == (3, 1, 1)


def test_one_new_file_among_ten_thousand_is_three_requests_and_a_download(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    files = dict.fromkeys((f"iteration_{n}.json" for n in range(1, 10_001)), record("said already"))
    hub_server.put(ANALYSIS, files)
    mine = machine()
    mine.backlog.known.load(
        [{"kind": "analysis", "path": p, "blob": git_sha1(b), "items": []} for p, b in files.items()], []
    )
    first = mine.look(now=NOW)
    assert (first.downloads, mine.backlog.waiting(NOW).files) == (0, 0)
    hub_server.put(ANALYSIS, {"iteration_10001.json": record("new")})
    faults.seen.clear()
    look = mine.look(now=NOW + TICK)
    assert len(look.new) == 1
    assert (look.requests, look.downloads) == (3, 1)
    assert len(faults.seen) == 4
    faults.seen.clear()
    mine.look(now=NOW + 2 * TICK)
    assert len(faults.seen) == 2
