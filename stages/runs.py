"""What one confined run of tests gave."""

from typing import Literal

from pydantic import Field

from stages.models import Frozen

Outcome = Literal["passed", "failed", "timeout", "unverified", "error"]


class Run(Frozen):
    """What one confined run of tests gave."""

    outcome: Outcome
    """"unverified" and "error": it says nothing of the code, `reason` says why."""
    tests: dict[str, str] = Field(default_factory=dict)
    """Test id → "passed", "failed", "error" (in a fixture), "not imported", "skipped", "missing", …

    "crashed": it began and never ended; "denied": it asked for what the sandbox does not give.
    """
    reason: str = ""
    output: str = ""
    """The last lines."""
    seconds: float = 0.0
    canaries: str = ""

    @property
    def ran(self) -> bool:
        """Whether its outcome says something of the code."""
        return self.outcome in ("passed", "failed", "timeout")

    @property
    def doubted(self) -> bool:
        """Whether it claims to have passed, and is not believed: canaries, or a report that does not fit."""
        states = set(self.tests.values())
        return self.outcome == "unverified" and "passed" in states and states.isdisjoint({"failed", "error", "denied"})
