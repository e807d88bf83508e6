"""A fixed work item with its six answers, and our templates, for golden prompts and tests."""

from stages.approach_evaluation import Approach, ApproachEvaluation, Choice
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.implementation_plan import ImplementationPlan, PlannedFile, Step
from stages.models import (
    Brief,
    CodeView,
    Draft,
    File,
    Finding,
    Grade,
    Source,
    TestPlan,
    TestResult,
    Verdict,
    WorkItem,
)  # fmt: skip
from stages.outcome import Dossier
from stages.risk_analysis import Risk, RiskAnalysis
from stages.stage import Level
from stages.templates import Templates
from stages.testing_strategy import Coverage, TestingStrategy, TestList

OURS = Templates()
"""Read once."""

SOURCE = Source(dataset="acme/findings", revision="1" * 40, path="iteration_1.json", blob_id="2" * 40)

CODE = '''"""Simple statistics."""


def mean(values):
    """The arithmetic mean."""
    return sum(values) / len(values)
'''
TESTS = """from stats import mean


def test_mean():
    assert mean([1, 3]) == 2
"""
ACCEPTANCE = """import pytest

from stats import mean


def test_empty():
    with pytest.raises(ValueError, match="empty"):
        mean([])
"""
FIXED = '''"""Simple statistics."""


def mean(values):
    """The arithmetic mean. Raises ValueError for no values."""
    if not values:
        raise ValueError("mean of an empty list")
    return sum(values) / len(values)
'''
OWN_TEST = """import pytest

from stats import mean


def test_no_values_have_no_mean():
    with pytest.raises(ValueError):
        mean([])
"""

ITEM = WorkItem(
    id="0123456789abcdef",
    repository="https://example.org/acme/stats.git",
    revision="3" * 40,
    finding=Finding(
        title="mean() of an empty list raises ZeroDivisionError",
        description="Callers get a ZeroDivisionError that says nothing about their input.",
        recommendations=("Raise ValueError with a message", "Document it"),
        severity="high",
        file="stats.py",
        line=6,
        perspective="Error Handling",
        check="python check_mean.py",
        extra='{"confidence": 0.9}',
    ),
    plans=(
        TestPlan(
            perspective="Edge Case Analysis",
            body='{"edge_cases": [{"case": "Empty list", "priority": "HIGH"}, {"case": "One value"}]}',
            cases=("Empty list", "One value"),
            tests={"tests/test_acceptance.py": ACCEPTANCE},
            why="same file",
            source=SOURCE,
        ),
    ),
    source=SOURCE,
)
VIEW = CodeView(
    paths=("README.md", "latest", "stats.py", "report.py", "tests/test_stats.py"),
    links=("latest",),
    files={"stats.py": CODE, "tests/test_stats.py": TESTS},
    outline="README.md\nreport.py: Report, render",
    left_out="",
)
BRIEF = Brief(item=ITEM, code=VIEW)
BARE = Brief(item=ITEM.model_copy(update={"repository": "", "revision": "", "plans": ()}))
"""The same without a repository and without plans."""

DOSSIER = Dossier(
    deep_understanding=DeepUnderstanding(
        surface_problem="mean([]) raises ZeroDivisionError.",
        real_problem="Callers cannot tell bad input from a bug in the library.",
        root_cause="stats.py, mean(), line 6 divides by len(values) without looking at it.",
        scope="3 lines",
        complexity=Level.LOW,
        evidence=("return sum(values) / len(values)",),
    ),
    architectural_analysis=ArchitecturalAnalysis(
        current_flow="caller → mean() → ZeroDivisionError",
        new_flow="caller → mean() → ValueError",
        components_affected=("stats.mean", "report.Report"),
        dependencies=(),
        backwards_compatibility="Who caught ZeroDivisionError does so in vain.",
    ),
    approach_evaluation=ApproachEvaluation(
        approaches=(
            Approach(
                name="Raise ValueError",
                code_changes="3 lines",
                pros=("says what is wrong",),
                cons=("another error than before",),
                verdict=Choice.RECOMMENDED,
            ),
            Approach(
                name="Return NaN",
                code_changes="2 lines",
                pros=("no error",),
                cons=("hides the bad input",),
                verdict=Choice.NOT_RECOMMENDED,
            ),
        ),
        selected="Raise ValueError",
    ),
    risk_analysis=RiskAnalysis(
        risks=(
            Risk(
                risk="A caller catches ZeroDivisionError",
                probability=Level.LOW,
                impact=Level.HIGH,
                mitigation="Search report.py for it and test Report on no values",
            ),
            Risk(risk="A generator is always true", probability=Level.LOW, impact=Level.LOW, mitigation=""),
        )
    ),
    testing_strategy=TestingStrategy(
        test_plan=TestList(critical_tests=("test_no_values_have_no_mean",), edge_cases=("one value: itself",)),
        coverage=(Coverage(cases=("T1", "T2"), by="test_no_values_have_no_mean and test_mean"),),
    ),
    implementation_plan=ImplementationPlan(
        files=(
            PlannedFile(path="stats.py", action="modify", purpose="the check"),
            PlannedFile(path="tests/test_empty.py", action="create", purpose="its test"),
        ),
        steps=(Step(description="Check for no values in mean()", files=("stats.py",), mitigates=("R1",)),),
        phases=("Phase 1: check and test",),
        location="stats.py, mean()",
    ),
)

DRAFT = Draft(
    summary="mean() raises ValueError for no values.",
    files=(File(path="stats.py", content=FIXED.replace("an empty list", "nothing")),),
    tests=(File(path="tests/test_empty.py", content=OWN_TEST),),
)
VERDICT = Verdict(
    grade=Grade.FAILED,
    by="acceptance tests",
    reason="1 of 1 acceptance tests fails.",
    tests=(
        TestResult(id="tests/test_acceptance.py::test_empty", before="failed", after="failed"),
        TestResult(id="tests/test_empty.py::test_no_values_have_no_mean", before="failed", after="passed"),
    ),
    broke=("tests/test_report.py::test_render",),
    output="E  AssertionError: Regex pattern did not match.\nE    Expected regex: 'empty'\n1 failed, 1 passed",
)
