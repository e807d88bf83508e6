from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Unusable
from stages.fences import Block
from stages.models import CodeView
from stages.patch_size import changed_lines
from stages.patching import Ground, Guards, applied, guard, paths_of, syntax_fault
from stages.paths import safe
from tests.stages.golden import CODE, VIEW
from tests.stages.replies import edit

OLD = {**VIEW.files, "report.py": "import stats\n"}
GROUND = Ground(VIEW, OLD, VIEW.files, frozenset({"tests/test_acceptance.py"}))


def test_files_are_written_edited_and_deleted():
    blocks = [
        Block("FILE", "./new.py", "N = 1\n"),
        Block("EDIT", "stats.py", edit("def mean(values):\n", "def mean(values, /):\n")),
        Block("EDIT", "stats.py", edit('"""Simple statistics."""\n', '"""Statistics."""\n')),
        Block("DELETE", "report.py"),
    ]
    assert applied(blocks, GROUND) == {
        "new.py": "N = 1\n",
        "stats.py": CODE.replace("(values):", "(values, /):", 1).replace("Simple s", "S"),
        "report.py": None,
    }


def test_line_ends_of_a_file_are_kept():
    ground = Ground(CodeView(paths=("a.py",)), {"a.py": "a\r\nb\r\n"}, {"a.py": "a\r\nb\r\n"})
    assert applied([Block("EDIT", "a.py", edit("a\n", "c\n"))], ground) == {"a.py": "c\r\nb\r\n"}
    assert applied([Block("FILE", "a.py", "x\ny\n")], ground) == {"a.py": "x\r\ny\r\n"}


def test_a_byte_order_mark_is_kept_and_hides_no_fault():
    ground = Ground(CodeView(paths=("a.py",)), {"a.py": "\ufeffa = 1\n"}, {"a.py": "\ufeffa = 1\n"})
    assert applied([Block("FILE", "a.py", "b = 1\n")], ground) == {"a.py": "\ufeffb = 1\n"}
    edited = applied([Block("EDIT", "a.py", edit("a = 1\n", "def f(:\n"))], ground)
    assert edited == {"a.py": "\ufeffdef f(:\n"}
    assert "a.py does not compile: line 1" in syntax_fault("a.py", edited["a.py"] or "", ground.old["a.py"])


def test_mixed_line_ends_are_left_alone():
    ground = Ground(CodeView(paths=("a.py",)), {"a.py": "a\r\nb\nc\n"}, {})
    assert applied([Block("EDIT", "a.py", edit("b\n", "x\n"))], ground) == {"a.py": "a\r\nx\nc\n"}


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (Block("FILE", "report.py", "x\n"), "report.py exists, and you have not seen all of it"),
        (Block("FILE", "README.md", "x\n"), "README.md exists but is no text"),
        (Block("EDIT", "new.py", "x\n"), "new.py does not exist, so it cannot be edited"),
        (Block("DELETE", "new.py"), "new.py does not exist, so it cannot be deleted"),
        (Block("FILE", "tests/test_acceptance.py", "x\n"), "is an acceptance test"),
        (Block("FILE", "Tests/Test_acceptance.py", "x\n"), "only in upper and lower case"),
        (Block("FILE", "a.py (new)", "x\n"), "blanks in its name"),
        (Block("FILE", "latest", "x\n"), "symbolic link"),
        (Block("FILE", "../a.py", "x\n"), "The path"),
    ],
)
def test_a_block_that_does_not_fit_is_refused(block: Block, told: str):
    with pytest.raises(Unusable, match=told):
        applied([block], GROUND)


@pytest.mark.parametrize(
    ("first", "second"), [("FILE", "FILE"), ("FILE", "EDIT"), ("EDIT", "FILE"), ("DELETE", "EDIT")]
)
def test_a_file_stands_once(first: str, second: str):
    text = {"FILE": "x\n", "EDIT": edit("def mean(values):\n", "def mean(v):\n"), "DELETE": ""}
    with pytest.raises(Unusable, match="named twice"):
        applied([Block(first, "stats.py", text[first]), Block(second, "stats.py", text[second])], GROUND)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(Unusable, match=r"(?s)new\.py does not exist.*latest is"):
        applied([Block("EDIT", "new.py", ""), Block("FILE", "latest", "")], GROUND)
    with pytest.raises(Unusable, match=r"(?s)'\.\./a'.*'/b'"):
        paths_of([Block("FILE", "../a"), Block("FILE", "c"), Block("FILE", "/b")])


def test_a_repair_builds_on_the_draft_before():
    ground = Ground(VIEW, OLD, VIEW.files, drafted={"report.py": "R = 1\n", "new.py": "N = 1\n", "stats.py": None})
    blocks = [
        Block("EDIT", "report.py", edit("R = 1\n", "R = 2\n")),
        Block("FILE", "stats.py", "S = 1\n"),
        Block("DELETE", "new.py"),
    ]
    assert applied(blocks, ground) == {"report.py": "R = 2\n", "stats.py": "S = 1\n", "new.py": None}


def test_a_file_that_was_shown_as_drafted_has_been_seen():
    ground = Ground(VIEW, OLD, {"report.py": "R = 1\n"}, drafted={"report.py": "R = 1\n"})
    assert applied([Block("FILE", "report.py", "R = 2\n")], ground) == {"report.py": "R = 2\n"}


def test_a_draft_within_the_guards_passes():
    guard({"a.py": "A = 2\n", "b.py": None}, {"a.py": "A = 1\n", "b.py": "B = 1\n"}, Guards(("*.lock",), 2, 3))


@pytest.mark.parametrize(
    ("guards", "told"),
    [
        (Guards(("a.*",)), r"a\.py is protected \(a\.\*\)"),
        (Guards(patch_files=1), "touches 2 files, more than the 1"),
        (Guards(patch_lines=2), "changes 3 lines, more than the 2"),
    ],
)
def test_a_draft_that_breaks_a_guard_is_refused(guards: Guards, told: str):
    with pytest.raises(Unusable, match=told):
        guard({"a.py": "A = 2\n", "b.py": None}, {"a.py": "A = 1\n", "b.py": "B = 1\n"}, guards)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("", "a\nb\n", 2),
        ("a\nb\n", "", 2),
        ("a\nb\n", "a\nb\n", 0),
        ("a\nb\nc\n", "a\nx\nc\n", 2),
        ("a\nb\nc\n", "c\na\nb\n", 2),
        ("a\nb\nb\n", "b\na\nc\n", 4),
        ("a\nb\n", "a\r\nb\r\n", 4),
    ],
)
def test_lines_are_counted_as_added_and_removed(old: str, new: str, changed: int):
    assert changed_lines(old, new) == changed


def test_lines_that_are_only_put_in_another_order_have_changed():
    lines = [f"line {n}\n" for n in range(6_000)]
    assert changed_lines("".join(lines), "".join(reversed(lines))) == 2 * 5_999


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_no_fewer_lines_could_have_changed(old: list[str], new: list[str]):
    @cache
    def least(i: int, j: int) -> int:
        if i == len(old) or j == len(new):
            return len(old) - i + len(new) - j
        if old[i] == new[j]:
            return least(i + 1, j + 1)
        return 1 + min(least(i + 1, j), least(i, j + 1))

    assert changed_lines("".join(f"{a}\n" for a in old), "".join(f"{a}\n" for a in new)) == least(0, 0)


def test_long_texts_all_of_whose_lines_are_alike_or_have_moved_are_counted_within_moments():
    alike, lines = ["x\n", "y\n"] * 10_000, [f"{n}\n" for n in range(10_000)]
    assert changed_lines("".join(alike), "".join(alike[1:])) == 1
    assert changed_lines("".join(lines), "".join(lines[5_000:] + lines[:5_000])) == 10_000


@pytest.mark.parametrize(
    ("path", "text", "old", "told"),
    [
        ("a.py", "x = 1\nreturn x\n", None, "a.py does not compile: line 2: 'return' outside function (return x)."),
        ("a.py", "from __future__ import annotations\n", None, ""),
        ("a.py", "def f(:\n", None, "a.py does not compile: line 1: invalid syntax (def f(:)."),
        ("a.py", "x = " + "-" * 99_999, None, "a.py does not compile: the compiler gives up on it (MemoryError)."),
        ("a.py", "print 'a'\n", "print 'b'\n", ""),
        ("a.py", r"x = '\d'", None, ""),
        ("a.js", "def f(:\n", None, ""),
        ("a.py", "x = 1\n", None, ""),
    ],
)
def test_python_must_compile(path: str, text: str, old: str | None, told: str):
    assert syntax_fault(path, text, old) == told


ODD_PATHS = st.sampled_from(
    ["a.py", "./a.py", "../a.py", "/etc/passwd", ".git/hooks/x", "b/../c.py", "b", "b/d.py", ""]
)


@given(st.lists(st.builds(Block, st.sampled_from(["FILE", "EDIT", "DELETE"]), ODD_PATHS, st.just("x\n")), max_size=5))
def test_whatever_a_reply_names_nothing_is_written_outside_of_the_root(blocks: list[Block]):
    try:
        texts = applied(blocks, GROUND)
    except Unusable:
        return
    assert all(safe(path) == path for path in texts)
    assert not any(f"{path}/" in other for path in texts for other in texts), "no file in the way of a folder"
