"""Stage 2: what does a change touch?"""

from typing import ClassVar

from pydantic import Field

from stages.stage import Answer, Texts


class ArchitecturalAnalysis(Answer):
    """Architectural review: the flow as it is, as it will be, and what depends on it."""

    number: ClassVar[int] = 2
    title: ClassVar[str] = "Architectural Analysis"
    step: ClassVar[str] = "architectural_analysis"
    sees: ClassVar[int] = 1

    current_flow: str = Field(min_length=1, description="Calls or data as they run today, a → b → c")
    new_flow: str = Field(min_length=1, description="The same after the change")
    components_affected: Texts = Field(min_length=1, description="Functions, classes, files")
    dependencies: Texts = Field(default=(), description="What the change needs: modules, packages, data")
    backwards_compatibility: str = Field(min_length=1, description="What callers will notice")
