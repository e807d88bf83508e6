"""What changed in one file: added imports and new code, by syntax for Python and by line otherwise."""

import ast
import re
import warnings
from collections.abc import Iterator

from stages.models import File
from stages.syntax import parse

IMPORT = re.compile(r"\s*(import|from|use|using|require|require_relative|#\s*include)\b|.*=\s*require\(")
HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def before(patch: str, file: File) -> str:
    """The file's text before the patch, worked out backwards from its text after it.

    Empty where the patch does not name the file or does not fit its text: the file then counts as new.
    """
    new = file.content.split("\n")
    old: list[str] = []
    at = 0
    for start, lines in _hunks(patch, file.path):
        kept = [line[1:] for line in lines if line[:1] != "-"]
        begin = start - 1 if kept else start
        if new[begin : begin + len(kept)] != kept:
            return ""
        old += new[at:begin] + [line[1:] for line in lines if line[:1] != "+"]
        at = begin + len(kept)
    return "\n".join(old + new[at:]) if at or old else ""


def _hunks(patch: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """Each hunk of one file: its first line in the new text, and its body."""
    named = re.search(rf"^\+\+\+ b/{re.escape(path)}\t?$\n", patch, re.MULTILINE)
    lines = iter(patch[named.end() :].split("\n") if named else [])
    for line in lines:
        head = HUNK.match(line)
        if not head:
            return
        left = {"-": int(head[1] or 1), "+": int(head[3] or 1)}
        body = []
        while any(left.values()) and (text := next(lines, None)) is not None:
            if text.startswith("\\"):  # "\ No newline at end of file"
                continue
            for side in left:
                left[side] -= text[:1] in ("", " ", side)
            body.append(text)
        yield int(head[2]), body


def added_imports(old: str, new: File) -> str:
    """The import statements that the new text has and the old one had not, one a line."""
    statements = _statements(old, new)
    if statements is None:
        had = set(old.split("\n"))
        return "\n".join(line.strip() for line in new.content.split("\n") if IMPORT.match(line) and line not in had)
    return "\n".join(ast.unparse(node) for node in statements if _is_import(node))


def new_code(old: str, new: File) -> str:
    """The top-level statements that are new or changed, whole; the whole text of a new file and of other languages."""
    statements = _statements(old, new) if old else None
    if statements is None:
        return new.content
    lines = new.content.split("\n")
    parts = [lines[_first(node) - 1 : node.end_lineno] for node in statements if not _is_import(node)]
    return "\n\n\n".join("\n".join(part) for part in parts) or new.content


def count_tests(file: File) -> int:
    """Test functions in a file of tests: by syntax in Python; one per file where the language is not known."""
    tree = _parse(file)
    if tree is None:
        return 1
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return sum(node.name.startswith("test") for node in functions)


def _statements(old: str, new: File) -> list[ast.stmt] | None:
    """Top-level statements of the new text that the old one has not; None where it is not Python."""
    was, now = _parse(File(path=new.path, content=old)), _parse(new)
    if was is None or now is None:
        return None
    known = {ast.dump(node) for node in was.body}
    return [node for node in now.body if ast.dump(node) not in known]


def _parse(file: File) -> ast.Module | None:
    if not file.path.endswith((".py", ".pyi")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a model's strings
            return parse(file.content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
