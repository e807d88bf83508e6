import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Unusable
from stages.fences import Block, parse
from stages.templates import fenced


def test_a_reply_is_a_summary_and_blocks():
    reply = """Checks for no values.
Two files.

FILE: a.py
```python
A = 1
```

**EDIT:** `b.py`

```
x
```
### DELETE: c.py
"""
    assert parse(reply) == (
        "Checks for no values.\nTwo files.",
        (Block("FILE", "a.py", "A = 1\n"), Block("EDIT", "b.py", "x\n"), Block("DELETE", "c.py")),
    )


ODD_LINES = st.sampled_from(["```", "````", "```python", "  ```", "FILE: a.py", "DELETE: b", "<<<<<<< SEARCH", "", "a"])
TEXTS = st.text(alphabet="`a#: \n\t\u2028", max_size=60) | st.lists(ODD_LINES, max_size=8).map("\n".join)


@given(st.lists(st.tuples(st.sampled_from(["a.md", "src/b.py", "c d.txt"]), TEXTS), max_size=4))
def test_any_text_comes_back_out_of_its_fence(files: list[tuple[str, str]]):
    reply = "Why.\n\n" + "\n\n".join(f"FILE: {path}\n{fenced(text)}" for path, text in files)
    whole = [(path, text if not text or text.endswith("\n") else f"{text}\n") for path, text in files]
    assert parse(reply) == ("Why.", tuple(Block("FILE", path, text) for path, text in whole))


def test_line_ends_of_windows_are_read():
    assert parse("FILE: a.py\r\n```\r\nA = 1\r\n```\r\n")[1] == (Block("FILE", "a.py", "A = 1\n"),)


def test_an_example_before_or_after_the_files_is_an_aside():
    summary, blocks = parse("Call it:\n```\nf()\n```\nFILE: a.py\n```\nA = 1\n```\nRun:\n```bash\npytest\n```\nDone.")
    assert summary == "Call it:"
    assert [block.path for block in blocks] == ["a.py"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("FILE: a.py\nA = 1\n", r"`FILE: a\.py` \(line 1\) is not followed by a fence"),
        ("FILE: a.py", "not followed by a fence"),
        ("FILE: a.py\n```\nA = 1\n", r"fence of a\.py \(line 2\) is never closed"),
        ("FILE: a.py\n```\nA = 1\nFILE: b.py\n```python\nB = 1\n```\n", r"text of a\.py holds a fence \(```python\)"),
        ("FILE: a.md\n```\n# A\n```bash\nx\n```\nmore\n```\n", r"between at least 4 backticks"),
        ("FILE: a.md\n```\n# A\n```\nx\n```\nmore\n```\n", r"After the text of a\.md comes another fence"),
        ("```\nFILE: a.py\n```python\nA = 1\n```\n```\n", "line 1 follows no FILE or EDIT line"),
        ("FILE: a.py\n```\nA = 1\n```\n```\nrest", "line 5 follows no FILE or EDIT line"),
    ],
)
def test_a_reply_that_can_be_read_in_two_ways_is_refused(reply: str, told: str):
    with pytest.raises(Unusable, match=told):
        parse(reply)


ANY_LINES = st.lists(
    ODD_LINES | st.sampled_from(["EDIT: b.py", "FILE: ../c", "**FILE:** `d`", "~~~", "=======", ">>>>>>> REPLACE"])
).map("\n".join)


@given(ANY_LINES | st.text())
def test_any_reply_is_read_or_refused(reply: str):
    try:
        _, blocks = parse(reply)
    except Unusable:
        return
    assert all(block.path and block.kind in ("FILE", "EDIT", "DELETE") for block in blocks)
