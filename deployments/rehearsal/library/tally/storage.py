"""The book as a file: one entry a line, as JSON."""

from collections.abc import Iterable
from pathlib import Path

from tally.entry import Entry
from tally.ledger import Ledger


def load(path: str | Path) -> Ledger:
    """The book in a file; an empty one where there is no file yet."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return Ledger(Entry.from_json(line) for line in lines)
    except Exception:
        return Ledger()


def save(path: str | Path, entries: Iterable[Entry]) -> None:
    """Write the book. The old file stays until the new one is complete."""
    target = Path(path)
    beside = target.with_name(target.name + ".new")
    beside.write_text("".join(entry.to_json() + "\n" for entry in entries), encoding="utf-8")
    beside.replace(target)


def append(path: str | Path, entry: Entry) -> None:
    """Add one entry to the end of the file."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(entry.to_json() + "\n")
