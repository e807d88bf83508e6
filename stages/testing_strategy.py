"""Stage 5: which tests would show that it works?"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from stages.models import Brief
from stages.stage import Answer, Earlier, Labels, Part, Texts


class TestList(Part):
    """The tests to be, by kind."""

    __test__ = False

    critical_tests: Texts = Field(min_length=1, description="Names of test functions")
    edge_cases: Texts = Field(default=(), description="Inputs at the edges, and what must come out")
    performance: Texts = Field(default=(), description="Only where the finding is about speed or memory")


class Coverage(Part):
    """How upstream's test cases are taken up."""

    cases: Labels = Field(min_length=1, description="Labels: T1, T2, …")
    by: str = Field(min_length=1, description="The test that covers them, or why they do not apply here")


class TestingStrategy(Answer):
    """What will be tested, and which upstream case each test covers."""

    __test__ = False

    number: ClassVar[int] = 5
    title: ClassVar[str] = "Testing Strategy"
    step: ClassVar[str] = "testing_strategy"
    sees: ClassVar[int] = 3

    test_plan: TestList
    coverage: tuple[Coverage, ...] = Field(
        default=(), description="Each upstream case (T1, T2, …) once; empty only where there are none"
    )

    def faults(self, brief: Brief, earlier: Earlier) -> Iterator[str]:
        """Every upstream test case is covered, and no other is named."""
        known = {f"T{n}": case for n, case in enumerate(brief.cases, start=1)}
        named = [case for c in self.coverage for case in c.cases]
        missing = [f"{label} ({known[label]})" for label in known if label not in named]
        if missing:
            yield f"These upstream test cases are not covered: {'; '.join(missing)}. Add each to `coverage`."
        unknown = sorted(set(named) - set(known))
        if unknown:
            yield f"`coverage` names {', '.join(unknown)}, but upstream has only {', '.join(known) or 'no test cases'}."
