"""Moments at which a run may die: at a sign of what it does, or some time after its start."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

THOUGHTS = (
    "deep_understanding",
    "architectural_analysis",
    "approach_evaluation",
    "risk_analysis",
    "testing_strategy",
    "implementation_plan",
)
OF_PULL = ("Hub asked head", "Hub answered head", "Hub asked paths", "Hub asked tree", "Hub answered file")
OF_MODEL = tuple(f"{event} {step}" for step in (*THOUGHTS, "draft") for event in ("asked", "answered", "stored"))
OF_PUBLISH = ("Hub asked preupload", "Hub asked commit", "Hub applied commit", "Hub answered commit")


@dataclass(frozen=True)
class Moment:
    """So many seconds after a sign; "started" is the start of the process."""

    sign: str
    delay: float


def deck(random: Random, length: float) -> list[Moment]:
    """A moment of every step, in random order: pull, study, each thought, write, verify, keep, publish; and any.

    length: seconds that a run takes, about.
    """
    moments = [Moment(sign, random.choice((0.0, random.uniform(0, 0.2)))) for sign in (*OF_PULL, *OF_MODEL)]
    moments += [Moment("claimed", random.uniform(0, 0.4)), Moment("stored draft", random.uniform(0.05, 1.5))]
    moments += [Moment(sign, 0.0) for sign in ("stored verify-draft", "kept")]
    moments += [Moment(sign, random.choice((0.0, random.uniform(0, 0.05)))) for sign in OF_PUBLISH]
    moments += [Moment("started", random.uniform(0.2, length)) for _ in range(6)]
    return random.sample(moments, len(moments))


@dataclass
class Signs:
    """What runs have done since this began: (run, sign), the run empty where it cannot be told whose it was."""

    calls: Path
    requests: Path
    home: Path
    _at: dict[Path, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _items: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._at = {path: path.stat().st_size for path in (self.calls, self.requests)}
        self._seen = {*self._places()}

    def news(self) -> list[tuple[str, str]]:
        """Those since the last look."""
        calls = self._lines(self.calls)
        for item in {call["item"] for call in calls} - self._items:
            self._items.add(item)
            self._seen.update(self._stored(item))  # by earlier runs: the first answer is 50 ms away
        found = [(call["run"], f"{call['event']} {call['step']}") for call in calls]
        found += [("", f"Hub {line['event']} {line['endpoint']}") for line in self._lines(self.requests)]
        for place in self._places():
            if place not in self._seen:
                self._seen.add(place)
                found.append(("", place.split(":")[0]))
        return found

    def _lines(self, path: Path) -> list[dict[str, str]]:
        with path.open("rb") as file:
            file.seek(self._at[path])
            whole = file.read().rpartition(b"\n")[0]
        if not whole:
            return []
        self._at[path] += len(whole) + 1
        return [json.loads(line) for line in whole.splitlines()]

    def _places(self) -> list[str]:
        """What lies on the disk now, of items that were asked about."""
        claims, kept = self.home.glob("at/*/claims/*.lock"), self.home.glob("at/*/outbox/*.json")
        return [
            *(place for item in self._items for place in self._stored(item)),
            *(f"claimed:{file.name}" for file in claims),
            *(f"kept:{file.name}" for file in kept),
        ]

    def _stored(self, item: str) -> list[str]:
        files = self.home.glob(f"results/{item}-*/*")
        return [f"stored {file.name.rpartition('-')[0]}:{file}" for file in files]
