"""Stage 6: what is done, step by step?"""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from stages.errors import Unusable
from stages.models import Brief
from stages.paths import safe
from stages.risk_analysis import RiskAnalysis
from stages.stage import Answer, Earlier, Labels, Part, Texts, as_list, find


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _plain(path: Any) -> Any:
    """The path as the draft will be held to it; one that is not safe stays, to be told of."""
    try:
        return safe(path) if isinstance(path, str) else path
    except Unusable:
        return path


Path = Annotated[str, BeforeValidator(_plain)]


class PlannedFile(Part):
    """One file that the plan touches."""

    path: Path = Field(min_length=1, description="Relative to the root of the repository")
    action: Annotated[Literal["create", "modify", "delete"], BeforeValidator(_lower)]
    purpose: str = Field(min_length=1)


class Step(Part):
    """One step of the plan."""

    description: str = Field(min_length=1)
    files: Annotated[tuple[Path, ...], BeforeValidator(as_list)] = Field(default=(), description="Paths among `files`")
    mitigates: Labels = Field(
        default=(), description="Labels of the risks whose mitigation this step carries out: R1, …"
    )


class ImplementationPlan(Answer):
    """A plan with files and phases that the draft then follows."""

    number: ClassVar[int] = 6
    title: ClassVar[str] = "Implementation Plan"
    step: ClassVar[str] = "implementation_plan"
    sees: ClassVar[int] = 5

    files: tuple[PlannedFile, ...] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    phases: Texts = Field(min_length=1, description='"Phase 1: …"')
    location: str = Field(min_length=1, description="Where the main change goes: file and function or line")

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """Planned paths exist or are declared new; every grave risk's mitigation is taken up by a step."""
        yield from self._paths(set(brief.code.paths), set() if brief.item.repository else set(brief.item.finding.files))
        yield from self._risks(find(earlier, RiskAnalysis))

    def _paths(self, tree: set[str], attached: set[str]) -> Iterator[str]:
        """`attached`: files that came with the finding, which without a repository may be called new or not."""
        for file in self.files:
            if fault := _unsafe(file.path):
                yield fault
            elif file.path in attached:
                continue
            elif file.action == "create" and file.path in tree:
                yield f"{file.path} is planned as new but exists: its action is `modify`."
            elif file.action != "create" and file.path not in tree:
                yield f"{file.path} is to be changed ({file.action}) but does not exist: declare it `create`."
        planned = Counter(f.path for f in self.files)
        for path in (p for p, times in planned.items() if times > 1):
            yield f"{path} is planned {planned[path]} times: name each file once, with all that is done to it."
        for path in sorted({p for s in self.steps for p in s.files} - planned.keys()):
            yield f"A step names {path}, which is not among `files`."

    def _risks(self, analysis: RiskAnalysis | None) -> Iterator[str]:
        taken = {label for s in self.steps for label in s.mitigates}
        for label, risk in (analysis.grave() if analysis else {}).items():
            if label not in taken:
                yield (
                    f"{label} ({risk.risk}) has impact {risk.impact}, and no step takes up its mitigation "
                    f"({risk.mitigation}): name {label} in the `mitigates` of the step that does."
                )


def _unsafe(path: str) -> str:
    try:
        safe(path)
    except Unusable as error:
        return str(error)
    return ""
