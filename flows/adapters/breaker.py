"""A breaker for an endpoint that fails again and again: it is left alone for a while.

A circuit breaker (Nygard, "Release It!"): closed, it counts failures in a row; open, nothing is asked; half open, a few
failures open it again, for twice as long. All of it, the count too, is kept on disk alone: each run is a process of its
own, and one with few items makes too few calls to open it. What fails for a single item alone may be that item's own
fault: it opens for this item, and holds up no other.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from flows.addresses import without_login
from stages.errors import EndpointDown

if TYPE_CHECKING:
    from flows.settings import Settings

LONGEST_S = 3600.0
"""The longest rest, however often it was opened."""
HALF_OPEN = 3
"""Failures in a row that open it again after a rest."""


@dataclass(frozen=True)
class _Kept:
    until: float = 0.0
    """Seconds since the epoch."""
    rested_s: float = 0.0
    why: str = ""
    in_a_row: int = 0
    """Failures since it was last closed or opened."""
    first: str = ""
    """The work item whose call was the first that failed since any went through."""
    of_several: bool = False
    """Calls of other items have failed since, too."""


_KEPT = TypeAdapter(_Kept)


class Breaker:
    """For one address. failures: in a row, that open it; rest_s: for how long, the first time."""

    def __init__(
        self, home: Path, address: str, failures: int, rest_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = home / "breakers" / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.json"
        self._address = address
        self._failures = failures
        self._rest_s = rest_s
        self._clock = clock

    def check(self, item: str = "") -> None:
        """Raises EndpointDown while it is open for this item; without one, while it is open for all."""
        kept = self._read()
        if self._clock() < kept.until and (kept.of_several or item == kept.first):
            reopens = datetime.fromtimestamp(kept.until, UTC)
            for_whom, by_whom = ("", "") if kept.of_several else (" for this item", " by it")
            raise EndpointDown(
                f"{self._address} failed again and again{for_whom} and is left alone{by_whom} until "
                f"{reopens:%Y-%m-%d %H:%M} UTC; then it is tried again. The last failure: {kept.why}",
                reopens=reopens,
                item="" if kept.of_several else kept.first,
            )

    def failed(self, why: str, item: str) -> None:
        """Count a failure of a call for this item; too many in a row open it.

        Those of calls under way when it opened are not counted.
        """
        kept, now = self._read(), self._clock()
        if now < kept.until:
            if kept.of_several or item == kept.first:
                return
            kept = _Kept()  # it opened for one item, and may now be down for all: that is found out anew
        first = kept.first or item
        kept = replace(kept, in_a_row=kept.in_a_row + 1, first=first, of_several=kept.of_several or item != first)
        if kept.in_a_row >= (HALF_OPEN if kept.rested_s else self._failures):
            rest_s = min(2 * kept.rested_s or self._rest_s, LONGEST_S)
            kept = replace(kept, until=now + rest_s, rested_s=rest_s, why=why, in_a_row=0)
        self._write(kept)

    def succeeded(self) -> None:
        """It answers: forget what was."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> _Kept:
        with suppress(OSError, ValidationError):
            kept = _KEPT.validate_json(self._file.read_bytes())
            if kept.until <= self._clock() + LONGEST_S:  # else it was written while the clock was wrong
                return kept
        return _Kept()

    def _write(self, kept: _Kept) -> None:
        new = self._file.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):  # on a full disk the spending journal lets no call through either
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({"address": self._address, **asdict(kept)}), encoding="utf-8")
            new.replace(self._file)


def of(settings: "Settings") -> Breaker:
    """The breaker of the endpoint that the settings name."""
    return Breaker(settings.home, without_login(settings.model_address), settings.failures, 60 * settings.rest_minutes)
