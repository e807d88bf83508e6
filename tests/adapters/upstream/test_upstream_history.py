import pytest

from flows.adapters import upstream as upstream_module
from flows.adapters.local_hub import LocalHub
from flows.adapters.news import LOWEST
from stages.errors import Permanent
from tests.adapters.faults import Faults, answer
from tests.adapters.upstream.conftest import ANALYSIS, NOW, PLANS, TICK, Machines
from tests.adapters.upstream_records import iterations, plan, record


def test_a_restarted_sibling_is_followed_without_listings(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(100))
    hub_server.put(PLANS, {"README.md": b"none yet"})
    mine = machine(listing_minutes=1e6)
    mine.look(now=NOW)
    for n in range(1, 40):
        hub_server.put(ANALYSIS, {f"iteration_{n}.json": record(f"restarted {n}")})
        faults.seen.clear()
        look = mine.look(now=NOW + n * TICK)
        assert len(look.new) == 1
        if n != LOWEST:  # the last of the names looked at: there may be more behind it
            assert (look.requests, look.downloads) == (3, 1)
    assert len(mine.waiting()) == 139


def test_what_a_restart_writes_over_is_not_forgotten(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_1.json": record("number 2"), "iteration_2.json": record("other")})
    look = mine.look(now=NOW + TICK)
    assert len(look.new) == 1
    assert mine.waiting() == ["number 1", "number 2", "number 3", "other"]


def test_many_new_files_at_once_are_all_found(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, iterations(200))
    assert len(mine.look(now=NOW + TICK).new) == 195


def test_what_cannot_be_guessed_is_found_by_a_listing(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_6.json": record("6"), "extra.json": record("unnumbered")})
    assert len(mine.look(now=NOW + TICK).new) == 1
    assert len(mine.look(now=NOW + 3_601).new) == 1
    hub_server.put(ANALYSIS, {"another.json": record("unnumbered too")})
    assert len(mine.look(now=NOW + 3_700).new) == 1


def test_a_json_file_beside_the_records_costs_no_listings(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, {**iterations(5), "config.json": b'{"language": "en"}'})
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_6.json": record("number 6")})
    look = mine.look(now=NOW + TICK)
    assert (len(look.new), look.requests, look.downloads) == (1, 3, 1)


@pytest.mark.parametrize("name", ["more.jsonl", "data/more.NDJSON"])
def test_a_dataset_with_tables_is_listed_when_it_changed(hub_server: LocalHub, machine: Machines, name: str) -> None:
    hub_server.put(ANALYSIS, {**iterations(5), name: record("of a table")})
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_6.json": record("number 6"), name: record("changed")})
    assert len(mine.look(now=NOW + TICK).new) == 2


def test_findings_of_a_deleted_file_stay(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_1.json": None, "iteration_3.json": None})
    mine.look(now=NOW + TICK)
    assert mine.waiting() == ["number 1", "number 2", "number 3"]


@pytest.mark.parametrize("later", [record("written over"), None])
def test_findings_that_were_written_over_or_deleted_unread_are_read_all_the_same(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch, later: bytes | None
) -> None:
    monkeypatch.setattr(upstream_module, "DOWNLOADS", 2)
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_3.json": later, "README.md": b"1"})
    assert [mine.look(now=NOW + n * 3600).quarantined for n in (1, 2)] == [(), ()]
    assert mine.waiting()[:3] == ["number 1", "number 2", "number 3"]
    assert mine.waiting()[3:] == (["written over"] if later else [])
    assert mine.look(now=NOW + 3 * 3600).downloads == 0


def test_findings_that_were_written_over_unread_and_whose_history_is_squashed_are_told(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_module, "DOWNLOADS", 2)
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_3.json": record("written over")})
    _squash(hub_server)
    told = [one for n in (1, 2, 3) for one in mine.look(now=NOW + n * 3600).quarantined]
    assert [one.path for one in told] == ["iteration_3.json"]
    assert "the history may have been squashed" in told[0].reason
    assert mine.waiting() == ["number 1", "number 2", "written over"]


def test_findings_that_move_to_another_file_stay(hub_server: LocalHub, machine: Machines) -> None:
    rows = [record("a"), record("b")]
    hub_server.put(ANALYSIS, {"data/1.jsonl": rows[0], "data/2.jsonl": rows[1]})
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"data/1.jsonl": None, "data/2.jsonl": None, "data/1-2.jsonl": b"\n".join(rows)})
    assert mine.look(now=NOW + TICK).new == ()
    assert mine.waiting() == ["a", "b"]


def test_a_plan_of_a_deleted_file_holds_no_longer(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(1))
    hub_server.put(PLANS, {f"test_plan_iteration_{n}.json": plan(f"case {n}", perspective_name="x") for n in (1, 2)})
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(PLANS, {"test_plan_iteration_2.json": None})
    mine.look(now=NOW + TICK)
    (item,) = mine.backlog.next(1, NOW)
    assert [plan.cases for plan in item.plans] == [("case 1",)]


def test_a_head_that_went_back_is_said(hub_server: LocalHub, machine: Machines) -> None:
    old = hub_server.put(ANALYSIS, iterations(2))
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"iteration_3.json": record("3")})
    mine.look(now=NOW + TICK)
    _point(hub_server, old)
    look = mine.look(now=NOW + 2 * TICK)
    assert any(f"went back to its earlier commit {old[:12]}" in note for note in look.notes)
    assert mine.waiting() == ["number 1", "number 2", "3"]


def _point(hub: LocalHub, sha: str) -> None:
    link = hub.path(ANALYSIS)
    link.unlink()
    link.symlink_to(f"snapshots/{sha}")


def _squash(hub: LocalHub) -> None:
    """One commit holds all, and the others are gone."""
    head = hub.put(ANALYSIS, {"README.md": b"squashed"})
    for commit in (hub.path(ANALYSIS).parent / "commits").iterdir():
        if commit.stem != head:
            commit.unlink()


def test_a_squashed_history_is_said_and_nothing_is_read_again(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    mine = machine()
    old = mine.look(now=NOW) and hub_server.head(ANALYSIS)
    _squash(hub_server)
    look = mine.look(now=NOW + TICK)
    assert any(f"was squashed: revision {old[:12]} is gone" in note for note in look.notes)
    assert look.downloads == 0
    assert len(mine.waiting()) == 5


def test_a_file_that_is_not_at_its_revision_is_asked_for_again_and_nothing_is_listed_for_it(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    faults.on("GET .*/iteration_2.json", answer(404, code="EntryNotFound"), times=2)
    mine = machine()
    mine.look(now=NOW)
    hub_server.put(ANALYSIS, {"README.md": b"another head"})
    look = mine.look(now=NOW + TICK)
    assert not any("squashed" in note for note in look.notes)
    again = mine.look(now=NOW + 2 * TICK)
    assert (again.requests, again.downloads) == (2, 1)
    assert mine.waiting() == ["number 1", "number 2", "number 3"]


def test_a_decided_item_asked_for_by_name_is_read_again_also_from_a_squashed_history(
    hub_server: LocalHub, machine: Machines
) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    mine = machine()
    mine.look(now=NOW)
    (first, _) = mine.backlog.next(2, NOW)
    mine.backlog.known.decided([first.key])
    _squash(hub_server)
    assert mine.look(first.id[:9], now=NOW + TICK).downloads == 1
    (again,) = mine.backlog.next(1, NOW, first.id[:9])
    assert (again.finding, again.attempt) == (first.finding, 2)
    assert mine.look(first.id[:9], now=NOW + TICK).downloads == 0
    mine.backlog.known.decided([again.key])
    hub_server.put(ANALYSIS, {"iteration_1.json": record("another")})
    mine.look(first.id[:9], now=NOW + 2 * TICK)
    with pytest.raises(Permanent, match="its file was written over or deleted"):
        mine.backlog.next(1, NOW, first.id[:9])


def test_files_that_wait_to_be_read_survive_a_squashed_history(
    hub_server: LocalHub, machine: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_module, "DOWNLOADS", 3)
    hub_server.put(ANALYSIS, iterations(5))
    mine = machine()
    mine.look(now=NOW)
    _squash(hub_server)
    hub_server.put(ANALYSIS, {"iteration_6.json": record("number 6")})
    looks = [mine.look(now=NOW + n * TICK) for n in (1, 2, 3)]
    assert any("its history was squashed" in note for look in looks for note in look.notes)
    assert sum(len(look.new) for look in looks) == 3
    assert looks[-1].quarantined == ()
