"""How much of a budget is left."""

from collections.abc import Iterable, Mapping

from tally.entry import Entry


class Budget:
    """A limit in cents for each category, and what was spent of it."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        for category, limit in limits.items():
            if limit < 0:
                raise ValueError(f"the limit for {category} is below zero: {limit}")
        self._limits = dict(limits)
        self._spent = dict.fromkeys(limits, 0)

    @property
    def categories(self) -> list[str]:
        """The categories that have a limit, by name."""
        return sorted(self._limits)

    def spend(self, category: str, cents: int) -> None:
        """Count an expense. Raises KeyError for a category without a limit."""
        self._spent[category] += cents

    def count(self, entries: Iterable[Entry]) -> None:
        """Count all entries whose category has a limit."""
        for entry in entries:
            if entry.category in self._limits:
                self.spend(entry.category, entry.cents)

    def limit(self, category: str) -> int:
        """The limit in cents."""
        return self._limits[category]

    def spent(self, category: str) -> int:
        """What was spent, in cents."""
        return self._spent[category]

    def remaining(self, category: str) -> float:
        """What is left."""
        return (self._limits[category] - self._spent[category]) / 100

    def exceeded(self) -> list[str]:
        """The categories in which more was spent than allowed."""
        return [category for category in self.categories if self.remaining(category) < 0]
