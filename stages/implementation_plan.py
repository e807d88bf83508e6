"""Stage 6: what is done, step by step?"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from stages.models import Brief, Frozen
from stages.risk_analysis import RiskAnalysis
from stages.stage import Answer, Earlier, find


class PlannedFile(Frozen):
    """One file that the plan touches."""

    path: str = Field(min_length=1, description="Relative to the root of the repository")
    action: Literal["create", "modify", "delete"]
    purpose: str


class Step(Frozen):
    """One step of the plan."""

    description: str = Field(min_length=1)
    files: tuple[str, ...] = Field(default=(), description="Paths among `files`")
    mitigates: tuple[str, ...] = Field(default=(), description="Labels of risks that this step mitigates: R1, …")


class ImplementationPlan(Answer):
    """A plan with files and phases that the draft then follows."""

    number: ClassVar[int] = 6
    title: ClassVar[str] = "Implementation Plan"
    step: ClassVar[str] = "implementation_plan"

    files: tuple[PlannedFile, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    phases: tuple[str, ...] = Field(min_length=1, description='"Phase 1: …"')
    location: str = Field(min_length=1, description="Where the main change goes: file and function or line")

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """Planned paths exist or are declared new; every grave risk's mitigation is taken up by a step."""
        yield from self._paths(set(brief.code.paths))
        yield from self._risks(find(earlier, RiskAnalysis))

    def _paths(self, tree: set[str]) -> Iterator[str]:
        for file in self.files:
            if file.action == "create" and file.path in tree:
                yield f"{file.path} is planned as new but exists: its action is `modify`."
            if file.action != "create" and file.path not in tree:
                yield f"{file.path} is to be changed ({file.action}) but does not exist: declare it `create`."
        planned = {f.path for f in self.files}
        for path in sorted({p for s in self.steps for p in s.files} - planned):
            yield f"A step names {path}, which is not among `files`."

    def _risks(self, analysis: RiskAnalysis | None) -> Iterator[str]:
        taken = {label for s in self.steps for label in s.mitigates}
        for label, risk in (analysis.grave() if analysis else {}).items():
            if label not in taken:
                yield (
                    f"{label} ({risk.risk}) has impact {risk.impact}, and no step takes up its mitigation "
                    f"({risk.mitigation}): name {label} in the `mitigates` of the step that does."
                )
