"""Trying again at the results dataset, ever further apart: the Hub's client never does it by itself."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from flows.adapters.hub import Conflict, Missing
from stages.errors import Transient

T = TypeVar("T")

TRIES = 10
LOOKS = 2
"""How often a dataset may be missing while we write: deleted or squashed a moment ago, or made and not yet visible."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Seconds. All tries together take under two minutes of pauses; then the outcomes wait on disk for the next run."""
LONGEST_WAIT = 60.0
"""A Retry-After beyond this is passed on to whoever called."""


class Tries:
    """Each try is made within `alone`. `distrust` is called where the head that we built on is not the Hub's."""

    def __init__(
        self,
        alone: Callable[[], AbstractContextManager[None]],
        distrust: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._alone = alone
        self._distrust = distrust
        self._sleep = sleep

    def at(self, act: Callable[[int], T], what: str) -> T:
        """What `act` gives; it is told how many tries there were, and must look first what the last one did.

        Raises Transient, beginning with `what`, when no try went through; Permanent as soon as none can.
        """
        missing = 0
        for number in range(TRIES):
            try:
                with self._alone():
                    return act(number)
            except Missing as error:
                fault: Transient | Missing = error
                missing += 1
                if missing > LOOKS:
                    raise
            except Transient as error:
                fault = error
            if number + 1 < TRIES:
                self._pause(number, fault)
        raise Transient(f"{what} in {TRIES} tries. The last one: {fault}") from fault

    def _pause(self, number: int, fault: Exception) -> None:
        if isinstance(fault, Conflict | Missing):
            self._distrust()
        asked = getattr(fault, "retry_after", None) or 0.0
        if asked > LONGEST_WAIT:
            raise fault
        usual = min(LONGEST_PAUSE, FIRST_PAUSE * 2**number)
        self._sleep(max(asked, usual * random.uniform(0.5, 1)))  # noqa: S311
