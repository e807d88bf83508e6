import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.text import clean, cut, one_line, stays_inside

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def test_nul_and_lone_surrogates_are_replaced_and_pairs_are_joined() -> None:
    assert clean("a\0b\ud800c") == "a\ufffdb\ufffdc"
    assert clean("\ud83d\ude00") == "😀"


def test_what_is_left_out_is_said() -> None:
    text = cut("x" * 1_000, 100)
    assert text.endswith("… [900 characters or more left out]")
    assert len(text) == 100
    assert cut("x" * 100, 100) == "x" * 100


def test_blanks_of_any_kind_become_one_space() -> None:
    assert one_line(" a\n\tb\u2003c ", 100) == "a b c"


@given(ANY_TEXT, st.integers(0, 80))
def test_any_text_becomes_valid_and_stays_bounded(text: str, limit: int) -> None:
    for safe in (clean(text), cut(text, limit), one_line(text, limit)):
        safe.encode()
        assert "\0" not in safe
    assert len(cut(text, limit)) <= limit


@pytest.mark.parametrize("path", ["a.py", "tests/test_a.py", "a b/ü.py", ".github/x", "..."])
def test_a_path_below_the_folder_stays_inside(path: str) -> None:
    assert stays_inside(path)


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "a\\b", "C:/a", "a\0b", "a\nb", "x" * 401]
)
def test_a_path_that_may_lead_elsewhere_does_not(path: str) -> None:
    assert not stays_inside(path)
