"""Outcomes to publish and to show: one with everything in it, and any number of small ones."""

from stages.approach_evaluation import Approach, ApproachEvaluation, Choice
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.implementation_plan import ImplementationPlan, PlannedFile, Step
from stages.models import (
    Attempt,
    Draft,
    File,
    Finding,
    Grade,
    Source,
    TestPlan,
    TestResult,
    Usage,
    Verdict,
    WorkItem,
)
from stages.outcome import Dossier, Outcome
from stages.risk_analysis import Risk, RiskAnalysis
from stages.stage import Level
from stages.testing_strategy import Coverage, TestingStrategy, TestList

NEW = '''"""Durations."""

import math
from datetime import timedelta


UNIT = 60


def parse(text: str) -> timedelta:
    """The duration."""
    return timedelta(seconds=math.floor(float(text) * UNIT))


def show(value: timedelta) -> str:
    return str(value)
'''

PATCH = '''diff --git a/durations/parse.py b/durations/parse.py
index 1111111..2222222 100644
--- a/durations/parse.py
+++ b/durations/parse.py
@@ -1,5 +1,6 @@
 """Durations."""
 
+import math
 from datetime import timedelta
 
 
@@ -8,7 +9,7 @@
 
 def parse(text: str) -> timedelta:
     """The duration."""
-    return timedelta(seconds=float(text) * UNIT)
+    return timedelta(seconds=math.floor(float(text) * UNIT))
 
 
 def show(value: timedelta) -> str:
'''  # noqa: W293  # git's context lines

TESTS = """import pytest

from durations.parse import parse


def test_minutes() -> None:
    assert parse("1").seconds == 60


class TestFractions:
    def test_half(self) -> None:
        assert parse("0.51").seconds == 30
"""


def source(path: str = "iteration_1.json") -> Source:
    return Source(dataset="autocoder/autocoder-analysis-results", revision="a" * 40, path=path, blob_id="b" * 40)


def small(number: int = 1, attempt: int = 1, grade: Grade = Grade.FAILED) -> Outcome:
    """An outcome without answers and draft; `number` makes the item."""
    item = WorkItem(id=f"{number:016x}", attempt=attempt, finding=Finding(title=f"Finding {number}"), source=source())
    verdict = Verdict(grade=grade, reason="the tests say no")
    return Outcome(item=item, verdict=verdict, started="2026-11-24T10:00:00Z", finished="2026-11-24T10:01:00Z")


def full() -> Outcome:
    """An outcome that has a value in every column."""
    verdict = Verdict(
        grade=Grade.SELF_TESTED,
        by="own tests",
        reason="2 of 2 pass, 1 failed before",
        tests=(TestResult(id="test_minutes", before="passed", after="passed"),),
        broke=("tests/test_old.py::test_it",),
        fixed=("test_half",),
        canaries="2 of 2",
        mechanism="landlock",
        seconds=0.4,
        output="2 passed",
    )
    usage = Usage(prompt_tokens=9000, completion_tokens=1200, requests=8, seconds=12.5, cost=0.0123)
    return Outcome(
        item=_item(),
        dossier=_dossier(),
        draft=Draft(
            summary="Round down.",
            files=(
                File(path="durations/units.py", content="SECOND = 1\n"),
                File(path="durations/parse.py", content=NEW),
            ),
            tests=(File(path="tests/test_parse.py", content=TESTS),),
            patch=PATCH,
        ),
        verdict=verdict,
        attempts=(
            Attempt(step="draft", summary="Round down.", changed=("durations/parse.py",), verdict=verdict, usage=usage),
        ),
        model="replay:rehearsal/model-30b",
        usage=usage,
        notes=("The endpoint did not report usage.",),
        started="2026-11-24T10:00:00Z",
        finished="2026-11-24T10:01:00Z",
        flow_run="2f5c3d0e-0000-0000-0000-000000000000",
        templates="c" * 16,
        code_version="0.1.0",
    )


def _item() -> WorkItem:
    plan = TestPlan(
        perspective="Edge Cases",
        body='{"edge_cases": ["zero"]}',
        cases=("zero", "negative"),
        tests={"tests/test_accept.py": "def test_zero(): ...\n"},
        why="same file",
        source=source("test_plan_iteration_2.json"),
    )
    finding = Finding(
        title="Fractions of a minute are not rounded",
        description="parse() keeps microseconds.",
        recommendations=("Round down.",),
        severity="high",
        file="durations/parse.py",
        line=11,
        perspective="Correctness",
        id="F-7",
        analysis_id="A-1",
        files={"notes.txt": "see above"},
        check="python -m check",
        extra='{"quality_score": 0.86}',
    )
    return WorkItem(
        id="0123456789abcdef",
        repository="durations",
        revision="d" * 40,
        finding=finding,
        plans=(plan,),
        source=source(),
    )


def _dossier() -> Dossier:
    approaches = (
        Approach(
            name="Floor", code_changes="1 import + 1 line", pros=("short",), cons=("loses",), verdict=Choice.RECOMMENDED
        ),
        Approach(
            name="Decimal", code_changes="40 lines", pros=("exact",), cons=("long",), verdict=Choice.OVER_ENGINEERED
        ),
    )
    return Dossier(
        deep_understanding=DeepUnderstanding(
            surface_problem="microseconds",
            real_problem="no rounding",
            root_cause="line 11",
            scope="1 line",
            complexity=Level.LOW,
        ),
        architectural_analysis=ArchitecturalAnalysis(
            current_flow="text → float",
            new_flow="text → floor",
            components_affected=("parse",),
            backwards_compatibility="none lost",
        ),
        approach_evaluation=ApproachEvaluation(approaches=approaches, selected="Floor"),
        risk_analysis=RiskAnalysis(
            risks=(Risk(risk="negative", probability=Level.LOW, impact=Level.HIGH, mitigation="test it"),)
        ),
        testing_strategy=TestingStrategy(
            test_plan=TestList(critical_tests=("test_minutes",), edge_cases=("zero",)),
            coverage=(Coverage(cases=("T1", "T2"), by="test_half"),),
        ),
        implementation_plan=ImplementationPlan(
            files=(PlannedFile(path="durations/parse.py", action="modify", purpose="round"),),
            steps=(Step(description="floor", files=("durations/parse.py",), mitigates=("R1",)),),
            phases=("Phase 1: import", "Phase 2: floor"),
            location="durations/parse.py, parse()",
        ),
    )
