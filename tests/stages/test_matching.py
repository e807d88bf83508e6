import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.matching import HOLDS_FOR_ALL, NAMES_ANALYSIS, NAMES_FINDING, SAME_FILE, item_id, pair, reason, work_item
from stages.models import Finding, Source, TestPlan
from stages.records import Kind, Planned, read_record

FIXTURES = Path(__file__).parent.parent / "fixtures"
SOURCE = Source(dataset="a/b", revision="0" * 40, path="p.json", blob_id="1" * 40)
FINDING = Finding(title="Off by one", description="d", file="lib/pages.py", id="F1", analysis_id="A1")


def planned(
    perspective: str = "", body: str = "{}", finding_id: str = "", analysis_id: str = "", file: str = "", **tests: str
) -> Planned:
    plan = TestPlan(perspective=perspective, body=body, tests=tests, why="", source=SOURCE)
    return Planned(finding_id=finding_id, analysis_id=analysis_id, file=file, plan=plan)


def fleet_ids(*numbers: int) -> set[str]:
    ids = set()
    for number in numbers:
        raw = json.loads((FIXTURES / f"analysis/iteration_{number}.json").read_text())
        ids |= {item_id(found.repository, found.finding) for found in read_record(Kind.ANALYSIS, raw, SOURCE).found}
    return ids


def test_a_finding_that_a_restarted_fleet_repeats_is_the_same_item() -> None:
    assert len(fleet_ids(1, 7, 13, 19)) == 1
    assert len(fleet_ids(*range(1, 21))) == 4


def test_an_id_is_16_hex_digits_and_never_changes() -> None:
    assert item_id("https://example.org/lib.git", FINDING) == "76128bac674deeec"


def test_blanks_and_case_do_not_count_in_an_id() -> None:
    spaced = FINDING.model_copy(update={"title": "off  by\nONE"})
    assert item_id("r", spaced) == item_id("r", FINDING)


@pytest.mark.parametrize("change", [{"severity": "high"}, {"line": 3}, {"id": "F9"}, {"extra": '{"score": 1}'}])
def test_what_changes_between_iterations_does_not_count_in_an_id(change: dict) -> None:
    assert item_id("r", FINDING.model_copy(update=change)) == item_id("r", FINDING)


@pytest.mark.parametrize("change", [{"file": "b.py"}, {"description": "e"}, {"recommendations": ("x",)}])
def test_what_a_finding_says_and_where_counts_in_an_id(change: dict) -> None:
    assert item_id("r", FINDING.model_copy(update=change)) != item_id("r", FINDING)
    assert item_id("r", FINDING) != item_id("s", FINDING)


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (planned(finding_id="F1"), NAMES_FINDING),
        (planned(finding_id="F1", analysis_id="A1", file="other.py"), NAMES_FINDING),
        (planned(finding_id="F1", analysis_id="A2"), ""),
        (planned(finding_id="F2", file="lib/pages.py"), ""),
        (planned(analysis_id="A1"), NAMES_ANALYSIS),
        (planned(analysis_id="A1", file="lib/pages.py"), NAMES_ANALYSIS),
        (planned(analysis_id="A1", file="other.py"), ""),
        (planned(analysis_id="A2"), ""),
        (planned(file="lib/pages.py"), SAME_FILE),
        (planned(file="other.py"), ""),
        (planned(), HOLDS_FOR_ALL),
    ],
)
def test_a_plan_belongs_to_what_it_names(plan: Planned, why: str) -> None:
    assert reason(FINDING, plan) == why


def test_a_plan_for_a_finding_does_not_belong_to_one_without_an_id() -> None:
    nameless = Finding(title="t", description="d")
    assert [reason(nameless, plan) for plan in (planned(finding_id="F1"), planned(file="a.py"))] == ["", ""]


def test_the_closest_plans_come_first() -> None:
    plans = [planned("w"), planned("x", file="lib/pages.py"), planned("y", analysis_id="A1"), planned(finding_id="F1")]
    paired = pair(FINDING, plans)
    assert [plan.why for plan in paired] == [NAMES_FINDING, NAMES_ANALYSIS, SAME_FILE, HOLDS_FOR_ALL]


def test_of_each_perspective_the_latest_holds() -> None:
    plans = [planned("x", '{"n": 1}'), planned("y", '{"n": 2}'), planned("X", '{"n": 3}')]
    assert [plan.body for plan in pair(FINDING, plans)] == ['{"n": 3}', '{"n": 2}']


def test_a_general_plan_gives_way_to_a_closer_one_of_its_perspective() -> None:
    plans = [planned("x", '{"n": 1}', finding_id="F1"), planned("x", '{"n": 2}')]
    assert [plan.body for plan in pair(FINDING, plans)] == ['{"n": 1}']


def test_executable_tests_are_not_lost_to_a_later_plan_with_others() -> None:
    plans = [
        planned("x", finding_id="F1", a="1"),
        planned("x", finding_id="F1", a="2"),
        planned("x", finding_id="F1", b="3"),
    ]
    assert [plan.tests for plan in pair(FINDING, plans)] == [{"b": "3"}, {"a": "2"}]


def test_the_fleets_plans_hold_for_every_item_once_each() -> None:
    raw = [json.loads((FIXTURES / f"test_plans/test_plan_iteration_{n}.json").read_text()) for n in range(1, 21)]
    plans = [plan for record in raw for plan in read_record(Kind.PLANS, record, SOURCE).planned]
    paired = pair(FINDING, plans)
    assert len(paired) == len({plan.perspective for plan in paired}) == 15
    assert {plan.why for plan in paired} == {HOLDS_FOR_ALL}


names = st.sampled_from(["", "F1", "A1", "lib/pages.py", "x"])


@given(
    st.builds(Finding, title=st.text(), description=st.text(), id=names, analysis_id=names, file=names),
    st.lists(
        st.builds(
            Planned,
            finding_id=names,
            analysis_id=names,
            file=names,
            plan=st.builds(TestPlan, perspective=names, body=names, why=st.just(""), source=st.just(SOURCE)),
        ),
        max_size=60,
    ),
)
def test_pairing_always_says_why_and_gives_no_plan_twice(finding: Finding, plans: list[Planned]) -> None:
    paired = pair(finding, plans)
    assert all(plan.why for plan in paired)
    assert len({(plan.perspective, plan.body) for plan in paired}) == len(paired) <= 40


def test_a_work_item_carries_where_its_finding_came_from() -> None:
    raw = {"repository": "r", "revision": "v1", "findings": [{"description": "d"}]}
    (found,) = read_record(Kind.ANALYSIS, raw, SOURCE).found
    item = work_item(found, [planned("x")], attempt=2)
    assert (item.repository, item.revision, item.source, item.attempt) == ("r", "v1", SOURCE, 2)
    assert item.id == item_id("r", item.finding)
    assert len(item.plans) == 1


@given(st.text(), st.text(max_size=20), st.sampled_from([" ", "\n", "\t ", "\u2028"]))
def test_however_a_finding_is_spaced_and_cased_it_is_the_same_item(title: str, more: str, blank: str) -> None:
    one = Finding(title=f"{title} {more}", description="d", file="a.py")
    other = Finding(title=f"{blank}{title}{blank}{blank}{more}{blank}", description="D", file="a.py")
    assert item_id("r", one) == item_id("R", other)
