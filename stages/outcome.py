"""What came of an item: six answers, a draft, a verdict, and how it got there."""

from pydantic import Field

from stages.approach_evaluation import ApproachEvaluation
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.implementation_plan import ImplementationPlan
from stages.models import Attempt, Draft, Frozen, Usage, Verdict, WorkItem
from stages.risk_analysis import RiskAnalysis
from stages.stage import Answer
from stages.testing_strategy import TestingStrategy

STAGES: tuple[type[Answer], ...] = (
    DeepUnderstanding,
    ArchitecturalAnalysis,
    ApproachEvaluation,
    RiskAnalysis,
    TestingStrategy,
    ImplementationPlan,
)


class Dossier(Frozen):
    """The six answers; None where a stage did not come to one."""

    deep_understanding: DeepUnderstanding | None = None
    architectural_analysis: ArchitecturalAnalysis | None = None
    approach_evaluation: ApproachEvaluation | None = None
    risk_analysis: RiskAnalysis | None = None
    testing_strategy: TestingStrategy | None = None
    implementation_plan: ImplementationPlan | None = None

    def answers(self) -> tuple[Answer, ...]:
        """Those that were given, in stage order."""
        given = (getattr(self, stage.step) for stage in STAGES)
        return tuple(answer for answer in given if answer is not None)


class Outcome(Frozen):
    """One decided attempt at an item: becomes one row of the results dataset."""

    item: WorkItem
    dossier: Dossier = Dossier()
    draft: Draft = Draft()
    verdict: Verdict
    attempts: tuple[Attempt, ...] = ()
    model: str = ""
    usage: Usage = Usage()
    notes: tuple[str, ...] = ()
    """What the reader should know of how the answers came about: a prompt that was cut silently, say."""
    started: str
    """ISO-8601, UTC."""
    finished: str
    flow_run: str = ""
    templates: str = ""
    """Hash of the templates that were used."""
    code_version: str = Field(default="")

    @property
    def seconds(self) -> float:
        """Of asking and verifying."""
        return self.usage.seconds + sum(attempt.verdict.seconds for attempt in self.attempts)
