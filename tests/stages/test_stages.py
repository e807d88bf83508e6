from typing import Any

import pytest

from stages.approach_evaluation import ApproachEvaluation
from stages.implementation_plan import ImplementationPlan
from stages.models import Brief
from stages.outcome import STAGES
from stages.risk_analysis import RiskAnalysis
from stages.stage import Answer, Earlier
from stages.testing_strategy import TestingStrategy
from tests.stages.golden import BARE, BRIEF, DOSSIER


def faults(answer: Answer, brief: Brief = BRIEF, earlier: Earlier = ()) -> str:
    return " ".join(answer.faults(brief, earlier))


def approaches(*ways: tuple[str, str], selected: str) -> ApproachEvaluation:
    each = [{"name": n, "code_changes": "1 line", "pros": ["p"], "cons": ["c"], "verdict": v} for n, v in ways]
    return ApproachEvaluation.model_validate({"approaches": each, "selected": selected})


def strategy(*coverage: tuple[list[str] | str, str]) -> TestingStrategy:
    cover = [{"cases": cases, "by": by} for cases, by in coverage]
    return TestingStrategy.model_validate({"test_plan": {"critical_tests": ["test_a"]}, "coverage": cover})


def plan(*files: tuple[str, str], **step: Any) -> ImplementationPlan:
    return ImplementationPlan.model_validate(
        {
            "files": [{"path": path, "action": action, "purpose": "it"} for path, action in files],
            "steps": [{"description": "do it", **step}],
            "phases": ["Phase 1: all"],
            "location": "stats.py",
        }
    )


@pytest.mark.parametrize("answer", DOSSIER.answers(), ids=lambda a: a.step)
def test_good_answers_break_no_rule(answer: Answer):
    assert faults(answer, BRIEF, DOSSIER.answers()[: answer.number - 1]) == ""


def test_stages_are_numbered_in_order_and_stored_under_their_step():
    assert [stage.number for stage in STAGES] == [1, 2, 3, 4, 5, 6]
    assert [stage.step for stage in STAGES] == list(type(DOSSIER).model_fields)


def test_the_selected_approach_is_the_one_recommended():
    good = approaches(("A", "recommended"), ("B", "over_engineered"), selected="A")
    assert faults(good) == ""
    other = approaches(("A", "RECOMMENDED"), ("B", "NOT RECOMMENDED"), selected="B")
    assert faults(other) == "`selected` is 'B' but 'A' is RECOMMENDED: they must be the same."


def test_the_selected_approach_is_one_of_those_compared():
    assert "none of the approaches compared: ['A', 'B']" in faults(
        approaches(("A", "RECOMMENDED"), ("B", "NOT RECOMMENDED"), selected="C")
    )


@pytest.mark.parametrize("verdict", ["RECOMMENDED", "NOT RECOMMENDED"])
def test_exactly_one_approach_is_recommended(verdict: str):
    assert "Exactly one approach must be RECOMMENDED" in faults(
        approaches(("A", verdict), ("B", verdict), selected="A")
    )


@pytest.mark.parametrize("other", ["A", "a"])
def test_approaches_have_names_of_their_own(other: str):
    assert "same name" in faults(approaches(("A", "RECOMMENDED"), (other, "NOT RECOMMENDED"), selected="A"))


@pytest.mark.parametrize(("impact", "fault"), [("LOW", False), ("MEDIUM", True), ("HIGH", True), ("CRITICAL", True)])
def test_a_risk_of_more_than_low_impact_needs_a_mitigation(impact: str, fault: bool):
    risk = {"risk": "it breaks", "probability": "LOW", "impact": impact, "mitigation": ""}
    told = faults(RiskAnalysis.model_validate({"risks": [risk]}))
    assert told.startswith("R1 (it breaks) has impact") is fault


@pytest.mark.parametrize("said", [" ", "-", "None", "none.", "N/A", "not applicable", "TBD", "(none)", "No mitigation"])
def test_a_mitigation_that_says_nothing_is_none(said: str):
    risk = {"risk": "it breaks", "probability": "LOW", "impact": "HIGH", "mitigation": said}
    assert "say what is done about it" in faults(RiskAnalysis.model_validate({"risks": [risk]}))


@pytest.mark.parametrize("said", ["No cache: read each time", "None is returned, and a test shows it"])
def test_a_mitigation_may_begin_with_no(said: str):
    risk = {"risk": "it breaks", "probability": "LOW", "impact": "HIGH", "mitigation": said}
    assert faults(RiskAnalysis.model_validate({"risks": [risk]})) == ""


def test_risks_are_told_under_the_labels_that_the_plan_uses():
    risks = DOSSIER.risk_analysis
    assert risks is not None
    assert list(risks.told()["risks"]) == ["R1", "R2"]
    assert list(risks.grave()) == ["R1"]


def test_every_upstream_case_is_covered():
    assert faults(strategy((["T1"], "test_a"))) == (
        "These upstream test cases are not covered: T2 (One value). Add each to `coverage`."
    )


def test_a_case_that_upstream_does_not_have_is_named():
    assert faults(strategy((["T1", "T2", "T3"], "test_a"))) == "`coverage` names T3, but upstream has only T1, T2."
    assert "no test cases" in faults(strategy((["T1"], "test_a")), BARE)


@pytest.mark.parametrize("cases", ["T1, T2", "t1 and t2", ["T1: Empty list", " t2 "]])
def test_labels_are_read_however_they_are_written(cases: Any):
    assert faults(strategy((cases, "test_a"))) == ""


@pytest.mark.parametrize(
    ("path", "action", "told"),
    [
        ("stats.py", "create", "exists: its action is `modify`"),
        ("new.py", "modify", "does not exist: declare it `create`"),
        ("new.py", "delete", "does not exist: declare it `create`"),
        ("./stats.py", "create", "stats.py is planned as new but exists"),
        ("./new.py", "modify", "new.py is to be changed (modify) but does not exist"),
        ("/mnt/e/once/stats.py", "modify", "does not begin at the root of the repository"),
        ("src/../stats.py", "modify", "`..`"),
    ],
)
def test_planned_paths_exist_or_are_new(path: str, action: str, told: str):
    assert told in faults(plan((path, action)))


@pytest.mark.parametrize("action", ["create", "modify"])
def test_attached_files_may_be_planned_either_way_without_a_repository(action: str):
    finding = BARE.item.finding.model_copy(update={"files": {"stats.py": ""}})
    assert faults(plan(("stats.py", action)), Brief(item=BARE.item.model_copy(update={"finding": finding}))) == ""


def test_a_path_may_begin_with_a_dot_and_a_slash():
    made = plan(("./stats.py", "modify"), ("new.py", "create"), files=["stats.py", "./new.py"])
    assert faults(made) == ""
    assert ([file.path for file in made.files], made.steps[0].files) == (["stats.py", "new.py"], ("stats.py", "new.py"))


def test_a_path_is_planned_once():
    told = "stats.py is planned 2 times: name each file once, with all that is done to it."
    assert faults(plan(("stats.py", "modify"), ("./stats.py", "delete"))) == told


def test_a_step_names_planned_files_only():
    assert (
        faults(plan(("stats.py", "Modify"), files=["other.py"])) == "A step names other.py, which is not among `files`."
    )


def test_a_grave_risk_is_mitigated_by_a_step():
    earlier = DOSSIER.answers()[:5]
    assert "R1 (A caller catches ZeroDivisionError) has impact HIGH" in faults(
        plan(("new.py", "create")), BRIEF, earlier
    )
    assert faults(plan(("new.py", "create"), mitigates=["r1"]), BRIEF, earlier) == ""
