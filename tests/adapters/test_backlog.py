import multiprocessing
import sqlite3
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from flows.adapters import backlog as backlog_module
from flows.adapters.backlog import Backlog
from flows.adapters.worker_db import SCHEMA
from stages.errors import Permanent
from stages.matching import reason
from stages.models import Source, WorkItem
from stages.records import NAMED_BY_PLAN, Kind, read_record
from tests.adapters.upstream_records import finding, tell, tell_findings

NOW = 1_000_000.0
HOUR = 3_600.0
SHA = "d" * 40
SOURCE = Source(dataset="a/b", revision=SHA, path="p.json", blob_id="1" * 40)


@pytest.fixture
def backlog(tmp_path: Path) -> Iterator[Backlog]:
    opened = Backlog(tmp_path)
    yield opened
    opened.close()


def ids(items: list[WorkItem]) -> list[str]:
    return [item.id for item in items]


# --- order -----------------------------------------------------------------------------------------


def test_what_waits_longest_comes_first(backlog: Backlog) -> None:
    (late,) = tell_findings(backlog, finding("late"), path="iteration_1.json", now=NOW + 60)
    (early,) = tell_findings(backlog, finding("early"), path="iteration_2.json", now=NOW)
    assert ids(backlog.next(5, NOW + 120)) == [early, late]


def test_findings_of_one_record_keep_their_order(backlog: Backlog) -> None:
    made = tell_findings(backlog, *(finding(f"number {n}") for n in range(20)))
    assert ids(backlog.next(20, NOW)) == made


def test_a_severity_counts_as_hours_of_waiting(backlog: Backlog) -> None:
    (old,) = tell_findings(backlog, finding("old", severity="low"), path="iteration_1.json", now=NOW)
    (critical,) = tell_findings(
        backlog, finding("critical", severity="critical"), path="iteration_2.json", now=NOW + 70 * HOUR
    )
    (later,) = tell_findings(
        backlog, finding("later", severity="critical"), path="iteration_3.json", now=NOW + 73 * HOUR
    )
    assert ids(backlog.next(3, NOW + 80 * HOUR)) == [critical, old, later]


def test_a_record_counts_from_when_it_was_written(backlog: Backlog) -> None:
    (new,) = tell_findings(backlog, finding("new"), path="iteration_1.json", now=NOW)
    (older,) = tell_findings(backlog, finding("older"), path="iteration_2.json", now=NOW + 60, timestamp=NOW - 60)
    assert ids(backlog.next(2, NOW + 120)) == [older, new]


def test_a_record_that_tells_an_ancient_date_wins_no_race(backlog: Backlog) -> None:
    (patient,) = tell_findings(backlog, finding("patient"), path="iteration_1.json", now=NOW)
    (ancient,) = tell_findings(
        backlog, finding("ancient"), path="iteration_2.json", now=NOW + 8 * 24 * HOUR, timestamp="1970-01-02"
    )
    assert ids(backlog.next(2, NOW + 9 * 24 * HOUR)) == [patient, ancient]


# --- pinning ---------------------------------------------------------------------------------------


def test_an_item_that_was_taken_up_comes_back_unchanged(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f", severity="low"))
    (taken,) = backlog.next(1, NOW)
    tell(backlog, Kind.PLANS, "test_plan_iteration_1.json", {"analysis": {"tests": ["t"]}})
    tell_findings(backlog, finding("f", severity="high"), path="iteration_2.json")
    assert backlog.next(1, NOW) == [taken]
    assert taken.plans == ()


def test_a_pinned_revision_stays(backlog: Backlog, tmp_path: Path) -> None:
    tell_findings(backlog, finding("f"), repository="https://example.org/lib.git", revision="main")
    (taken,) = backlog.next(1, NOW)
    assert taken.revision == "main"
    pinned = backlog.pin(taken.model_copy(update={"revision": SHA}))
    again = Backlog(tmp_path)
    assert again.next(1, NOW) == [pinned]
    assert again.pin(taken.model_copy(update={"revision": "e" * 40})) == pinned
    again.close()


def test_a_finding_is_told_in_its_newest_words_until_it_is_taken_up(backlog: Backlog) -> None:
    (first,) = tell_findings(backlog, finding("f", id="old"), id="A1")
    taken = tell(backlog, Kind.ANALYSIS, "iteration_2.json", {"id": "A2", "findings": [finding("f", id="new")]})
    assert taken.new == []
    (item,) = backlog.next(5, NOW)
    assert (item.id, item.finding.id, item.finding.analysis_id) == (first, "new", "A2")
    assert item.source.path == "iteration_2.json"


def test_plans_are_paired_when_the_item_is_taken_up(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f", id="F1", file="a.py"), id="A1")
    told = {
        1: {"perspective_name": "x", "analysis": {"n": 1}},
        2: {"perspective_name": "x", "analysis": {"n": 2}},
        3: {"file": "a.py", "analysis": {"n": 3}},
        4: {"finding_id": "F1", "analysis": {"n": 4}},
        5: {"analysis_id": "A1", "perspective_name": "z", "analysis": {"n": 5}},
        6: {"finding_id": "F2", "analysis": {"n": 6}},
        7: {"file": "b.py", "analysis": {"n": 7}},
    }
    for number, record in told.items():
        tell(backlog, Kind.PLANS, f"test_plan_iteration_{number}.json", record, NOW + number)
    (item,) = backlog.next(1, NOW)
    assert [plan.body for plan in item.plans] == [f'{{"n": {n}}}' for n in (4, 5, 3, 2)]


def of_test(name: str, **fields: Any) -> dict[str, Any]:
    """A plan with one executable test of that name."""
    return {**fields, "tests": {f"tests/test_{name}.py": f"def test_{name}(): ..."}}


@pytest.mark.parametrize("perspective", ["", "Edge Cases"])
def test_executable_tests_of_all_general_plans_come_with_an_item(backlog: Backlog, perspective: str) -> None:
    tell_findings(backlog, finding("f"))
    for number, name in enumerate("abc", 1):
        record = of_test(name, perspective_name=perspective)
        tell(backlog, Kind.PLANS, f"test_plan_iteration_{number}.json", record, NOW + number)
    (item,) = backlog.next(1, NOW)
    assert [list(plan.tests) for plan in item.plans] == [[f"tests/test_{name}.py"] for name in "cba"]


def test_of_general_plans_alike_only_the_latest_is_gone_through(backlog: Backlog, mocker: MockerFixture) -> None:
    tell_findings(backlog, finding("f"))
    for number in range(1, 30):
        record = of_test("a", perspective_name="xX"[number % 2])
        tell(backlog, Kind.PLANS, f"test_plan_iteration_{number}.json", record, NOW + number)
    made = mocker.spy(backlog_module, "work_item")
    backlog.next(1, NOW)
    (handed,) = made.call_args.args[1]
    assert handed.plan.source.path == "test_plan_iteration_29.json"


def test_plans_that_no_item_can_take_are_told_with_the_reason_and_the_strays_first(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f", id="F1", file="a.py"), id="A1")
    cases: dict[str, dict[str, Any]] = {
        "1": {"perspective_name": "x"},
        "2": {"perspective_name": "X"},
        "3": {"finding_id": "F1", "analysis_id": "A2", "perspective_name": "y"},
        "4": {"finding_id": "F1", "file": "elsewhere.py"},
        "5": {"analysis_id": "A1", "file": "b.py"},
        "6": {"analysis_id": "A1"},
        "7": {"file": "a.py"},
        "8": {"file": "b.py"},
    }
    for number, named in cases.items():
        told = {**named, "analysis": {"n": number}}
        tell(backlog, Kind.PLANS, f"{number}.json", told, NOW + int(number))
    unused, total = backlog.unused_plans([f"{number}.json" for number in cases], 9)
    assert [(one.source.path, one.what, one.reason) for one in unused] == [
        ("3.json", "plan (y)", "no finding read so far fits finding_id F1, analysis_id A2"),
        ("5.json", "plan", "no finding read so far fits analysis_id A1, file b.py"),
        ("8.json", "plan", "no finding read so far fits file b.py"),
        ("1.json", "plan (x)", "it names nothing, and later ones like it took its place"),
    ]
    assert (total, unused[0].source.dataset) == (4, "a/b")
    assert backlog.unused_plans([f"{number}.json" for number in cases], 2) == (unused[:2], 4)
    assert backlog.unused_plans(["2.json"], 9) == ([], 0)
    (item,) = backlog.next(1, NOW)
    assert {plan.source.path for plan in item.plans} == {f"{n}.json" for n in (2, 4, 6, 7)}


def test_a_plan_is_told_as_unused_exactly_where_it_belongs_to_no_finding(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f", id="F1", file="a.py"), id="A1")
    tell_findings(backlog, finding("nameless"), path="iteration_2.json")
    (found,) = read_record(Kind.ANALYSIS, {"id": "A1", "findings": [finding("f", id="F1", file="a.py")]}, SOURCE).found
    expected = set()
    for number, names in enumerate(product(("", "F1", "F2"), ("", "A1", "A2"), ("", "a.py", "b.py"))):
        told = {**dict(zip(NAMED_BY_PLAN, names, strict=True)), "analysis": {"n": 1}}
        tell(backlog, Kind.PLANS, f"{number}.json", told)
        (planned,) = read_record(Kind.PLANS, told, SOURCE).planned
        expected |= set() if reason(found.finding, planned) else {f"{number}.json"}
    unused, total = backlog.unused_plans([f"{number}.json" for number in range(27)], 27)
    assert {one.source.path for one in unused} == expected
    assert total == len(expected) == 17


def test_the_latest_plan_is_the_one_written_last_whatever_its_number(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f"))
    record = {"perspective_name": "x", "timestamp": "2026-09-14T09:00:00", "analysis": {"n": "restarted"}}
    tell(backlog, Kind.PLANS, "test_plan_iteration_1.json", record, 2e9)
    record = {"perspective_name": "x", "timestamp": "2026-09-14T08:00:00", "analysis": {"n": "before"}}
    tell(backlog, Kind.PLANS, "test_plan_iteration_900.json", record, 2e9 + 1)
    (item,) = backlog.next(1, NOW)
    assert [plan.body for plan in item.plans] == ['{"n": "restarted"}']


# --- claims ----------------------------------------------------------------------------------------


def test_what_others_work_on_is_not_taken_up(backlog: Backlog) -> None:
    first, second, third = tell_findings(backlog, finding("1"), finding("2"), finding("3"))
    asked: list[str] = []

    def claim(offered: Iterator[str], limit: int) -> set[str]:
        for id_ in offered:
            asked.append(id_)
            if id_ != first:
                return {id_}
        return set()

    assert ids(backlog.next(1, NOW, claim=claim)) == [second]
    assert asked == [first, second]
    with backlog.db.reading() as db:
        assert db.execute("SELECT id FROM item WHERE pinned IS NULL ORDER BY rank, rowid").fetchall() == [
            (first,),
            (third,),
        ]


def test_what_was_decided_before_it_could_be_claimed_is_not_taken_up(backlog: Backlog) -> None:
    first, second = tell_findings(backlog, finding("1"), finding("2"))

    def claim(offered: Iterator[str], limit: int) -> set[str]:
        taken = set(offered)
        backlog.known.decided([f"{first}-1"])
        return taken

    assert ids(backlog.next(2, NOW, claim=claim)) == [second]


def test_an_attempt_that_waits_to_be_published_is_not_taken_up(backlog: Backlog) -> None:
    first, second = tell_findings(backlog, finding("1"), finding("2"))
    assert ids(backlog.next(2, NOW, finished={f"{first}-1"})) == [second]


# --- what came of it -------------------------------------------------------------------------------


def test_a_decided_item_does_not_come_back(backlog: Backlog) -> None:
    (id_,) = tell_findings(backlog, finding("f"))
    backlog.known.decided([f"{id_}-1", "no row's id"])
    assert tell_findings(backlog, finding("f"), path="iteration_9.json") == []
    assert backlog.next(1, NOW) == []
    assert backlog.waiting(NOW).items == 0


def test_what_another_machine_decided_is_never_taken_up(backlog: Backlog, tmp_path: Path) -> None:
    other = Backlog(tmp_path / "other")
    (id_,) = tell_findings(other, finding("f"))
    backlog.known.decided([f"{id_}-1"])
    tell_findings(backlog, finding("f"))
    assert backlog.next(1, NOW) == []
    other.close()


def test_an_item_that_broke_off_cools_down_twice_as_long_each_time(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f"))
    (item,) = backlog.next(1, NOW)
    assert backlog.pauses.broke_off(item, "no answer", NOW, 60) == 1
    assert backlog.next(1, NOW + 59 * 60) == []
    (cooling,) = backlog.waiting(NOW).cooling
    assert (cooling.id, cooling.tries, cooling.reason, cooling.until) == (item.id, 1, "no answer", NOW + HOUR)
    assert backlog.next(1, NOW + HOUR) == [item]
    assert backlog.pauses.broke_off(item, "no answer", NOW, 60) == 2
    assert backlog.next(1, NOW + 119 * 60) == []
    assert backlog.next(1, NOW + 2 * HOUR) == [item]


def test_an_item_that_was_spared_comes_back_later_each_time_and_no_try_is_counted(backlog: Backlog) -> None:
    tell_findings(backlog, finding("f"))
    (item,) = backlog.next(1, NOW)
    for minutes in (10, 20, 40, 60, 60):
        assert backlog.pauses.spare(item, "the endpoint is away", NOW, retry_minutes=60)
        assert backlog.next(1, NOW + minutes * 60 - 1) == []
        assert backlog.waiting(NOW).cooling[0].tries == 0
        assert backlog.next(1, NOW + minutes * 60) == [item]


def test_an_item_is_not_spared_once_others_went_through_since_it_last_broke_off(backlog: Backlog) -> None:
    tell_findings(backlog, finding("1"), finding("2"))
    bad, good = backlog.next(2, NOW)
    backlog.pauses.came_back([good], went_through=True)
    assert backlog.pauses.spare(bad, "no answer", NOW + 1, 60), "what went through before says nothing of today"
    assert backlog.pauses.spare(bad, "no answer", NOW + 2, 60)
    backlog.pauses.came_back([good], went_through=True)
    assert not backlog.pauses.spare(bad, "no answer", NOW + 4, 60)
    assert backlog.pauses.broke_off(bad, "no answer", NOW + 4, 60) == 1
    assert backlog.pauses.spare(bad, "no answer", NOW + 5, 60), "of what went through it is held against it once"


def test_an_item_on_which_runs_die_is_soon_alone_and_never_three_die_in_a_row(backlog: Backlog) -> None:
    made = tell_findings(backlog, *(finding(str(n)) for n in range(9)))
    poison, done, now, last = made[2], set(), NOW, 0
    deaths: list[int] = []
    for _ in range(40):
        now += 120
        items = backlog.next(4, now)
        backlog.pauses.begin(items, now, retry_minutes=60)
        if poison in ids(items):
            deaths.append(len(items))
            last += 1
            assert last < 3
            continue
        last = 0
        backlog.pauses.came_back(items, went_through=True)
        backlog.known.decided(item.key for item in items)
        done.update(ids(items))
    assert done == {*made} - {poison}
    assert deaths[:3] == [4, 2, 1]
    assert len(deaths) < 8, "it rests between them"
    assert "runs died while they worked on it" in backlog.waiting(now).cooling[0].reason


def test_items_of_a_run_that_died_with_its_machine_are_taken_up_by_the_next(backlog: Backlog) -> None:
    tell_findings(backlog, finding("1"))
    items = backlog.next(1, NOW)
    backlog.pauses.begin(items, NOW, retry_minutes=60)
    assert backlog.next(1, NOW) == items
    backlog.pauses.begin(items, NOW, retry_minutes=60)
    backlog.pauses.came_back(items, went_through=False)
    assert backlog.next(1, NOW) == items, "a run that lived takes nothing amiss"


def test_a_cooling_item_does_not_hold_up_the_others(backlog: Backlog) -> None:
    tell_findings(backlog, finding("1"))
    (item,) = backlog.next(1, NOW)
    backlog.pauses.broke_off(item, "no answer", NOW, 60)
    (second,) = tell_findings(backlog, finding("2"), path="iteration_2.json")
    assert ids(backlog.next(1, NOW)) == [second]


# --- by name ---------------------------------------------------------------------------------------


def test_an_item_asked_for_by_name_comes_at_once(backlog: Backlog) -> None:
    first, second = tell_findings(backlog, finding("1"), finding("2"))
    item = backlog.next(2, NOW)[1]
    backlog.pauses.broke_off(item, "no answer", NOW, 60)
    assert backlog.next(4, NOW, second) == [item]
    assert ids(backlog.next(4, NOW, first[:6])) == [first]
    assert ids(backlog.next(4, NOW, f"{first}-1")) == [first]


def test_a_decided_item_asked_for_by_name_is_a_new_attempt(backlog: Backlog) -> None:
    (id_,) = tell_findings(backlog, finding("f"))
    backlog.known.decided([f"{id_}-1", f"{id_}-2"])
    tell_findings(backlog, finding("f"), asked_for=id_[:5])
    tell(backlog, Kind.PLANS, "test_plan_iteration_1.json", {"analysis": {"tests": ["t"]}})
    (item,) = backlog.next(1, NOW, id_)
    assert item.key == f"{id_}-3"
    assert len(item.plans) == 1
    assert backlog.next(1, NOW) == [item]
    backlog.known.decided([item.key])
    assert backlog.next(1, NOW) == []


def test_an_attempt_that_waits_to_be_published_counts_as_decided_when_asked_for_by_name(backlog: Backlog) -> None:
    (id_,) = tell_findings(backlog, finding("f"))
    (item,) = backlog.next(1, NOW, id_, finished={f"{id_}-1"})
    assert item.attempt == 2
    backlog.known.decided([f"{id_}-1"])
    assert backlog.next(1, NOW) == [item]


def test_a_dry_run_of_a_decided_item_leaves_nothing_to_do(backlog: Backlog) -> None:
    (id_,) = tell_findings(backlog, finding("f"))
    backlog.known.decided([f"{id_}-1"])
    tell_findings(backlog, finding("f"), asked_for=id_)
    (rehearsed,) = backlog.next(1, NOW, id_, dry_run=True)
    assert backlog.begun() == set(), "what was thought of it is kept as long as other caches"
    assert backlog.next(1, NOW) == []
    assert backlog.next(1, NOW, id_) == [rehearsed]
    assert backlog.next(1, NOW) == [rehearsed]


def test_an_unknown_name_is_a_sentence(backlog: Backlog) -> None:
    with pytest.raises(Permanent, match="There is no work item 'abc'"):
        backlog.next(1, NOW, "abc")
    with pytest.raises(Permanent, match="There is no work item '-'"):
        backlog.next(1, NOW, "-")


def test_a_name_that_means_several_is_a_sentence(backlog: Backlog) -> None:
    made = tell_findings(backlog, *(finding(f"number {n}") for n in range(40)))
    twice = next(id_[0] for id_ in made if sum(other[0] == id_[0] for other in made) > 1)
    with pytest.raises(Permanent, match="Several work items begin with"):
        backlog.next(1, NOW, twice)


def test_the_text_of_a_decided_item_is_not_kept_however_often_it_is_told(backlog: Backlog, tmp_path: Path) -> None:
    files = 50
    for n in range(files):
        decided = tell_findings(backlog, finding(f"number {n}", files={"a.py": f"{n}" * 50_000}))
        tell_findings(backlog, finding("told each time"), path="iteration_2.json")
        backlog.known.decided(f"{id_}-1" for id_ in decided)
    backlog.known.decided(f"{id_}-1" for id_ in ids(backlog.next(9, NOW)))
    tell_findings(backlog, finding("told each time"), path="iteration_3.json")
    with backlog.db.reading() as db:
        assert db.execute("SELECT count(*), count(found), count(pinned) FROM item").fetchone() == (files + 1, 0, 0)
    backlog.close()
    assert (tmp_path / "worker.db").stat().st_size < 10 * 50_000


def test_attempts_that_were_begun_are_told_until_they_are_decided(backlog: Backlog) -> None:
    tell_findings(backlog, finding("1"), finding("2"))
    assert backlog.begun() == set()
    (item,) = backlog.next(1, NOW)
    backlog.pauses.broke_off(item, "no answer", NOW, 60)
    assert backlog.begun() == {item.key}
    backlog.known.decided([item.key])
    assert backlog.begun() == set()


def test_a_decided_item_whose_finding_is_gone_is_a_sentence(backlog: Backlog) -> None:
    backlog.known.decided([f"{'ab' * 8}-1"])
    with pytest.raises(Permanent, match="has an outcome, but its finding is no longer"):
        backlog.next(1, NOW, "abab")


# --- state -----------------------------------------------------------------------------------------


def test_what_was_seen_is_handed_out_until_it_is_published(backlog: Backlog) -> None:
    (id_,) = tell_findings(backlog, finding("f"))
    tell(backlog, Kind.PLANS, "test_plan_iteration_1.json", {"finding_id": "F1", "analysis": {"tests": ["t"]}})
    entries = backlog.known.unpublished()
    assert [(entry["kind"], entry["path"]) for entry in entries] == [
        ("analysis", "iteration_1.json"),
        ("plans", "test_plan_iteration_1.json"),
    ]
    assert entries[0]["items"] == [id_]
    assert entries[1]["about"] == ["", "F1", "", ""]
    backlog.known.mark_published(entries[:1])
    assert backlog.known.unpublished() == entries[1:]


def test_state_of_another_version_is_passed_over(backlog: Backlog) -> None:
    backlog.known.load(["{broken", '{"kind": "else"}', {"kind": "analysis"}], ["no key", f"{'ab' * 8}-x"])
    with backlog.db.reading() as db:
        assert db.execute("SELECT count(*) FROM file").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM decided").fetchone() == (0,)


def test_the_bookmark_is_kept(backlog: Backlog) -> None:
    assert backlog.known.bookmark() == (0, "")
    backlog.known.load([], [], (7, "e1"))
    backlog.known.load([], [], (9, "e2"))
    backlog.known.load([], [])
    assert backlog.known.bookmark() == (9, "e2")


# --- the file --------------------------------------------------------------------------------------


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "worker.db").write_bytes(b"no database at all" * 100)
    backlog = Backlog(tmp_path)
    assert backlog.next(1, NOW) == []
    backlog.close()


def test_a_file_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "worker.db")
    db.executescript(f"CREATE TABLE item (other TEXT); PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    backlog = Backlog(tmp_path)
    tell_findings(backlog, finding("f"))
    assert len(backlog.next(1, NOW)) == 1
    backlog.close()


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "worker.db").mkdir()
    with pytest.raises(Permanent, match=r"worker\.db cannot be written"):
        Backlog(tmp_path).next(1, NOW)


def _tell_many(home: Path, number: int) -> None:
    backlog = Backlog(home)
    for n in range(20):
        tell_findings(
            backlog, finding(f"of all {n}"), finding(f"{number}/{n}"), path=f"iteration_{number * 100 + n}.json"
        )
        backlog.next(3, NOW)
    backlog.close()


def test_several_processes_share_a_home(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_tell_many, args=(tmp_path, number)) for number in range(3)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0, 0]
    backlog = Backlog(tmp_path)
    assert backlog.waiting(NOW).items == 20 + 3 * 20
    backlog.close()
