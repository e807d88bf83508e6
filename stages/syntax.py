"""Python's parser, for one thread at a time: before 3.12 several threads in it fail each other.

https://github.com/python/cpython/issues/106905
"""

import ast
from threading import Lock

_ALONE = Lock()


def parse(text: str, path: str = "<unknown>") -> ast.Module:
    """The module's tree. Raises what `ast.parse` raises: SyntaxError, ValueError, RecursionError, MemoryError."""
    with _ALONE:
        return ast.parse(text, path)
