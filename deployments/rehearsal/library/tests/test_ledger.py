from datetime import date

import pytest

from tally import Ledger

JANUARY = date(2026, 1, 5)
FEBRUARY = date(2026, 2, 1)


def book():
    ledger = Ledger()
    ledger.add(FEBRUARY, "Ben", 1200, "transport", ["Ada", "Ben"])
    ledger.add(JANUARY, "Ada", 3000, "food", ["Ada", "Ben", "Cem"])
    return ledger


def test_entries_are_sorted_by_day():
    assert [entry.day for entry in book()] == [JANUARY, FEBRUARY]


def test_numbers_grow_and_are_not_given_twice():
    ledger = book()
    ledger.remove(1)
    assert ledger.add(JANUARY, "Ada", 1, "food", ["Ada"]).number == 3


def test_a_missing_entry_cannot_be_removed():
    with pytest.raises(KeyError):
        book().remove(99)


def test_days_are_inclusive():
    assert len(book().between(JANUARY, FEBRUARY)) == 2
    assert len(book().between(JANUARY, JANUARY)) == 1


def test_balances():
    assert book().balances() == {"Ada": 1400, "Ben": -400, "Cem": -1000}
