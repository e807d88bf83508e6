"""Made-up items: what a user's templates are tried on before a thought is paid for."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.approach_evaluation import Approach, ApproachEvaluation, Choice
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.implementation_plan import ImplementationPlan, PlannedFile, Step
from stages.models import Brief, CodeView, Finding, Grade, Source, TestPlan, TestResult, Verdict, WorkItem
from stages.outcome import Dossier
from stages.patching import Guards
from stages.risk_analysis import Risk, RiskAnalysis
from stages.stage import Level
from stages.testing_strategy import Coverage, TestingStrategy, TestList

_SOURCE = Source(dataset="a/findings", revision="0" * 40, path="data.jsonl", blob_id="1" * 40, row=1)
_FILES = {"a.py": "A = 1\n"}

BRIEF = Brief(
    item=WorkItem(
        id="0123456789abcdef",
        repository="https://example.org/a.git",
        revision="2" * 40,
        finding=Finding(
            title="A title",
            description="A description",
            recommendations=("A recommendation",),
            severity="high",
            file="a.py",
            line=1,
            perspective="A perspective",
            id="F1",
            analysis_id="A1",
            files=_FILES,
            check="python a.py",
            extra='{"confidence": 0.9}',
        ),
        plans=(
            TestPlan(
                perspective="A perspective",
                body='{"cases": ["A case"]}',
                cases=("A case",),
                tests={"tests/test_a.py": "def test_a(): ...\n"},
                why="same file",
                source=_SOURCE,
            ),
        ),
        source=_SOURCE,
    ),
    code=CodeView(paths=("a.py", "b"), links=("b",), files=_FILES, outline="c.py: f", left_out="1 file is not shown."),
)

DOSSIER = Dossier(
    deep_understanding=DeepUnderstanding(
        surface_problem="It fails.",
        real_problem="It is wrong.",
        root_cause="a.py, line 1",
        scope="1 line",
        complexity=Level.LOW,
        evidence=("A = 1",),
    ),
    architectural_analysis=ArchitecturalAnalysis(
        current_flow="a → b",
        new_flow="a → c",
        components_affected=("a",),
        dependencies=("c",),
        backwards_compatibility="None is lost.",
    ),
    approach_evaluation=ApproachEvaluation(
        approaches=(
            Approach(name="One", code_changes="1 line", pros=("short",), cons=("plain",), verdict=Choice.RECOMMENDED),
            Approach(
                name="Two", code_changes="9 lines", pros=("fine",), cons=("long",), verdict=Choice.OVER_ENGINEERED
            ),
        ),
        selected="One",
    ),
    risk_analysis=RiskAnalysis(
        risks=(Risk(risk="It breaks.", probability=Level.LOW, impact=Level.HIGH, mitigation="A test"),)
    ),
    testing_strategy=TestingStrategy(
        test_plan=TestList(critical_tests=("test_a",), edge_cases=("none",), performance=("many",)),
        coverage=(Coverage(cases=("T1",), by="test_a"),),
    ),
    implementation_plan=ImplementationPlan(
        files=(PlannedFile(path="a.py", action="modify", purpose="the change"),),
        steps=(Step(description="Change it", files=("a.py",), mitigates=("R1",)),),
        phases=("Phase 1: all",),
        location="a.py, line 1",
    ),
)

VERDICT = Verdict(
    grade=Grade.FAILED,
    by="own tests",
    reason="1 of 1 tests fails.",
    tests=(TestResult(id="tests/test_a.py::test_a", before="failed", after="failed"),),
    broke=("tests/test_b.py::test_b",),
    fixed=("tests/test_c.py::test_c",),
    canaries="1 of 1",
    mechanism="landlock",
    seconds=1.0,
    output="1 failed",
)

SAMPLE: Mapping[str, Any] = {
    "brief": BRIEF,
    "earlier": DOSSIER.answers(),
    "shape": '{"complexity": "LOW"}',
    "guards": Guards(protected=("*.lock",)),
    "tests": "tests",
    "files": _FILES,
    "verdict": VERDICT,
    "reason": "`complexity` is missing.",
}
"""Variable of a template → its value; everything about the item is filled in."""

_ALONE = Brief(item=WorkItem(id="0123456789abcdef", finding=Finding(title="A title"), source=_SOURCE))
_ATTACHED = Brief(item=_ALONE.item.model_copy(update={"finding": Finding(title="A title", files=_FILES)}))
_BARE = {"guards": Guards(), "verdict": Verdict(grade=Grade.FAILED)}


def _many(brief: Brief) -> Brief:
    """With more plans, cases and acceptance tests than there is room for in full."""
    plans = (
        plan.model_copy(update={"cases": (f"Case {n}", "A case"), "tests": {f"tests/test_{n}.py": "def test(): ...\n"}})
        for n in range(10)
        for plan in brief.item.plans
    )
    return brief.model_copy(update={"item": brief.item.model_copy(update={"plans": tuple(plans)})})


_FAILING = tuple(TestResult(id=f"tests/test_{n}.py::test", after=("failed", "")[n % 2]) for n in range(50))

SAMPLES: Sequence[Mapping[str, Any]] = (
    SAMPLE,
    {**SAMPLE, **_BARE, "brief": _ALONE},
    {**SAMPLE, **_BARE, "brief": _ATTACHED},
    {**SAMPLE, "brief": _many(BRIEF), "verdict": VERDICT.model_copy(update={"tests": _FAILING})},
)
"""Also with next to nothing filled in, without a repository; and with much of everything."""
