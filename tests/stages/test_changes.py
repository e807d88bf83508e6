"""The text before a change, worked out from the text after it and the patch."""

import difflib

from hypothesis import given
from hypothesis import strategies as st

from stages.changes import before
from stages.models import File
from tests.outcomes import NEW, PATCH

lines = st.lists(st.sampled_from(["", "a", "b", "-c", "+d", "@@ -1 +1 @@", "\\ e", "--- a/x", "\tf"]), max_size=12)


@given(lines, lines.filter(bool), st.integers(0, 3))
def test_the_old_text_comes_back(old: list[str], new: list[str], context: int) -> None:
    text = [f"{line}\n" for line in old]
    after = [f"{line}\n" for line in new]
    patch = "".join(difflib.unified_diff(text, after, "a/f.txt", "b/f.txt", n=context))
    expected = "".join(text) if patch else ""
    assert before(patch, File(path="f.txt", content="".join(after))) == expected


def test_the_file_is_found_among_others() -> None:
    other = "--- a/other.py\n+++ b/other.py\n@@ -1 +1 @@\n-x\n+y\n"
    old = before(other + PATCH + other, File(path="durations/parse.py", content=NEW))
    assert "import math" not in old
    assert "float(text) * UNIT)\n" in old


def test_a_patch_that_does_not_fit_the_text_gives_nothing() -> None:
    assert before(PATCH, File(path="durations/parse.py", content=NEW.replace("math.floor", "round"))) == ""


def test_a_file_without_a_newline_at_its_end_comes_back() -> None:
    patch = (
        "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )
    assert before(patch, File(path="f", content="a\nc")) == "a\nb"
