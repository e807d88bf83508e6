"""How far a run has come, for its page."""

from dataclasses import dataclass


@dataclass
class Progress:
    """How far the items in hand have come; a step is one of their task runs."""

    items: int = 0
    steps: int = 0
    verified: int = 0

    STEPS_OF_AN_ITEM = 9
    """study, six thoughts, write, verify."""

    def step(self) -> None:
        self.steps += 1

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * self.steps / (self.items * self.STEPS_OF_AN_ITEM or 1))
