"""Bank statements: CSV with the columns date, payer, amount, text."""

import csv
import io
from collections.abc import Iterable
from datetime import date

from tally import money
from tally.entry import Entry

DEFAULT_CATEGORY = "unsorted"


def read_csv(text: str, among: Iterable[str], category: str = DEFAULT_CATEGORY) -> list[Entry]:
    """The entries of a statement, numbered from 1 in the order of its rows.

    Raises ValueError with the number of the row that cannot be read.
    """
    people = tuple(among)
    entries = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
        try:
            day = date.fromisoformat(row["date"])
            cents = money.parse(row["amount"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"row {number} of the statement cannot be read: {error}") from error
        entries.append(Entry(day, number, row.get("payer") or "", cents, category, people, row.get("text") or ""))
    return entries


def fingerprint(entry: Entry) -> tuple[str, str, int, str]:
    """What makes two rows of statements the same payment: everything but number and category."""
    return (entry.day.isoformat(), entry.payer, entry.cents, entry.note)


def fresh(entries: Iterable[Entry], known: Iterable[Entry]) -> list[Entry]:
    """The entries that are not in the book yet, each once, in their order."""
    seen = [fingerprint(entry) for entry in known]
    new = []
    for entry in entries:
        mark = fingerprint(entry)
        if mark not in seen:
            seen.append(mark)
            new.append(entry)
    return new


def overlap(first: Iterable[Entry], second: Iterable[Entry]) -> int:
    """How many payments of the first statement are in the second one too."""
    others = {fingerprint(entry) for entry in second}
    return sum(1 for entry in first if fingerprint(entry) in others)
