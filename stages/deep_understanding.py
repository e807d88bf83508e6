"""Stage 1: what is really wrong?"""

from typing import ClassVar

from pydantic import Field

from stages.stage import Answer, Level, Texts


class DeepUnderstanding(Answer):
    """Problem analysis: from the symptom to its cause."""

    number: ClassVar[int] = 1
    title: ClassVar[str] = "Deep Understanding"
    step: ClassVar[str] = "deep_understanding"
    sees: ClassVar[int] = 0

    surface_problem: str = Field(min_length=1, description="What the finding says, in one sentence")
    real_problem: str = Field(min_length=1, description="What is really wrong, and who is hurt by it")
    root_cause: str = Field(min_length=1, description="The place (file, function, line) and the reason")
    scope: str = Field(min_length=1, description='How much has to change, as in "1 import + ~20 lines"')
    complexity: Level
    evidence: Texts = Field(default=(), description="Lines of the material that show it, quoted")
