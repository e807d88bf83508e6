import pytest

from tally import split


def test_a_bill_is_split_equally():
    assert split.equally(900, ["Ada", "Ben", "Cem"]) == {"Ada": 300, "Ben": 300, "Cem": 300}


def test_a_bill_is_split_by_weight():
    assert split.by_weight(900, {"Ada": 2, "Ben": 1}) == {"Ada": 600, "Ben": 300}


def test_nobody_cannot_share():
    with pytest.raises(ValueError, match="somebody to share"):
        split.equally(900, [])


def test_nobody_is_named_twice():
    with pytest.raises(ValueError, match="named twice"):
        split.equally(900, ["Ada", "Ada"])


def test_weights_are_not_all_zero():
    with pytest.raises(ValueError, match="above zero"):
        split.by_weight(900, {"Ada": 0})


def test_agreed_shares_must_add_up():
    assert split.exactly(900, {"Ada": 500, "Ben": 400}) == {"Ada": 500, "Ben": 400}
    with pytest.raises(ValueError, match="add up to 800"):
        split.exactly(900, {"Ada": 400, "Ben": 400})
