import pytest

from tally.settle import after, settle


def test_two_people():
    assert settle({"Ada": 500, "Ben": -500}) == [("Ben", "Ada", 500)]


def test_everybody_is_even_afterwards():
    balances = {"Ada": 1400, "Ben": -400, "Cem": -1000, "Dia": 0}
    assert after(balances, settle(balances)) == dict.fromkeys(balances, 0)


def test_who_is_even_pays_nothing():
    assert settle({"Ada": 0, "Ben": 0}) == []


def test_balances_must_add_up():
    with pytest.raises(ValueError, match="not to zero"):
        settle({"Ada": 1})
