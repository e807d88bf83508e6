import pytest

from tally import importer

STATEMENT = """date,payer,amount,text
2026-01-05,Ada,12.50,Bakery
2026-01-06,Ben,7,Tram
2026-01-05,Ada,12.50,Bakery
"""


def test_a_statement_is_read():
    entries = importer.read_csv(STATEMENT, ["Ada", "Ben"])
    assert [(entry.payer, entry.cents, entry.note) for entry in entries][:2] == [
        ("Ada", 1250, "Bakery"),
        ("Ben", 700, "Tram"),
    ]


def test_a_bad_row_is_named():
    with pytest.raises(ValueError, match="row 1 of the statement"):
        importer.read_csv("date,payer,amount,text\n2026-01-05,Ada,much,Bakery\n", ["Ada"])


def test_payments_that_are_known_are_left_out():
    first, second, _ = importer.read_csv(STATEMENT, ["Ada", "Ben"])
    assert importer.fresh([first, second], known=[first]) == [second]


def test_a_payment_is_taken_once():
    entries = importer.read_csv(STATEMENT, ["Ada", "Ben"])
    assert importer.fresh(entries, known=[]) == entries[:2]


def test_the_overlap_is_counted():
    entries = importer.read_csv(STATEMENT, ["Ada", "Ben"])
    assert importer.overlap(entries, entries[:1]) == 2
