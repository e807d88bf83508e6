"""The tree of a revision, read from a bare mirror: what is in it, and the texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flows.adapters import git

_LARGEST = 200_000
"""Bytes of a file that is still read for the view; the finding's own file may have ten times as many."""
_READ_AT_MOST = 4_000_000
_UNREAD_FOLDERS = {"node_modules", "vendor", "third_party", "dist", "build", ".git"}


@dataclass(frozen=True)
class Entry:
    """One entry of a tree."""

    path: str
    mode: str
    """100644, 100755, 120000 (symbolic link) or 160000 (submodule)."""
    blob: str
    size: int

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file, not a link or a submodule."""
        return self.mode.startswith("100")


def entries(mirror: Path, revision: str) -> list[Entry]:
    """Everything in the tree whose path is UTF-8."""
    found = []
    for line in git.local(mirror, "ls-tree", "-r", "-z", "-l", "--full-tree", revision).split(b"\0"):
        head, _, path = line.partition(b"\t")
        try:
            mode, _, blob, size = head.decode().split()
            found.append(Entry(path.decode(), mode, blob, int(size) if size.isdigit() else 0))
        except ValueError:  # the empty end, or a path that is not UTF-8
            continue
    return found


def worth_reading(found: Sequence[Entry], about: Sequence[str]) -> list[Entry]:
    """The finding's files, then others from near to far, as long as it is not too much to read."""
    folders = {PurePosixPath(path).parts[:1] for path in about}
    suffixes = {PurePosixPath(path).suffix for path in about}

    def far(entry: Entry) -> tuple[bool, bool, bool, int, str]:
        path = PurePosixPath(entry.path)
        strange, elsewhere = path.suffix not in suffixes, path.parts[:1] not in folders
        return entry.path not in about, strange, elsewhere, len(path.parts), entry.path

    taken, total = [], 0
    for entry in sorted((e for e in found if e.is_file), key=far):
        limit = _LARGEST * (10 if entry.path in about else 1)
        skipped = not _UNREAD_FOLDERS.isdisjoint(entry.path.split("/")) and entry.path not in about
        if not skipped and entry.size <= limit and total + entry.size <= _READ_AT_MOST:
            taken.append(entry)
            total += entry.size
    return taken


def read(mirror: Path, entries: Sequence[Entry]) -> Mapping[str, str | None]:
    """Path → text, None for one that is not UTF-8 text."""
    if not entries:
        return {}
    answer = git.local(mirror, "cat-file", "--batch", stdin="".join(f"{e.blob}\n" for e in entries).encode())
    texts: dict[str, str | None] = {}
    start = 0
    for entry in entries:
        start = answer.index(b"\n", start) + 1
        texts[entry.path] = _text(answer[start : start + entry.size])
        start += entry.size + 1
    return texts


def _text(data: bytes) -> str | None:
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
