"""The dataset is the ledger: what it lost waits again, but not for a hiccup of the Hub."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.adapters.backlog import Backlog
from flows.adapters.catching_up import LASTING_S, catch_up
from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from flows.adapters.upstream import Upstream
from flows.settings import Settings
from stages.errors import Permanent, Transient
from stages.outcome import Outcome
from tests.adapters.faults import Faults, answer
from tests.adapters.upstream_records import iterations, record
from tests.outcomes import small

ANALYSIS = "autocoder/autocoder-analysis-results"
DATASET = "autocoder/autocoder-implementation-results"
NOW = 1_800_000_000.0
GONE = answer(404, code="RepoNotFound", message="Repository not found")


class Machine:
    """One home that works on the findings of `hub_server`."""

    def __init__(self, home: Path, hub: Hub) -> None:
        self.backlog = Backlog(home)
        self.results = Results(hub, DATASET, home=home)
        self.upstream = Upstream(hub, self.backlog, Settings())

    def tick(self, now: float, **how: bool) -> str:
        """What a run that begins then says of the results dataset."""
        _, notes = catch_up(self.backlog.known, self.results, now, **how)
        self.upstream.look(now=now)
        return " ".join(notes)

    def waiting(self) -> list[str]:
        """Titles of the items that wait."""
        return [item.finding.title for item in self.backlog.next(9, NOW + 1e6)]

    def publish(self, limit: int = 9) -> None:
        """Outcomes of so many items that wait."""
        items = self.backlog.next(limit, NOW)
        outcomes: list[Outcome] = [small(0).model_copy(update={"item": item}) for item in items]
        seen = self.backlog.known.unpublished()
        self.results.append(outcomes, seen)
        self.backlog.known.decided(item.key for item in items)
        self.backlog.known.mark_published(seen)

    def close(self) -> None:
        self.backlog.close()
        self.results.close()


@pytest.fixture
def machine(tmp_path: Path, hub: Hub, hub_server: LocalHub) -> Iterator[Machine]:
    """It has published the outcomes of all three findings."""
    hub_server.put(ANALYSIS, iterations(3))
    made = Machine(tmp_path / "home", hub)
    assert made.tick(NOW) == ""
    made.publish()
    yield made
    made.close()


def delete(hub_server: LocalHub) -> None:
    shutil.rmtree(hub_server.path(DATASET).parent)


def set_back(hub_server: LocalHub, head: str) -> None:
    link = hub_server.path(DATASET)
    link.unlink()
    link.symlink_to(f"snapshots/{head}")


@pytest.mark.parametrize("ticks_before", [0, 1])
def test_items_of_a_dataset_that_stays_gone_wait_again(
    machine: Machine, hub_server: LocalHub, ticks_before: int
) -> None:
    for n in range(ticks_before):
        assert machine.tick(NOW + n) == ""
    delete(hub_server)
    told = machine.tick(NOW + 120)
    assert told.startswith(f"The outcomes of 3 items are gone from {DATASET}")
    assert "From 2027-01-15 09:02 UTC on they are worked on again" in told
    assert "worked on again, unless" in machine.tick(NOW + 120 + LASTING_S - 1)
    assert machine.waiting() == []
    assert machine.tick(NOW + 120 + LASTING_S).endswith("They are worked on again.")
    assert machine.waiting() == ["number 1", "number 2", "number 3"]
    machine.publish()
    assert machine.tick(NOW + 1e6) == ""
    assert machine.waiting() == []
    state = machine.results.state()
    assert (state.rows, len(state.seen)) == (3, 3)
    assert {key[-2:] for key in state.decided} == {"-1"}


def test_what_waits_stays_when_a_deleted_dataset_is_begun_anew(machine: Machine, hub_server: LocalHub) -> None:
    hub_server.put(ANALYSIS, {"iteration_4.json": record("4"), "iteration_1.json": record("another")})
    machine.tick(NOW)
    hub_server.put(ANALYSIS, {"iteration_4.json": None})
    delete(hub_server)
    machine.tick(NOW + 120)
    machine.tick(NOW + 120 + LASTING_S)
    assert sorted(machine.waiting()) == ["4", "another", "number 2", "number 3"]  # the text of number 1 is gone


def test_a_dataset_that_is_set_back_to_an_earlier_commit_has_lost_rows(machine: Machine, hub_server: LocalHub) -> None:
    machine.tick(NOW)
    before = hub_server.head(DATASET)
    hub_server.put(ANALYSIS, {"iteration_4.json": record("4"), "iteration_5.json": record("5")})
    machine.tick(NOW)
    machine.publish()
    machine.tick(NOW)
    set_back(hub_server, before)
    machine.results = Results(machine.results._hub, DATASET)  # another machine's, which knows no later head
    assert "outcomes of 2 items" in machine.tick(NOW + 1)
    hub_server.put(ANALYSIS, {"iteration_6.json": record("6")})
    machine.tick(NOW + 2)
    machine.publish()
    assert "outcomes of 2 items" in machine.tick(NOW + 3), "also when others have rows by then"
    assert "worked on again." in machine.tick(NOW + 1 + LASTING_S)
    assert machine.waiting() == ["4", "5"]


def test_rows_that_others_added_hide_no_loss(machine: Machine, hub: Hub, hub_server: LocalHub, tmp_path: Path) -> None:
    machine.tick(NOW)
    before = hub_server.head(DATASET)
    hub_server.put(ANALYSIS, {"iteration_4.json": record("4")})
    machine.tick(NOW)
    machine.publish()
    machine.tick(NOW)
    set_back(hub_server, before)
    hub_server.put(ANALYSIS, {"iteration_4.json": record("5"), "iteration_5.json": record("6")})
    other = Machine(tmp_path / "other", hub)
    other.tick(NOW)
    other.publish()
    assert "outcomes of 1 items" in machine.tick(NOW + 1), "two rows stand where one was"
    other.close()


def test_a_dataset_that_is_missing_now_and_then_has_lost_nothing(machine: Machine, faults: Faults) -> None:
    machine.tick(NOW)
    for hour in range(1, 6, 2):
        faults.on(f"GET /api/datasets/{DATASET}", GONE)
        assert "are gone" in machine.tick(NOW + hour * LASTING_S)
        assert machine.tick(NOW + (hour + 1) * LASTING_S) == ""
    assert machine.waiting() == []


@pytest.mark.parametrize("refused", [answer(403, message="You don't have the rights"), answer(409)])
def test_a_dataset_that_is_only_hidden_is_an_error_and_has_lost_nothing(
    machine: Machine, faults: Faults, refused: object
) -> None:
    faults.on(f"GET /api/datasets/{DATASET}", GONE, times=4)
    faults.on("POST /api/repos/create", refused)  # type: ignore[arg-type]
    machine.tick(NOW)
    with pytest.raises(Permanent, match="HF_TOKEN"):
        machine.tick(NOW + LASTING_S)
    assert machine.waiting() == []
    faults.forget()
    assert machine.tick(NOW + LASTING_S + 1) == ""


def test_a_hub_that_is_away_has_lost_nothing(machine: Machine, faults: Faults) -> None:
    faults.on(f"GET /api/datasets/{DATASET}", answer(503), times=2)
    for n in (1, 2):
        with pytest.raises(Transient):
            machine.tick(NOW + n * LASTING_S)
    assert machine.tick(NOW + 3 * LASTING_S) == ""


def test_what_a_dataset_begun_anew_holds_stays_decided(
    machine: Machine, hub: Hub, hub_server: LocalHub, tmp_path: Path
) -> None:
    machine.tick(NOW)
    delete(hub_server)
    other = Machine(tmp_path / "other", hub)
    other.tick(NOW)
    other.publish(1)
    assert "outcomes of 2 items" in machine.tick(NOW)
    other.publish(1)
    assert "outcomes of 1 items" in machine.tick(NOW + LASTING_S)
    assert machine.waiting() == other.waiting() == ["number 3"]
    other.close()


def test_a_state_that_is_worked_out_anew_has_lost_nothing(machine: Machine, hub_server: LocalHub) -> None:
    machine.tick(NOW)
    hub_server.put(DATASET, {"_state/worker.json": None})
    assert machine.tick(NOW) == machine.tick(NOW + LASTING_S) == ""
    assert machine.waiting() == []


def test_a_dry_run_neither_makes_the_dataset_nor_starts_over(machine: Machine, hub_server: LocalHub) -> None:
    delete(hub_server)
    for n in range(3):
        assert "are gone" in machine.tick(NOW + n * LASTING_S, may_start_over=False)
    assert machine.waiting() == []
    assert not hub_server.path(DATASET).exists()


def test_an_idle_look_is_one_request(machine: Machine, faults: Faults) -> None:
    machine.tick(NOW)
    faults.seen.clear()
    catch_up(machine.backlog.known, machine.results, NOW)
    assert faults.seen == [f"GET /api/datasets/{DATASET}"]
