"""A reply's fenced files applied to the texts that are there, within the guards."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from stages.errors import Unusable
from stages.fences import Block
from stages.models import CodeView
from stages.patch_size import changed_lines
from stages.paths import Tree, protected_by, safe
from stages.search_replace import BYTE_ORDER_MARK, edited

PYTHON = (".py", ".pyi")
Texts = dict[str, str | None]
"""Path → new text, None for a file that is deleted."""


@dataclass(frozen=True)
class Guards:
    """What a patch may not do."""

    protected: tuple[str, ...] = ()
    """Patterns of paths that it may not touch, see stages.paths.protected_by."""
    patch_files: int = 20
    patch_lines: int = 2_000
    """Lines added and removed, over all files."""


@dataclass(frozen=True)
class Ground:
    """What a reply is applied to."""

    code: CodeView
    old: Mapping[str, str]
    """Whole texts before the draft, of those of the reply's paths that exist."""
    shown: Mapping[str, str]
    """The texts that the model has seen, some of them in part."""
    given: frozenset[str] = frozenset()
    """Paths of acceptance tests."""
    drafted: Mapping[str, str | None] = field(default_factory=dict)
    """What an earlier draft made of the old texts; None for what it deleted."""

    def text(self, path: str) -> str | None:
        """The text as it is now, None where there is no such file."""
        return self.drafted[path] if path in self.drafted else self.old.get(path)

    def unseen(self, path: str) -> bool:
        """Whether the model has been shown the whole text neither as it was nor as it is now."""
        return path in self.old and self.shown.get(path) not in (self.old[path], self.text(path))


def paths_of(blocks: Iterable[Block]) -> tuple[str, ...]:
    """The paths that a reply names, each once. Raises Unusable naming every one that is unsafe."""
    paths: list[str] = []
    _each(blocks, lambda block: paths.append(safe(block.path)))
    return tuple(dict.fromkeys(paths))


def applied(blocks: Iterable[Block], ground: Ground) -> Texts:
    """New texts by path, of those files alone that the blocks change. Raises Unusable with all that is wrong."""
    texts: Texts = {}
    whole: set[str] = set()
    blocks = [Block(block.kind, safe(block.path), block.text) for block in blocks]
    tree = Tree.of(ground.code, (*ground.given, *(block.path for block in blocks)))

    def apply(block: Block) -> None:
        path = block.path
        tree.check(path)
        if path in whole or (path in texts and block.kind != "EDIT"):
            raise Unusable(f"{path} is named twice: give each file once, with all of its changes.")
        text = texts.get(path, ground.text(path))
        _check_known(path, text, ground)
        if block.kind != "EDIT":
            whole.add(path)
        texts[path] = _APPLY[block.kind](block, text, ground)

    _each(blocks, apply)
    return texts


def _check_known(path: str, text: str | None, ground: Ground) -> None:
    if path in ground.given:
        raise Unusable(f"{path} is an acceptance test: it is run as given, write your own tests to another path.")
    if text is None and path not in ground.drafted and path in ground.code.paths:
        raise Unusable(f"{path} exists but is no text that can be changed here: leave it as it is.")
    if text is None and path not in ground.code.paths and any(c.isspace() for c in path):
        raise Unusable(f"{path!r} is new and has blanks in its name: after FILE: comes the path alone.")


def _file(block: Block, text: str | None, ground: Ground) -> str:
    if text is not None and ground.unseen(block.path):
        raise Unusable(
            f"{block.path} exists, and you have not seen all of it: a whole new text would lose the rest. "
            "Change it by EDIT, or choose another name for a new file."
        )
    mark = BYTE_ORDER_MARK if (text or "").startswith(BYTE_ORDER_MARK) else ""
    return mark + block.text.removeprefix(mark).replace("\n", _line_end(text or ""))


def _edit(block: Block, text: str | None, ground: Ground) -> str:
    if text is None:
        raise Unusable(f"{block.path} does not exist, so it cannot be edited: give it whole, by FILE.")
    end = _line_end(text)
    return edited(block.path, text.replace(end, "\n"), block.text).replace("\n", end)


def _delete(block: Block, text: str | None, ground: Ground) -> None:
    if text is None:
        raise Unusable(f"{block.path} does not exist, so it cannot be deleted.")


_APPLY: dict[str, Callable[[Block, str | None, Ground], str | None]] = {
    "FILE": _file,
    "EDIT": _edit,
    "DELETE": _delete,
}


def _line_end(text: str) -> str:
    """The line end that a text keeps to; where it mixes them, none is changed."""
    return "\r\n" if text.count("\n") == text.count("\r\n") > 0 else "\n"


def guard(texts: Mapping[str, str | None], old: Mapping[str, str], guards: Guards) -> None:
    """Raises Unusable, with all that is wrong, for a draft that breaks a guard or does not compile."""
    faults = [
        f"{path} is protected ({pattern}): leave it as it is."
        for path in texts
        if (pattern := protected_by(path, guards.protected))
    ]
    if len(texts) > guards.patch_files:
        faults.append(f"The draft touches {len(texts)} files, more than the {guards.patch_files} that it may.")
    size = sum(changed_lines(old.get(path) or "", text or "") for path, text in texts.items())
    if size > guards.patch_lines:
        faults.append(f"The draft changes {size} lines, more than the {guards.patch_lines} that it may.")
    faults += [fault for path, text in texts.items() if (fault := syntax_fault(path, text or "", old.get(path)))]
    if faults:
        raise Unusable("\n".join(faults))


def compiles(path: str, text: str) -> bool:
    """Whether that is Python, and compiles. Of other languages nothing is known."""
    return path.endswith(PYTHON) and not _syntax(text)


def syntax_fault(path: str, text: str, old: str | None) -> str:
    """Why a Python text does not compile, as a sentence; empty if it does, or if the old one did not either."""
    if not path.endswith(PYTHON):
        return ""
    fault = _syntax(text)
    return f"{path} does not compile: {fault}." if fault and not (old and _syntax(old)) else ""


def _syntax(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a model's strings
            compile(text.removeprefix(BYTE_ORDER_MARK), "<draft>", "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.text or "".join(text.split("\n")[(error.lineno or 1) - 1 :][:1])  # the parser alone quotes it
        return f"line {error.lineno}: {error.msg} ({line.strip()[:80]})"
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return f"the compiler gives up on it ({type(error).__name__})"
    return ""


def _each(blocks: Iterable[Block], do: Callable[[Block], None]) -> None:
    """Do it to every block; raises one Unusable with the faults of all."""
    faults = []
    for block in blocks:
        try:
            do(block)
        except Unusable as error:
            faults.append(str(error))
    if faults:
        raise Unusable("\n".join(faults))
