import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.jsonable import jsonable
from stages.models import Source
from stages.records import OF_FINDING, Kind, Record, read_record

FIXTURES = Path(__file__).parent.parent / "fixtures"
SOURCE = Source(dataset="a/b", revision="0" * 40, path="iteration_1.json", blob_id="1" * 40)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ANALYSES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("repository", "revision", "id", "analysis_id", "timestamp", "analysis_type"), VALUES),
        "findings": VALUES
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional=dict.fromkeys((*sorted(OF_FINDING), "score"), VALUES),
            ),
            max_size=3,
        ),
    },
)
PLANS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("analysis", "tests", "edge_cases", "finding_id", "analysis_id", "file", "perspective_name", "timestamp"),
        VALUES,
    ),
)


def analysis(record: object, repository: str = "") -> Record:
    return read_record(Kind.ANALYSIS, record, SOURCE, repository)


def plan(record: object) -> Record:
    return read_record(Kind.PLANS, record, SOURCE)


def fixture(name: str) -> dict:
    return json.loads((FIXTURES / name).read_text())


def test_a_fleet_finding_takes_its_title_from_its_first_recommendation() -> None:
    (found,) = analysis(fixture("analysis/iteration_2.json")).found
    assert found.finding.title == "Reuse one HTTP connection per subscriber instead of opening one per delivery"
    assert found.finding.perspective == "Performance Analysis"
    assert len(found.finding.recommendations) == 2
    assert json.loads(found.finding.extra) == {
        "issues_found": 2,
        "quality_score": 0.87,
        "record": {"analysis_type": "code_quality"},
    }


def test_a_finding_with_nothing_to_act_on_is_passed_over_with_the_reason() -> None:
    record = analysis(fixture("analysis/iteration_3.json"))
    assert not record.found
    (passed,) = record.passed_over
    assert passed.what == "finding 1 (Security Audit)"
    assert passed.reason == "it has no description and no recommendation"


def test_a_rich_finding_is_taken_whole() -> None:
    record = {
        "id": "A7",
        "repository": "https://example.org/lib.git",
        "revision": "main",
        "timestamp": "2026-09-14T07:30:00Z",
        "findings": [
            {
                "id": 12,
                "title": "Off by one",
                "description": "The last page is lost.",
                "severity": "ERROR",
                "file": "./lib/pages.py",
                "line": "41",
                "perspective": "Correctness",
                "recommendations": [{"text": "Count from one"}, "Add a test"],
                "files": {"lib/pages.py": "x = 1\n", "../outside.py": "no"},
                "check": "python -m lib.check",
                "rule": "PG-1",
            }
        ],
    }
    (found,), (left_out,) = analysis(record).found, analysis(record).passed_over
    finding = found.finding
    assert (found.repository, found.revision) == ("https://example.org/lib.git", "main")
    assert found.written == datetime.fromisoformat("2026-09-14T07:30:00+00:00").timestamp()
    assert (finding.id, finding.analysis_id, finding.severity, finding.line) == ("12", "A7", "high", 41)
    assert finding.file == "lib/pages.py"
    assert finding.recommendations == ("Count from one", "Add a test")
    assert finding.files == {"lib/pages.py": "x = 1\n"}
    assert finding.check == "python -m lib.check"
    assert json.loads(finding.extra) == {"rule": "PG-1"}
    assert left_out.what == "finding 1, file ../outside.py"


def test_a_field_of_the_wrong_type_is_shown_as_data_instead() -> None:
    record = {"findings": [{"description": "d", "severity": "9.8", "line": "about 7", "file": ["a", "b"]}]}
    (found,) = analysis(record).found
    assert (found.finding.severity, found.finding.line, found.finding.file) == ("", None, "")
    assert json.loads(found.finding.extra) == {"severity": "9.8", "line": "about 7", "file": ["a", "b"]}


@pytest.mark.parametrize(
    ("file", "line", "taken"),
    [
        ("src/a.py:12", None, ("src/a.py", 12)),
        ("./src/a.py:12:3", None, ("src/a.py", 12)),
        ("src/a.py:12", 7, ("src/a.py", 7)),
        ("src/a.py:12", "unknown", ("src/a.py", 12)),
        ("C:\\src\\a.py:12", None, ("C:\\src\\a.py", 12)),
        ("src/a.py", None, ("src/a.py", None)),
        ("src/a.py:", None, ("src/a.py:", None)),
        ("src/a.py:0", None, ("src/a.py:0", None)),
        ("src/a.py:main", None, ("src/a.py:main", None)),
        (":12", None, (":12", None)),
        ("https://example.org:80", None, ("https://example.org:80", None)),
    ],
)
def test_a_line_behind_a_files_name_is_taken_as_the_line(file: str, line: object, taken: tuple[str, int]) -> None:
    (found,) = analysis({"findings": [{"description": "d", "file": file, "line": line}]}).found
    assert (found.finding.file, found.finding.line) == taken


def test_a_plan_for_a_line_of_a_file_is_for_that_file() -> None:
    (planned,) = plan({"file": "src/a.py:12", "analysis": {"tests": ["t"]}}).planned
    assert planned.file == "src/a.py"


def test_findings_without_a_repository_are_about_the_workers_own() -> None:
    record = {"revision": "v2", "findings": [{"description": "d"}]}
    (found,) = analysis(record, "https://example.org/ours.git").found
    assert (found.repository, found.revision) == ("https://example.org/ours.git", "v2")
    (found,) = analysis(record).found
    assert (found.repository, found.revision) == ("", "")


def test_a_record_may_be_one_finding() -> None:
    (found,) = analysis({"id": "F1", "description": "d", "timestamp": 5}).found
    assert (found.finding.id, found.finding.analysis_id, found.finding.extra) == ("F1", "", "{}")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "it is no JSON object"),
        ({"findings": []}, "it holds no findings"),
        ({"findings": None}, "it holds no findings"),
        ({"findings": ["text"]}, "it is no JSON object"),
        ({"findings": "text"}, "it is no JSON object"),
        ({"repository": {"url": "x"}, "findings": [{"description": "d"}]}, "its repository is no address or path"),
        ({"repository": "a\nb", "findings": [{"description": "d"}]}, "its repository is no address or path"),
    ],
)
def test_a_malformed_analysis_is_passed_over(record: object, reason: str) -> None:
    assert [passed.reason for passed in analysis(record).passed_over] == [reason]
    assert not analysis(record).found


CASES = {
    1: ("Policy never stops: test_gives_up_after_limit()", 4),
    3: ("Limit of zero retries", 5),
    4: ("test_first_attempt_is_not_slower()", 2),
    6: ("test_delivery_id_is_stable()", 2),
    7: ("test_refused_connection_is_retried()", 3),
}


@pytest.mark.parametrize("number", range(1, 21))
def test_each_perspective_of_the_fleet_is_read(number: int) -> None:
    raw = fixture(f"test_plans/test_plan_iteration_{number}.json")
    (planned,) = plan(raw).planned
    assert planned.plan.perspective == raw["perspective_name"]
    body = {key: value for key, value in raw["analysis"].items() if key != "perspective"}
    assert json.loads(planned.plan.body) == body
    first, count = CASES.get(number % 15, ("", 0))
    assert planned.plan.cases[:1] == ((first,) if first else ())
    assert len(planned.plan.cases) == count
    assert not planned.plan.tests
    assert (planned.finding_id, planned.analysis_id, planned.file) == ("", "", "")


def test_a_rich_plan_says_what_it_is_for_and_brings_tests() -> None:
    record = {
        "analysis_id": "A7",
        "finding_id": 12,
        "file": "./lib/pages.py",
        "perspective": "Acceptance",
        "tests": {"tests/test_pages.py": "def test_last_page(): ...\n", "test_first_page": "the first page is there"},
    }
    (planned,) = plan(record).planned
    assert (planned.finding_id, planned.analysis_id, planned.file) == ("12", "A7", "lib/pages.py")
    assert planned.plan.tests == {"tests/test_pages.py": "def test_last_page(): ...\n"}
    assert planned.plan.cases == ("test_first_page: the first page is there",)
    assert planned.plan.perspective == "Acceptance"


def test_a_test_that_leaves_the_tree_is_left_out_and_said() -> None:
    record = plan({"tests": {"../../.ssh/x.py": "boom", "/etc/x.py": "boom", "a\\b.py": "boom", "t.py": "ok"}})
    assert record.planned[0].plan.tests == {"t.py": "ok"}
    assert [passed.what for passed in record.passed_over] == ["test ../../.ssh/x.py", "test /etc/x.py", "test a\\b.py"]


def test_a_test_that_is_too_long_is_never_cut() -> None:
    record = plan({"tests": {"t.py": "x" * 200_001}, "analysis": {"goal": "g"}})
    assert record.planned[0].plan.tests == {}
    assert record.passed_over[0].reason == "it has over 200,000 characters"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "it plans nothing"),
        ({"iteration": 3, "perspective_name": "Edge Case Analysis"}, "it plans nothing"),
        (
            {"finding_id": {"id": 1}, "analysis": {"tests": ["t"]}},
            "its finding_id is no text, so that what it belongs to is not known",
        ),
    ],
)
def test_a_malformed_plan_is_passed_over(record: object, reason: str) -> None:
    assert [passed.reason for passed in plan(record).passed_over] == [reason]
    assert not plan(record).planned


def test_cases_are_found_in_any_nesting_once_each() -> None:
    nested = {
        "suite": [
            {"critical_tests": ["test_a()", "test_b()"]},
            {"unit": {"tests": {"fast": ["test_a()"], "slow": [{"name": "test_c()", "description": "slowly"}]}}},
            {"cases": {"empty": "nothing goes in"}, "total_tests": 4, "test_strategy": "Unit test"},
        ]
    }
    expected = ("test_a()", "test_b()", "test_c(): slowly", "empty: nothing goes in")
    assert plan({"analysis": nested}).planned[0].plan.cases == expected


def test_the_columns_that_parquet_adds_are_not_shown() -> None:
    record = {"analysis": {"tests": ["t"], "pyramid": None}, "findings": None, "tests": [("t.py", "x")]}
    planned = plan(record).planned[0].plan
    assert json.loads(planned.body) == {"tests": ["t"]}
    assert planned.tests == {"t.py": "x"}


def test_hostile_text_becomes_valid_bounded_text() -> None:
    record = {"findings": [{"description": "a\0b\ud800" + "c" * 3_000_000, "recommendations": ["r" * 9_000] * 900}]}
    (found,) = analysis(record).found
    assert found.finding.description.startswith("a\ufffdb\ufffdccc")
    assert found.finding.description.endswith("characters or more left out]")
    assert len(found.finding.recommendations) == 50
    assert len(found.model_dump_json().encode()) < 250_000


def test_any_value_becomes_json() -> None:
    deep: list = []
    for _ in range(500):
        deep = [deep]
    hostile = {1: float("nan"), "n": 10**5000, "deep": deep, "many": list(range(1_000)), "when": datetime(2026, 1, 1)}
    shown = json.dumps(jsonable(hostile), allow_nan=False)
    assert "nested too deeply" in shown
    assert "800 entries left out" in shown
    assert len(shown) < 10_000


@given(VALUES | ANALYSES)
def test_reading_any_analysis_never_raises(record: object) -> None:
    analysis(record).model_dump_json().encode()


@given(VALUES | PLANS)
def test_reading_any_plan_never_raises(record: object) -> None:
    plan(record).model_dump_json().encode()
