"""What the book says, as totals and as text."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tally import money
from tally.budget import Budget
from tally.entry import Entry


def by_category(entries: Iterable[Entry]) -> dict[str, int]:
    """Cents spent per category, by name."""
    totals: dict[str, int] = defaultdict(int)
    for entry in entries:
        totals[entry.category] += entry.cents
    return dict(sorted(totals.items()))


def by_payer(entries: Iterable[Entry]) -> dict[str, int]:
    """Cents paid per person, by name."""
    totals: dict[str, int] = defaultdict(int)
    for entry in entries:
        totals[entry.payer] += entry.cents
    return dict(sorted(totals.items()))


def table(totals: Mapping[str, int]) -> str:
    """Totals as two columns of text, the amounts aligned on the right."""
    if not totals:
        return ""
    amounts = {name: money.text(cents) for name, cents in totals.items()}
    name_width = max(map(len, amounts))
    amount_width = max(map(len, amounts.values()))
    return "\n".join(f"{name:<{name_width}}  {amount:>{amount_width}}" for name, amount in amounts.items())


def budget_table(budget: Budget) -> str:
    """What is left of each category's budget, as text."""
    return table({category: round(budget.remaining(category) * 100) for category in budget.categories})
