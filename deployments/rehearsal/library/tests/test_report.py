from datetime import date

from tally import Budget, Entry, report

ENTRIES = [
    Entry(date(2026, 1, 5), 1, "Ada", 3000, "food", ("Ada", "Ben")),
    Entry(date(2026, 1, 9), 2, "Ben", 1250, "transport", ("Ada", "Ben")),
    Entry(date(2026, 2, 1), 3, "Ada", 50, "food", ("Ada", "Ben")),
]


def test_totals_by_category():
    assert report.by_category(ENTRIES) == {"food": 3050, "transport": 1250}


def test_totals_by_payer():
    assert report.by_payer(ENTRIES) == {"Ada": 3050, "Ben": 1250}


def test_a_table_is_aligned():
    assert report.table({"food": 123456, "fun": 5}) == "food  1234.56\nfun      0.05"


def test_an_empty_table_is_empty():
    assert report.table({}) == ""


def test_the_budget_is_shown():
    budget = Budget({"food": 10000, "fun": 500})
    budget.count(ENTRIES)
    budget.spend("fun", 505)
    assert report.budget_table(budget) == "food  69.50\nfun   -0.05"
