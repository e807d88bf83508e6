"""Stage 4: what can go wrong with the chosen approach?"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from stages.models import Brief
from stages.stage import Answer, Earlier, Level, Part

_NOTHING = re.compile(r"\W*((none|no|nothing|n/?a|tbd|todo|no mitigation|not (applicable|needed))\W*)?", re.IGNORECASE)
"""A mitigation in so many words."""
GRAVE = (Level.HIGH, Level.CRITICAL)


class Risk(Part):
    """Something that can go wrong."""

    risk: str = Field(min_length=1, description="What goes wrong, and when")
    probability: Level
    impact: Level
    mitigation: str = Field(description="What is done about it; empty only where the impact is LOW")


class RiskAnalysis(Answer):
    """Risks, known to later stages as R1, R2, … in their order."""

    number: ClassVar[int] = 4
    title: ClassVar[str] = "Risk Analysis"
    step: ClassVar[str] = "risk_analysis"
    sees: ClassVar[int] = 3

    risks: tuple[Risk, ...] = Field(min_length=1)

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """A risk of more than low impact has a mitigation."""
        for number, risk in enumerate(self.risks, start=1):
            if risk.impact is not Level.LOW and _NOTHING.fullmatch(risk.mitigation):
                yield f"R{number} ({risk.risk}) has impact {risk.impact} and no mitigation: say what is done about it."

    def told(self) -> dict[str, Any]:
        """The risks under their labels."""
        return {"risks": {f"R{n}": r.model_dump(mode="json") for n, r in enumerate(self.risks, start=1)}}

    def grave(self) -> dict[str, Risk]:
        """Label (R1, R2, …) → risk, for those whose impact is high or critical."""
        return {f"R{n}": r for n, r in enumerate(self.risks, start=1) if r.impact in GRAVE}
