import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Unusable
from stages.search_replace import edited
from tests.stages.replies import edit

TEXT = """def f(a):
    if a:
        return 1
    return 2


def g(a):
    if a:
        return 3
    return 4
"""


def test_lines_are_replaced_where_they_are_found_exactly():
    assert edited("a.py", TEXT, edit("        return 3\n", "        return 5\n")) == TEXT.replace("3", "5")


def test_several_blocks_are_applied_one_after_the_other():
    blocks = edit("        return 3\n", "        return 5\n") + "\n" + edit("        return 5\n", "        return 6\n")
    assert edited("a.py", TEXT, blocks) == TEXT.replace("3", "6")


def test_lines_are_found_by_a_uniform_shift_of_their_indentation():
    less = edit("if a:\n    return 3\n", "if not a:\n\n    return 5\n")
    assert edited("a.py", TEXT, less) == TEXT.replace(
        "    if a:\n        return 3", "    if not a:\n\n        return 5"
    )
    more = edit("      def g(a):\n          if a:\n", "      def g(b):\n          if b:\n")
    assert edited("a.py", TEXT, more) == TEXT.replace("def g(a):\n    if a", "def g(b):\n    if b")


def test_lines_shifted_unevenly_are_not_found():
    with pytest.raises(Unusable, match="is not in the file"):
        edited("a.py", TEXT, edit("if a:\n        return 3\n", "pass\n"))


def test_lines_can_be_taken_out_and_put_in_at_the_ends():
    assert edited("a.py", "a\nb\nc", edit("b\nc\n", "")) == "a"
    assert edited("a.py", "a\nb\n", edit("a\n", "x\na\n")) == "x\na\nb\n"
    assert edited("a.py", "a\nb\n", edit("b\n", "b\nx\n")) == "a\nb\nx\n"


def test_lines_found_in_several_places_are_refused_with_their_number():
    with pytest.raises(Unusable, match=r"found in 2 places \(lines 2, 8\).*begins with 'if a:'"):
        edited("a.py", TEXT, edit("    if a:\n", "    if not a:\n"))
    with pytest.raises(Unusable, match=r"found in 2 places"):
        edited("a.py", TEXT, edit("if a:\n", "if not a:\n"))


def test_a_miss_shows_the_closest_lines_with_their_numbers():
    with pytest.raises(
        Unusable, match=r"(?s)begins with 'def g\(b\):'\. .*7\| def g\(a\):\n    8\|     if a:\n    9\| +return 3"
    ):
        edited("a.py", TEXT, edit("def g(b):\n    if a:\n        return 3\n", "pass\n"))
    with pytest.raises(Unusable, match=r"    9\|         return 3\n"):
        edited("a.py", TEXT, edit("        return 33\n", "pass\n"))
    with pytest.raises(Unusable, match=r"    1\| def f"):
        edited("a.py", TEXT, edit("????\n", "pass\n"))


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ("", "holds no block"),
        ("the whole new text\n", "malformed near 'the whole new text'"),
        ("<<<<<<< SEARCH\na\n=======\nb\n", "malformed near"),
        ("<<<<<<< SEARCH\na\n>>>>>>> REPLACE\n", "has 0 lines of seven equals signs"),
        (edit("a\n=======\n", "b\n"), "has 2 lines of seven equals signs"),
        (edit("\n", "b\n"), "searches for nothing"),
        (edit("a\n", "b\n") + "and so on\n", "malformed near 'and so on'"),
    ],
)
def test_a_malformed_edit_is_refused(blocks: str, told: str):
    with pytest.raises(Unusable, match=told):
        edited("a.py", "a\n", blocks)


def test_a_mark_at_the_beginning_of_a_file_is_passed_over_and_kept():
    assert edited("a.cs", "\ufeffusing A;\nb\n", edit("using A;\n", "using B;\n")) == "\ufeffusing B;\nb\n"
    assert edited("a.cs", "\ufeffusing A;\nb\n", edit("\ufeffusing A;\n", "\ufeffx\n")) == "\ufeffx\nb\n"


def test_line_ends_do_not_count_and_are_kept():
    text = "a\r\n  b\nc\r\nd\n"
    assert edited("a.py", text, edit("a\n  b\nc\n", "a\nx\ny\nc\n")) == "a\r\nx\r\ny\r\nc\r\nd\n"
    assert edited("a.py", text, edit("  b\n", "  x\n")) == "a\r\n  x\nc\r\nd\n"
    assert edited("a.py", text, edit("    b\n", "    x\n    y\n")) == "a\r\n  x\n  y\nc\r\nd\n"
    with pytest.raises(Unusable, match=r"    1\| a\n    2\|   b\n"):
        edited("a.py", text, edit("a\nB\n", "x\n"))


lines = st.lists(st.sampled_from(["a", "  b", "\tc", "", "    d = 1"]), max_size=8)


@given(before=lines, after=lines, new=lines, indent=st.sampled_from(["", "  ", "\t"]))
def test_a_unique_place_is_found_and_nothing_else_changes(
    before: list[str], after: list[str], new: list[str], indent: str
):
    place = ["here = 1", "  there = 2"]
    text = "\n".join([*before, *(indent + line for line in place), *after])
    block = edit("".join(f"{line}\n" for line in place), "".join(f"{line}\n" for line in new))
    moved = [indent + line if line.strip() else line for line in new]
    assert edited("a.py", text, block) == "\n".join([*before, *moved, *after])


marks = st.lists(st.sampled_from(["<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "a", "  b", "", "\tc"]), max_size=12)


@given(text=lines.map("\n".join), blocks=marks.map("\n".join))
def test_any_edit_is_applied_or_refused(text: str, blocks: str):
    try:
        new = edited("a.py", text, blocks)
    except Unusable:
        return
    assert {*new.split("\n")} <= {*text.split("\n"), *blocks.split("\n"), ""}, "nothing that nobody wrote"
