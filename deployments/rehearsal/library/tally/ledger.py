"""The book: who paid for whom."""

from collections.abc import Iterable, Iterator
from datetime import date

from tally import split
from tally.entry import Entry


class Ledger:
    """Entries by day, and what follows from them."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = sorted(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def add(
        self, day: date, payer: str, cents: int, category: str, among: Iterable[str], note: str = ""
    ) -> Entry:
        """Write down that `payer` paid for everybody in `among`."""
        number = max((entry.number for entry in self._entries), default=0) + 1
        entry = Entry(day, number, payer, cents, category, tuple(among), note)
        self._entries = sorted([*self._entries, entry])
        return entry

    def remove(self, number: int) -> Entry:
        """Strike out an entry. Raises KeyError when there is no such number."""
        for entry in self._entries:
            if entry.number == number:
                self._entries.remove(entry)
                return entry
        raise KeyError(number)

    def between(self, first: date, last: date) -> list[Entry]:
        """The entries of these days, both included."""
        return [entry for entry in self._entries if first <= entry.day <= last]

    def people(self) -> list[str]:
        """Everybody who is in the book, by name."""
        return sorted({person for entry in self._entries for person in (entry.payer, *entry.among)})

    def balances(self) -> dict[str, int]:
        """What each person is owed (above zero) or owes (below zero), in cents."""
        balances = dict.fromkeys(self.people(), 0)
        for entry in self._entries:
            balances[entry.payer] += entry.cents
            for person, share in split.equally(entry.cents, entry.among).items():
                balances[person] -= share
        return balances
