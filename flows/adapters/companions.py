"""What trusted tests use of a repository's own tests: conftests and helper modules, as they are in a tree."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from flows.adapters.neighbours import Neighbours
from stages.paths import holds_tests, is_test


def companions(tree: Path, tests: Mapping[str, str]) -> dict[str, str]:
    """Path → text of the conftests of every folder that a test is in, and of what the tests import of theirs.

    tests: path → text; what is among them is not looked for.
    """
    there = {str(file.relative_to(tree)) for file in tree.rglob("*.py") if file.is_file()}
    own = {path for path in there if is_test(path)}
    neighbours = Neighbours(own | tests.keys())
    known, waiting = dict(tests), dict(tests)
    while waiting:
        path, text = waiting.popitem()
        wanted = {*neighbours.imported_by(path, text), *_around(path)}
        new = {found: (tree / found).read_text("utf-8", "replace") for found in wanted & own - known.keys()}
        known |= new
        waiting |= new
    return {path: text for path, text in known.items() if path not in tests}


def _around(path: str) -> Iterator[str]:
    """What is imported with a file: by pytest the conftests of its folders, with a helper the packages that it is in.

    A package within one of the code's is the code's.
    """
    file = PurePosixPath(path)
    for folder in file.parents:
        yield str(folder / "conftest.py")
        if not holds_tests(path) and file.stem != "conftest" and is_test(f"{file.parts[0]}/x.py"):
            yield str(folder / "__init__.py")
