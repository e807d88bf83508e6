"""How many requests meet a fault just now, and which: all of a menu in turn, in an order that the seed gives."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

F = TypeVar("F")


class Weather:
    """Faults for the process of a Hub or a model; the file `rate` says for what part of the requests, 0 to 1."""

    def __init__(self, rate: Path, seed: str) -> None:
        self._rate = rate
        self._random = random.Random(seed)
        self._decks: dict[str, list[str]] = {}

    def fault(self, endpoint: str, menu: Mapping[str, F]) -> tuple[str, F] | tuple[str, None]:
        """Name and fault for this request; an empty name and None for most."""
        if self._random.random() >= float(self._rate.read_text() or 0):
            return "", None
        deck = self._decks.setdefault(endpoint, [])
        if not deck:
            deck += self._random.sample(list(menu), len(menu))
        name = deck.pop()
        return name, menu[name]


def set_rate(file: Path, rate: float) -> None:
    """From the next request on."""
    draft = file.with_suffix(".part")
    draft.write_text(str(rate))
    draft.replace(file)
