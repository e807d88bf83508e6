"""What a model is shown of a tree."""

import pytest

from flows.adapters import code_view
from flows.adapters.neighbours import Neighbours
from stages.models import Finding

BOOK = "src/pkg/book.py"
TEXTS = {
    BOOK: "from .money import Money\n\n\nclass Book:\n    pass\n",
    "src/pkg/__init__.py": "",
    "src/pkg/money.py": "class Money:\n    pass\n",
    "src/pkg/report.py": "import pkg.book\n\n\ndef report():\n    pass\n",
    "src/pkg/far.py": "class Far:\n    pass\n\n\nasync def away():\n    pass\n",
    "tests/test_book.py": "import pkg\n",
    "README.md": "# Pkg\n",
}


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("src/pkg/book.py", (BOOK,)),
        ("./src/pkg/book.py", (BOOK,)),
        ("/mnt/e/once/src/pkg/book.py", (BOOK,)),
        ("src\\pkg\\book.py", (BOOK,)),
        ("pkg/book.py", (BOOK,)),
        ("book.py", (BOOK,)),
        ("gone.py", ()),
    ],
)
def test_the_finding_s_file_is_found_however_it_is_written(file: str, found: tuple[str, ...]) -> None:
    assert code_view.focus(Finding(title="x", file=file), sorted(TEXTS)) == found


def test_an_ambiguous_file_is_not_guessed_at() -> None:
    assert code_view.focus(Finding(title="x", file="book.py"), ["a/book.py", "b/book.py"]) == ()


def test_a_finding_without_a_file_is_about_those_its_text_mentions() -> None:
    finding = Finding(
        title="x", description="The totals in `money.py` are off", recommendations=("see src/pkg/far.py",)
    )
    assert code_view.focus(finding, sorted(TEXTS)) == ("src/pkg/far.py",)
    assert code_view.focus(Finding(title="x", description="see money.py."), sorted(TEXTS)) == ("src/pkg/money.py",)


def test_without_any_hint_all_that_fits_is_shown_code_before_tests() -> None:
    view = code_view.build(sorted(TEXTS), (), TEXTS, Finding(title="x"), 4_000)
    assert next(iter(view.files)) == "README.md"
    assert list(view.files)[-1] == "tests/test_book.py"
    assert view.files == TEXTS


def test_what_has_no_room_is_outlined_and_what_has_none_there_is_named() -> None:
    texts = TEXTS | {f"src/pkg/m{n:03}.py": f"def f{n}():\n    return {n}\n" for n in range(200)}
    view = code_view.build(sorted(texts), (), texts, Finding(title="x", file=BOOK), 150)
    spent = sum(len(p) + len(t) for p, t in view.files.items()) + len(view.outline)
    assert spent <= 150 * code_view.CHARS_PER_TOKEN
    assert next(iter(view.files)) == BOOK
    assert "src/pkg/far.py: Far, away" in view.outline
    assert view.left_out.startswith("No room even in the outline for ")
    assert view.paths == tuple(sorted(texts))


def test_the_outline_begins_with_files_that_define_something() -> None:
    texts = {"a.md": "# A\n", "b.txt": "b\n", "z.py": "class Z:\n    pass\n", "book.py": ""}
    view = code_view.build(sorted(texts), (), texts, Finding(title="x", file="book.py"), 1_000)
    assert view.outline.splitlines() == ["z.py: Z", "a.md", "b.txt"]


def test_a_long_file_is_shown_around_the_finding_s_line() -> None:
    long = "".join(f"line_{n} = {n}\n" for n in range(1, 5_001))
    view = code_view.build(["a.py"], (), {"a.py": long}, Finding(title="x", file="a.py", line=2_500), 500)
    assert "line_2500 = 2500\n" in view.files["a.py"]
    assert view.files["a.py"] in long
    assert len(view.files["a.py"]) < 500 * code_view.CHARS_PER_TOKEN
    assert "a.py is shown in part: lines " in view.left_out
    assert "search and replace" in view.left_out


def test_a_line_longer_than_the_budget_is_cut_and_said_to_be() -> None:
    texts = {"app.min.js": "x" * 100_000, "a.py": "A = 1\n"}
    view = code_view.build(sorted(texts), (), texts, Finding(title="x", file="app.min.js"), 500)
    shown = view.files["app.min.js"]
    assert 1_000 < len(shown) <= 500 * code_view.CHARS_PER_TOKEN
    assert shown == "x" * len(shown)
    assert f"shown in part: the first {len(shown):,} of 100,000 characters of line 1 of 1" in view.left_out


@pytest.mark.parametrize("line", [1, 2, 3])
def test_long_lines_beside_the_finding_s_do_not_break_the_budget(line: int) -> None:
    text = f"{'x' * 5_000}\nshort = 1\n{'y' * 5_000}\n"
    view = code_view.build(["a.js"], (), {"a.js": text}, Finding(title="x", file="a.js", line=line), 500)
    spent = sum(len(p) + len(t) for p, t in view.files.items()) + len(view.outline)
    assert 0 < spent <= 500 * code_view.CHARS_PER_TOKEN
    assert view.files["a.js"] in text
    assert (view.files["a.js"] == "short = 1\n") is (line == 2)


def test_no_budget_shows_nothing_but_the_paths() -> None:
    view = code_view.build(sorted(TEXTS), (), TEXTS, Finding(title="x", file=BOOK), 0)
    assert (view.files, view.outline, view.paths) == ({}, "", tuple(sorted(TEXTS)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from pkg import money, far as f", {"src/pkg/__init__.py", "src/pkg/money.py", "src/pkg/far.py"}),
        (
            "from pkg import (\n    money,  # cash\n    far,\n)",
            {"src/pkg/__init__.py", "src/pkg/money.py", "src/pkg/far.py"},
        ),
        ("from pkg.money import Money", {"src/pkg/money.py"}),
        ("import json, pkg.money as m", {"src/pkg/money.py"}),
        ("    from . import far", {"src/pkg/__init__.py", "src/pkg/far.py"}),
        ("from .money import *", {"src/pkg/money.py"}),
        ("from ..nowhere import x", set()),
        ("import money", set()),
        ("def broken(:\nfrom .far import Far", {"src/pkg/far.py"}),
    ],
)
def test_python_imports_are_resolved(text: str, found: set[str]) -> None:
    assert Neighbours(TEXTS).imported_by(BOOK, text) == found


def test_modules_at_the_root_import_each_other() -> None:
    tree = Neighbours(["a.py", "b.py"])
    assert tree.imported_by("a.py", "import b") == tree.imported_by("a.py", "from . import b") == {"b.py"}


def test_other_languages_are_linked_by_the_names_in_their_imports() -> None:
    texts = {
        "web/cart.ts": "import { tax } from './tax'\n",
        "web/tax.ts": "export const tax = 1\n",
        "web/ui/index.tsx": "import { cart } from '../cart'\n",
        "web/note.ts": "// cart\n",
        "cart.py": "",
    }
    tree = Neighbours(texts)
    assert tree.imported_by("web/cart.ts", texts["web/cart.ts"]) == {"web/tax.ts"}
    assert tree.importers_of("web/cart.ts", texts) == {"web/ui/index.tsx"}
