"""One line of the book."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, order=True)
class Entry:
    """Somebody paid for something, for some of the group."""

    day: date
    number: int
    """Unique within a ledger; entries of one day are in the order in which they were written."""
    payer: str
    cents: int
    category: str
    among: tuple[str, ...]
    note: str = ""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "day": self.day.isoformat(),
                "number": self.number,
                "payer": self.payer,
                "cents": self.cents,
                "category": self.category,
                "among": list(self.among),
                "note": self.note,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, line: str) -> "Entry":
        """The entry that `to_json` wrote.

        Raises ValueError, KeyError or TypeError for anything else.
        """
        fields: dict[str, Any] = json.loads(line)
        return cls(
            day=date.fromisoformat(fields["day"]),
            number=int(fields["number"]),
            payer=fields["payer"],
            cents=int(fields["cents"]),
            category=fields["category"],
            among=tuple(fields["among"]),
            note=fields.get("note", ""),
        )
