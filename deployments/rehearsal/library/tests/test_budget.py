from datetime import date

import pytest

from tally import Budget, Entry


def entry(category, cents):
    return Entry(date(2026, 1, 5), 1, "Ada", cents, category, ("Ada",))


def test_expenses_are_counted():
    budget = Budget({"food": 10000})
    budget.count([entry("food", 2500), entry("transport", 900)])
    assert (budget.limit("food"), budget.spent("food")) == (10000, 2500)


def test_categories_without_a_limit_are_unknown():
    with pytest.raises(KeyError):
        Budget({"food": 10000}).spend("transport", 1)


def test_exceeded_categories_are_named():
    budget = Budget({"food": 1000, "fun": 500})
    budget.spend("food", 1001)
    budget.spend("fun", 500)
    assert budget.exceeded() == ["food"]


def test_a_limit_is_not_below_zero():
    with pytest.raises(ValueError, match="below zero"):
        Budget({"food": -1})
