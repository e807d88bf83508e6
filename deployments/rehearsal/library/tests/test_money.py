import pytest

from tally import money


@pytest.mark.parametrize(("written", "cents"), [("12.50", 1250), ("7", 700), (" EUR 3.20 ", 320), ("0.05", 5)])
def test_amounts_are_read(written, cents):
    assert money.parse(written) == cents


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError):
        money.parse("a lot")


@pytest.mark.parametrize(("cents", "written"), [(1250, "12.50"), (-5, "-0.05"), (0, "0.00")])
def test_amounts_are_written(cents, written):
    assert money.text(cents) == written


def test_the_currency_goes_first():
    assert money.with_currency(1250) == "EUR 12.50"


def test_floats_are_not_added_up():
    assert money.total([1, 2]) == 3
    with pytest.raises(TypeError):
        money.total([1, 2.0])
