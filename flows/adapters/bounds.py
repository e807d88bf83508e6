"""The bounds on spending per item, run and day, and what is said when one is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from stages.errors import BudgetReached

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True)
class Bound:
    """At most so much; None: as much as it takes."""

    tokens: int | None = None
    dollars: float | None = None


Bounds = Mapping[str, Bound]
"""Scope ("item", "run", "day") → its bound."""


class Spent(NamedTuple):
    """What was spent."""

    tokens: int
    dollars: float
    requests: int


def bounds(settings: "Settings") -> Bounds:
    """The bounds that the settings name."""
    return {
        "item": Bound(settings.tokens_per_item, settings.dollars_per_item),
        "run": Bound(settings.tokens_per_run, settings.dollars_per_run),
        "day": Bound(settings.day_tokens, settings.dollars_per_day),
    }


def check(bounds: Bounds, scope: str, key: str, now: datetime, spent: Spent) -> None:
    """Raises BudgetReached where that much is no longer under the bound; for the day's with the time of reopening."""
    bound = bounds.get(scope, Bound())
    said = ""
    if bound.tokens is not None and spent.tokens >= bound.tokens:
        said = f"{spent.tokens:,} of {bound.tokens:,} tokens: raise AUTOCODER_TOKENS_PER_{scope.upper()}"
    elif bound.dollars is not None and spent.dollars >= bound.dollars:
        said = f"${spent.dollars:.2f} of ${bound.dollars:.2f}: raise AUTOCODER_DOLLARS_PER_{scope.upper()}"
    if not said:
        return
    reopens = None if scope != "day" else datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    again = f", or wait until it opens again at {reopens:%Y-%m-%d %H:%M} UTC" if reopens else ""
    again = "; the next run opens it again" if scope == "run" else again
    told = f"The bound on spending per {scope} ({key}) is reached, {said}{again}."
    raise BudgetReached(told, scope=scope, reopens=reopens)
