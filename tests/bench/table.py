"""The table that a bench prints: one row per figure, a ratio or a count against its bound."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure."""

    name: str
    value: float
    bound: float | None
    raw: str
    """What it was made of, in seconds, milliseconds, counts."""

    def line(self) -> str:
        """The row; a figure without a bound is only told."""
        bound = "" if self.bound is None else f"≤ {self.bound:g}"
        held = "" if self.bound is None else ("holds" if self.value <= self.bound else "OVER")
        return f"{self.name:<58} {self.value:>9.4g}  {bound:<7} {held:<6} {self.raw}"


HEADER = f"{'figure':<58} {'measured':>9}  {'bound':<7} {'':<6} from"
