"""A breaker for an endpoint that fails again and again: it is left alone for a while.

A circuit breaker (Nygard, "Release It!"): closed, it counts failures in a row; open, nothing is asked; half open, a few
failures open it again, for twice as long. It is kept on disk, since each run is a process of its own.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import EndpointDown

if TYPE_CHECKING:
    from flows.settings import Settings

LONGEST_S = 3600.0
"""The longest rest, however often it was opened."""
HALF_OPEN = 3
"""Failures in a row that open it again after a rest."""


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
        self._in_a_row = 0
        self._until, self._rested_s, self._why = self._read()

    def check(self) -> None:
        """Raises EndpointDown while it is open."""
        if self._clock() < self._until:
            reopens = datetime.fromtimestamp(self._until, UTC)
            raise EndpointDown(
                f"{self._address} failed again and again and is left alone until {reopens:%Y-%m-%d %H:%M} UTC; then it "
                f"is tried again. The last failure: {self._why}",
                reopens=reopens,
            )

    def failed(self, why: str) -> None:
        """Count a failure; too many in a row open it."""
        self._in_a_row += 1
        if self._in_a_row >= (HALF_OPEN if self._rested_s else self._failures) and self._clock() >= self._until:
            self._rested_s = min(2 * self._rested_s or self._rest_s, LONGEST_S)
            self._until, self._why, self._in_a_row = self._clock() + self._rested_s, why, 0
            self._write()

    def succeeded(self) -> None:
        """It answers: forget what was."""
        self._in_a_row = 0
        if self._rested_s:
            self._until, self._rested_s, self._why = 0.0, 0.0, ""
            self._file.unlink(missing_ok=True)

    def _read(self) -> tuple[float, float, str]:
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return float(kept["until"]), float(kept["rested_s"]), str(kept["why"])
        return 0.0, 0.0, ""

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        kept = {"address": self._address, "until": self._until, "rested_s": self._rested_s, "why": self._why}
        new.write_text(json.dumps(kept), encoding="utf-8")
        new.replace(self._file)


def of(settings: "Settings") -> Breaker:
    """The breaker of the endpoint that the settings name."""
    return Breaker(settings.home, settings.model_address, settings.failures, 60 * settings.rest_minutes)
