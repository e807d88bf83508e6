import json
from pathlib import Path

import pytest

from flows.adapters import upstream as upstream_module
from flows.adapters.local_hub import LocalHub
from tests.adapters.upstream.conftest import ANALYSIS, NOW, PLANS, TICK, Machines
from tests.adapters.upstream_records import finding, iterations, plan, record


def test_a_new_machine_reads_a_bounded_number_of_files_per_look(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_module, "DOWNLOADS", 40)
    hub_server.put(ANALYSIS, iterations(100))
    hub_server.put(PLANS, {f"test_plan_iteration_{n}.json": plan(f"case {n}") for n in range(1, 51)})
    mine = machine()
    looks = [mine.look(now=NOW + n * TICK) for n in range(5)]
    assert [look.downloads for look in looks] == [40, 40, 40, 30, 0]
    assert looks[0].notes == (
        f"80 files of {ANALYSIS} are still to be read.",
        f"30 files of {PLANS} are still to be read.",
    )
    assert mine.waiting() == [f"number {n}" for n in range(1, 101)]


def test_a_new_machine_reads_nothing_that_is_decided(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, {**iterations(30), "iteration_31.json": record("a", "b")})
    hub_server.put(
        PLANS, {f"test_plan_iteration_{n}.json": plan(f"case {n}", perspective_name="x") for n in range(1, 9)}
    )
    old = machine("old")
    ids = old.look(now=NOW).new
    decided = [f"{id_}-1" for id_ in ids[:-1]]
    seen = [json.dumps(entry) for entry in old.backlog.known.unpublished()]
    new = machine("new")
    new.backlog.known.load(seen, decided)
    look = new.look(now=NOW + TICK)
    assert look.downloads == 2  # the file with an undecided finding, and the only plan that holds
    (item,) = new.backlog.next(9, NOW + TICK)
    assert item.finding.title == "b"
    assert [plan.cases for plan in item.plans] == [("case 8",)]
    assert [entry["path"] for entry in new.backlog.known.unpublished()] == ["iteration_31.json"]


def test_a_new_machine_reads_every_plan_that_brings_other_tests(hub_server: LocalHub, machine: Machines) -> None:
    tests = [{"tests": {f"tests/test_{name}.py": "def test(): ..."}} for name in "abc"]
    hub_server.put(ANALYSIS, iterations(1))
    hub_server.put(PLANS, {f"test_plan_iteration_{n}.json": json.dumps(told).encode() for n, told in enumerate(tests)})
    old = machine("old")
    old.look(now=NOW)
    new = machine("new")
    new.backlog.known.load([e for e in old.backlog.known.unpublished() if e["kind"] == "plans"], [])
    assert new.look(now=NOW).downloads == 4
    (item,) = new.backlog.next(1, NOW)
    assert len(item.plans) == 3


def test_a_new_machine_reads_nothing_at_all_where_all_is_decided(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    hub_server.put(PLANS, {f"test_plan_iteration_{n}.json": plan(f"case {n}") for n in range(1, 9)})
    old = machine("old")
    ids = old.look(now=NOW).new
    new = machine("new")
    new.backlog.known.load(old.backlog.known.unpublished(), [f"{id_}-1" for id_ in ids])
    assert new.look(now=NOW).downloads == 0
    assert new.backlog.known.unpublished() == []
    hub_server.put(ANALYSIS, {"iteration_2.json": record("changed"), "iteration_6.json": record("new")})
    assert len(new.look(now=NOW + TICK).new) == 2


def test_a_plan_that_names_something_is_read_when_that_comes_up(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(1))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("the case", file="lib/a.py")})
    old = machine("old")
    (id_,) = old.look(now=NOW).new
    new = machine("new")
    new.backlog.known.load(old.backlog.known.unpublished(), [f"{id_}-1"])
    assert new.look(now=NOW).downloads == 0
    told = json.dumps({"findings": [finding("f", file="lib/a.py")]}).encode()
    hub_server.put(ANALYSIS, {"iteration_2.json": told})
    assert new.look(now=NOW + TICK).downloads == 2
    (item,) = new.backlog.next(1, NOW + TICK)
    assert [plan.why for plan in item.plans] == ["same file"]


def test_a_decided_item_can_be_asked_for_on_a_new_machine(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("the case")})
    old = machine("old")
    ids = old.look(now=NOW).new
    new = machine("new")
    new.backlog.known.load(old.backlog.known.unpublished(), [f"{id_}-1" for id_ in ids])
    assert new.look(ids[2], now=NOW).downloads == 2
    (item,) = new.backlog.next(1, NOW, ids[2])
    assert (item.attempt, item.finding.title) == (2, "number 3")
    assert [plan.cases for plan in item.plans] == [("the case",)]


def test_json_files_alone_never_import_pyarrow(fleet: LocalHub, tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path\n"
        "from flows.adapters.backlog import Backlog; from flows.adapters.hub import Hub\n"
        "from flows.adapters.upstream import Upstream; from flows.settings import Settings\n"
        "look = Upstream(Hub(sys.argv[1]), Backlog(Path(sys.argv[2])), Settings()).look()\n"
        "assert len(look.new) == 4 and not {'pyarrow', 'datasets'} & sys.modules.keys(), look\n"
    )
    subprocess.run([sys.executable, "-c", script, fleet.address, str(tmp_path / "home")], check=True)
