import os
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Unusable
from stages.models import CodeView
from stages.paths import Tree, home_of_tests, is_test, protected_by, safe
from tests.stages.golden import VIEW


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "~/.ssh/id_rsa", "-rf", "C:/x.py", "c:x.py", "a\\b.py", "..", "../a.py", "a/../../b.py",
        "./../a", ".", "a//b.py", "a/", "a/./b.py", ".git/config", ".GIT/hooks/pre-commit", "a/.Git/x", ".git./config",
        ".git /x", "git~1/config", ".gitmodules", "\uff0egit/config", "a\0.py", "a\nb.py", "a\u202eb.py", "a\ud800.py",
        ".g\u200cit/x", "a\u00a0b", "a .py/b ", " a", "dir./a.py", "nul", "src/COM1.txt", "a:b.py", "a?.py", "a`b.py",
        "x" * 256, "d/" * 200 + "a.py",
    ],
)  # fmt: skip
def test_unsafe_paths_are_refused(path: str):
    with pytest.raises(Unusable, match=r"The path .* root, as src/package/module\.py"):
        safe(path)


@pytest.mark.parametrize(
    "path",
    [
        "a.py",
        "src/pkg/__init__.py",
        ".gitignore",
        ".github/x.yml",
        "app/[id]/page.tsx",
        "docs/größe.md",
        "a b.txt",
        "c++/x..y",
    ],
)
def test_ordinary_paths_are_safe(path: str):
    assert safe(path) == path
    assert safe(f"./{path}") == path


@given(
    st.lists(st.sampled_from([".", "..", "a", ".git", "", "~", " ", "\\", "C:", "\0", "b.py", ".GIT "])).map("/".join)
    | st.text()
)
def test_a_safe_path_never_leaves_the_root(path: str):
    try:
        kept = safe(path)
    except Unusable:
        return
    assert os.path.normpath(os.path.join("/root", kept)) == f"/root/{kept}"  # noqa: PTH118
    assert not {".git", "..", ""} & {part.casefold().strip(". ") for part in PurePosixPath(kept).parts}
    assert kept.isprintable()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("latest", "symbolic link"),
        ("latest/x.py", "symbolic link"),
        ("LATEST/x.py", "symbolic link"),
        ("Stats.py", r"Stats\.py differs from stats\.py only in upper and lower case"),
        ("Tests/test_new.py", "Tests differs from tests only"),
        ("stats.py/x.py", r"below stats\.py, which is a file"),
        ("tests", "tests is a folder"),
    ],
)
def test_a_path_in_the_way_of_another_is_refused(path: str, told: str):
    with pytest.raises(Unusable, match=told):
        Tree.of(VIEW, [path]).check(path)


def test_paths_of_one_draft_do_not_differ_in_case_alone():
    tree = Tree.of(CodeView(), ["a/x.py", "A/y.py"])
    tree.check("a/x.py")
    with pytest.raises(Unusable, match="A differs from a only"):
        tree.check("A/y.py")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("uv.lock", "*.lock"), ("deep/down/uv.lock", "*.lock"), ("Deep/UV.Lock", "*.lock"), (".env.local", ".env*"),
        (".github/workflows/ci.yml", ".github/workflows/**"), (".github/workflows/a/b.yml", ".github/workflows/**"),
        ("a/b/secret/c", "a/**/secret/*"), ("a/secret/c", "a/**/secret/*"), ("conf/x", "/conf/"), ("a/x", "a/*"),
    ],
)  # fmt: skip
def test_protected_paths_are_known_by_their_pattern(path: str, pattern: str):
    assert protected_by(path, ("nothing", pattern)) == pattern


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("lock.py", "*.lock"), ("x/.github/workflows/ci.yml", ".github/workflows/**"), ("a/b/x.pem", "a/*.pem"),
        (".github/dependabot.yml", ".github/workflows/**"), ("env/a.py", ".env*"),
    ],
)  # fmt: skip
def test_other_paths_are_not_protected(path: str, pattern: str):
    assert protected_by(path, (pattern,)) == ""


def test_tests_are_known_by_name_and_folder():
    tests = [
        "test_a.py",
        "a/b_test.py",
        "conftest.py",
        "tests/data.json",
        "src/test/A.java",
        "ui/a.test.ts",
        "x_test.go",
        "app/tests.py",
        "app/cart_tests.py",
        "pkg/test/x.rs",
    ]
    assert [path for path in tests if not is_test(path)] == []
    assert [
        path for path in ("a.py", "src/testing.py", "attest.py", "latest/a.py", "contests.py") if is_test(path)
    ] == []


def test_new_tests_go_where_most_tests_are():
    assert home_of_tests(["a.py", "pkg/tests/test_a.py", "pkg/tests/test_b.py", "tests/test_c.py"]) == "pkg/tests"
    assert home_of_tests(["a.py", "tests/data.json"]) == "tests"
