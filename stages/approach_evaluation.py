"""Stage 3: which way is best?"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from stages.models import Brief
from stages.stage import Answer, Earlier, Part, Texts, Word


class Choice(Word):
    """What is thought of an approach."""

    RECOMMENDED = "RECOMMENDED"
    NOT_RECOMMENDED = "NOT RECOMMENDED"
    OVER_ENGINEERED = "OVER-ENGINEERED"


class Approach(Part):
    """One way to do it."""

    name: str = Field(min_length=1)
    code_changes: str = Field(min_length=1, description='Size, as in "1 import + 4 lines"')
    pros: Texts = Field(min_length=1)
    cons: Texts = Field(min_length=1)
    verdict: Choice


class ApproachEvaluation(Answer):
    """Compared solutions, exactly one of them selected."""

    number: ClassVar[int] = 3
    title: ClassVar[str] = "Approach Evaluation"
    step: ClassVar[str] = "approach_evaluation"
    sees: ClassVar[int] = 2

    approaches: tuple[Approach, ...] = Field(min_length=2, max_length=5)
    selected: str = Field(description="The name of the RECOMMENDED one, letter for letter")

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """One approach is recommended, names differ, and the selected one is the recommended one."""
        names = [a.name for a in self.approaches]
        if len({name.casefold() for name in names}) < len(names):
            yield "Two approaches have the same name: give each its own."
        recommended = [a.name for a in self.approaches if a.verdict is Choice.RECOMMENDED]
        if len(recommended) != 1:
            yield f"Exactly one approach must be RECOMMENDED, {len(recommended)} are: {recommended}."
        if self.selected not in names:
            yield f"`selected` is {self.selected!r}, which is none of the approaches compared: {names}."
        elif len(recommended) == 1 and self.selected != recommended[0]:
            yield f"`selected` is {self.selected!r} but {recommended[0]!r} is RECOMMENDED: they must be the same."
