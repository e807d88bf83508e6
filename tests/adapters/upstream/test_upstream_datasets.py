import json
from contextlib import suppress

import pytest

from flows.adapters import upstream as upstream_module
from flows.adapters.local_hub import LocalHub
from stages.errors import Permanent, Transient
from tests.adapters.faults import Faults, answer
from tests.adapters.upstream.conftest import ANALYSIS, NOW, PLANS, TICK, Machines
from tests.adapters.upstream_records import iterations, plan, record, says


# --- datasets that are not there -------------------------------------------------------------------
def test_datasets_that_do_not_exist_yet_are_sentences(machine: Machines) -> None:
    look = machine().look(now=NOW)
    assert len(look.notes) == 2
    assert look.gone == (), "what never was is not gone"
    assert look.notes[1].startswith(f"The analysis dataset {ANALYSIS} cannot be read: ")
    assert "does not exist, or is private" in look.notes[1]


def test_a_dataset_without_records_is_a_sentence_until_it_has_some(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, {"README.md": b"# soon", "dataset_infos.json": b"{}", "images/a.json": b"{}"})
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("t")})
    mine = machine()
    for n in (0, 1):
        assert mine.look(now=NOW + n).notes == (f"The analysis dataset {ANALYSIS} holds no records yet.",)
    hub_server.put(ANALYSIS, iterations(1))
    look = mine.look(now=NOW + TICK)
    assert (len(look.new), look.notes) == (1, ())


def test_a_dataset_that_vanishes_keeps_its_items(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    mine = machine()
    mine.look(now=NOW)
    faults.on(f"GET /api/datasets/{ANALYSIS}$", answer(404, code="RepoNotFound", message="Repository not found"))
    look = mine.look(now=NOW + TICK)
    assert "cannot be read" in look.notes[1]
    assert look.gone == (ANALYSIS,)
    assert len(mine.waiting()) == 2


def test_a_gated_dataset_costs_one_download_an_hour_and_is_read_once_access_is_given(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(40))
    faults.on(f"/{ANALYSIS}/resolve/", answer(403, code="GatedRepo", message="Access is restricted"), times=2)
    for hour in (0, 1):
        mine = machine()
        look = mine.look(now=NOW + hour * 3_600)
        said = f"{ANALYSIS} is gated, and this token may not read its files: ask for access on its page. "
        assert f"{said}It is tried again every 60 minutes (AUTOCODER_LISTING_MINUTES)." in look.notes
        assert (look.quarantined, mine.backlog.waiting(NOW).files, look.downloads) == ((), 40, 1)
        faults.seen.clear()
        again = machine().look(now=NOW + hour * 3_600 + TICK)
        assert faults.seen == [f"GET /api/datasets/{PLANS}", f"GET /api/datasets/{ANALYSIS}"]
        assert again.notes == look.notes
    assert len(machine().look(now=NOW + 7_200).new) == 40


def test_a_dataset_that_becomes_gated_meanwhile_is_no_fault_of_its_files(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(40))
    faults.on("/resolve/", answer(401, code="GatedRepo", message="Access is restricted"), times=100, after=1)
    look = machine().look(now=NOW)
    assert (len(look.new), look.quarantined) == (1, ())


def test_a_gated_dataset_is_tried_at_once_for_an_item_asked_for_by_name(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    faults.on("/resolve/", answer(403, code="GatedRepo", message="Access is restricted"))
    machine().look(now=NOW)
    assert len(machine().look("0" * 16, now=NOW + TICK).new) == 2


@pytest.mark.parametrize("status", [403, 404, 451])
def test_a_file_that_is_refused_in_a_gated_dataset_that_lets_us_in_holds_up_no_other(
    hub_server: LocalHub, machine: Machines, faults: Faults, status: int
) -> None:
    hub_server.put(ANALYSIS, iterations(30))
    gated = json.dumps({"id": ANALYSIS, "sha": hub_server.head(ANALYSIS), "private": False, "gated": "manual"})
    faults.on(r"/resolve/.*/iteration_1\.json", answer(status), times=99)
    faults.on(f"GET /api/datasets/{ANALYSIS}$", says(gated), times=99)
    mine = machine()
    assert len(mine.look(now=NOW).new) == 29
    assert not any("is gated" in note for note in mine.look(now=NOW + 3_700).notes)


def test_a_storage_that_gives_out_nothing_is_asked_for_a_few_files_only(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(60))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("case")})
    mine = machine()
    faults.on("/resolve/", answer(503), times=999)
    with pytest.raises(Transient):
        mine.look(now=NOW)
    looks = [mine.look(now=NOW + n * TICK) for n in range(1, 12)]
    assert max(look.downloads for look in looks) <= 10
    assert any("just now: asked for again" in note for note in looks[-1].notes)
    faults.forget()
    for n in range(12, 18):
        mine.look(now=NOW + n * TICK)
    assert len(mine.waiting()) == 60


def test_a_clock_that_was_wrong_once_holds_up_nothing(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    ahead = NOW + 50 * 365 * 86_400
    hub_server.put(ANALYSIS, iterations(3))
    faults.on(r"/resolve/.*/iteration_2\.json", answer(403), times=2)
    mine = machine()
    for at in (ahead, ahead + 3_600):
        mine.look(now=at)
    (item, _) = mine.backlog.next(2, ahead)
    mine.backlog.pauses.broke_off(item, "no answer", ahead, 60)
    hub_server.put(ANALYSIS, {"iteration_500.json": record("far off")})
    mine.look(now=NOW)
    assert sorted(mine.waiting()) == ["far off", "number 1", "number 2", "number 3"]
    assert len(mine.backlog.next(9, NOW)) == 4


def test_a_renamed_dataset_is_read_and_said_at_every_look(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    head = hub_server.put(ANALYSIS, iterations(1))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("t")})
    renamed = json.dumps({"id": "autocoder/findings", "sha": head, "private": False, "gated": False})
    faults.on(f"GET /api/datasets/{ANALYSIS}$", says(renamed), times=2)
    mine = machine()
    said = f"{ANALYSIS} is called autocoder/findings now: set AUTOCODER_ANALYSIS_DATASET to that name."
    look = mine.look(now=NOW)
    assert (len(look.new), look.notes) == (1, (said,))
    look = mine.look(now=NOW + TICK)
    assert (look.requests, look.notes) == (2, (said,))
    assert mine.look(now=NOW + 2 * TICK).notes == ()


def test_a_dataset_renamed_between_two_files_is_said_with_the_next_file(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(1))
    mine = machine()
    mine.look(now=NOW)
    head = hub_server.put(ANALYSIS, iterations(2))
    faults.on(f"GET /api/datasets/{ANALYSIS}$", says(json.dumps({"id": "autocoder/findings", "sha": head})))
    look = mine.look(now=NOW + TICK)
    assert (len(look.new), look.requests) == (1, 3)
    assert any("is called autocoder/findings now" in note for note in look.notes)


def test_another_dataset_in_the_settings_is_read_from_its_beginning(hub_server: LocalHub, machine: Machines) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    hub_server.put("autocoder/other", {"iteration_1.json": record("other"), "iteration_2.json": record("number 2")})
    machine().look(now=NOW)
    mine = machine(analysis_dataset="autocoder/other")
    look = mine.look(now=NOW + TICK)
    assert mine.waiting() == ["number 1", "number 2", "other"]
    assert len(look.new) == 1


# --- faults on the way -----------------------------------------------------------------------------
def test_what_was_read_before_a_fault_is_kept_and_told_by_the_next_look(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    faults.on(r"/resolve/.*/iteration_[23]\.json", answer(503), times=2)
    mine = machine()
    with pytest.raises(Transient):
        mine.look(now=NOW)
    look = mine.look(now=NOW + 1)
    assert look.downloads == 2
    assert len(look.new) == 3


@pytest.mark.parametrize("kind", [ANALYSIS, PLANS])
def test_a_file_that_always_fails_holds_up_no_other(
    hub_server: LocalHub, machine: Machines, faults: Faults, kind: str
) -> None:
    hub_server.put(ANALYSIS, iterations(5))
    hub_server.put(PLANS, {"test_plan_iteration_1.json": plan("case"), "test_plan_iteration_2.json": plan("other")})
    faults.on(rf"{kind}/resolve/.*iteration_2\.json", answer(503), times=3)
    mine = machine()
    for tick in range(3):
        with suppress(Transient):  # of the first file of all alone it cannot be known
            look = mine.look(now=NOW + tick * TICK)
    assert len(mine.waiting()) == (4 if kind == ANALYSIS else 5)
    assert any("iteration_2.json just now" in note for note in look.notes)
    mine.look(now=NOW + 4 * TICK)
    assert len(mine.waiting()) == 5
    assert mine.look(now=NOW + 5 * TICK).notes == ()


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_file_that_is_refused_once_is_not_forgotten(
    hub_server: LocalHub, machine: Machines, faults: Faults, status: int, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    mine = machine()
    if is_late:  # written over before it was read
        monkeypatch.setattr(upstream_module, "DOWNLOADS", 2)
        mine.look(now=NOW)
        hub_server.put(ANALYSIS, {"iteration_3.json": record("written over")})
        monkeypatch.undo()
    faults.on(rf"/resolve/.*/iteration_{3 if is_late else 2}\.json", answer(status))
    look = mine.look(now=NOW + TICK)
    assert look.quarantined == ()
    mine.look(now=NOW + 2 * TICK)
    assert {"number 1", "number 2", "number 3"} <= {*mine.waiting()}


def test_files_that_are_refused_for_hours_are_told_and_read_when_they_are_given_out(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(3))
    faults.on("/resolve/", answer(403), times=9)
    mine = machine()
    assert [len(mine.look(now=NOW + at).quarantined) for at in (0, TICK, 3_600)] == [0, 0, 3]
    assert mine.look(now=NOW + 3_600 + TICK).downloads == 0, "they are asked for once an hour now"
    assert len(mine.look(now=NOW + 7_200).new) == 3
    assert not any("just now" in note for note in mine.look(now=NOW + 7_200 + TICK).notes)


def test_a_refusal_and_a_fault_an_hour_later_are_no_hour_of_refusals(
    hub_server: LocalHub, machine: Machines, faults: Faults
) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    faults.on(r"/resolve/.*/iteration_2\.json", answer(403))
    faults.on(r"/resolve/.*/iteration_2\.json", answer(503))
    mine = machine()
    assert [mine.look(now=NOW + at).quarantined for at in (0, 3_700, 3_700 + 600)] == [(), (), ()]
    assert mine.waiting() == ["number 1", "number 2"]


def test_versions_that_cannot_be_had_any_more_hold_up_nothing(
    hub_server: LocalHub, machine: Machines, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.put(ANALYSIS, iterations(6))
    old = hub_server.head(ANALYSIS)
    mine = machine()
    monkeypatch.setattr(upstream_module, "DOWNLOADS", 1)
    mine.look(now=NOW)
    monkeypatch.undo()
    hub_server.put(ANALYSIS, {f"iteration_{n}.json": record(f"new {n}") for n in range(2, 7)})
    faults.on(f"/resolve/{old}/", answer(500), times=2)
    assert len(mine.look(now=NOW + TICK).new) == 5
    for look in range(2, 5):
        mine.look(now=NOW + look * TICK)
    assert len(mine.waiting()) == 9, "what could be had was had; two wait for an hour"
    mine.look(now=NOW + 7_200)
    assert len(mine.waiting()) == 11


def test_a_refused_token_is_no_fault_of_the_files(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    faults.on("/resolve/", answer(401, message="Invalid credentials in Authorization header"), times=1)
    faults.on(f"GET /api/datasets/{ANALYSIS}$", answer(401, message="Invalid credentials"), after=1)
    mine = machine()
    with pytest.raises(Permanent, match="does not accept the token"):
        mine.look(now=NOW)
    assert len(mine.look(now=NOW + 1).new) == 2


def test_a_file_that_the_hub_keeps_back_is_quarantined(hub_server: LocalHub, machine: Machines, faults: Faults) -> None:
    hub_server.put(ANALYSIS, iterations(2))
    faults.on(r"/resolve/.*/iteration_2\.json", answer(451, message="Unavailable for legal reasons"), times=3)
    mine = machine()
    assert len(mine.look(now=NOW).new) == 1
    assert mine.look(now=NOW + TICK).quarantined == ()
    look = mine.look(now=NOW + 3_601)
    assert "Unavailable for legal reasons" in look.quarantined[0].reason
