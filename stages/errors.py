"""The tree of errors. Three kinds: it may pass, it won't, the model's answer doesn't fit.

WorkerError
├── Transient          may pass: try again, later if `retry_after` says so
│   └── SandboxBroken  the sandbox could not run at all; never the draft's fault
├── Permanent          won't pass by itself: someone has to do what the message says
│   ├── OutOfCredits   the model's endpoint wants money; nothing is broken
│   ├── BudgetReached  our own bound on spending; opens again at `reopens`
│   └── EndpointDown   the model's endpoint failed too often in a row; left alone until `reopens`
└── Unusable           the model's answer doesn't fit; the message can be shown back to it
"""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.models import Usage


class WorkerError(Exception):
    """Anything the worker raises on purpose: what happened, to what, where we looked, what to do."""


class Transient(WorkerError):
    """It may pass."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the other side asked us to wait, None where it did not say."""


class SandboxBroken(Transient):
    """The sandbox could not run at all. Says nothing about the code that was to run in it."""


class Permanent(WorkerError):
    """It won't pass by itself."""


class Misconfigured(Permanent):
    """It won't pass for any item: a setting, a key or a right is wrong."""


class Defect(Permanent):
    """A fault of the worker itself: an exception that nobody meant to raise."""


class OutOfCredits(Permanent):
    """The endpoint answered 402: its account has no credit left."""


class BudgetReached(Permanent):
    """A bound of our own on spending was reached."""

    def __init__(self, message: str, *, scope: str = "", reopens: datetime | None = None) -> None:
        super().__init__(message)
        self.scope = scope
        """What the bound is for: "item", "run" or "day"."""
        self.reopens = reopens
        """When the bound opens again (UTC); None for a bound of this run or item."""


class EndpointDown(Permanent):
    """The model's endpoint failed too often in a row, and is left alone for a while."""

    def __init__(self, message: str, *, reopens: datetime, item: str = "") -> None:
        super().__init__(message)
        self.reopens = reopens
        """When it is tried again (UTC)."""
        self.item = item
        """The one work item for which it failed, where it was asked for no other: others may try it; empty: for all."""


class Unusable(WorkerError):
    """The model's answer doesn't fit. The message is a sentence that the model can act on."""

    def __init__(self, message: str, *, usage: "Usage | None" = None) -> None:
        super().__init__(message)
        self.usage = usage
        """What the answers cost, once no further one is asked for."""
