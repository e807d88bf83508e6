"""Stage 4: what can go wrong with the chosen approach?"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from stages.models import Brief, Frozen
from stages.stage import Answer, Earlier, Level

GRAVE = (Level.HIGH, Level.CRITICAL)


class Risk(Frozen):
    """Something that can go wrong."""

    risk: str = Field(min_length=1)
    probability: Level
    impact: Level
    mitigation: str = Field(description="What is done about it; may be empty only for a LOW impact")


class RiskAnalysis(Answer):
    """Risks, known to later stages as R1, R2, … in their order."""

    number: ClassVar[int] = 4
    title: ClassVar[str] = "Risk Analysis"
    step: ClassVar[str] = "risk_analysis"

    risks: tuple[Risk, ...] = Field(min_length=1)

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """A risk of more than low impact has a mitigation."""
        for number, risk in enumerate(self.risks, start=1):
            if risk.impact is not Level.LOW and not risk.mitigation.strip():
                yield f"R{number} ({risk.risk}) has impact {risk.impact} and no mitigation: say what is done about it."

    def grave(self) -> dict[str, Risk]:
        """Label (R1, R2, …) → risk, for those whose impact is high or critical."""
        return {f"R{n}": r for n, r in enumerate(self.risks, start=1) if r.impact in GRAVE}
