"""What one look at the two sibling datasets found."""

from dataclasses import dataclass

from flows.adapters.intake import Quarantined
from stages.records import PassedOver


@dataclass(frozen=True)
class Look:
    """What one look found."""

    new: tuple[str, ...] = ()
    """Ids of work items that were not known."""
    passed_over: tuple[PassedOver, ...] = ()
    passed_over_total: int = 0
    unused: tuple[PassedOver, ...] = ()
    """Plans that no item takes as things stand."""
    unused_total: int = 0
    quarantined: tuple[Quarantined, ...] = ()
    quarantined_total: int = 0
    notes: tuple[str, ...] = ()
    """Sentences for people: a dataset that is missing, renamed, squashed, still being read."""
    gone: tuple[str, ...] = ()
    """Ids of datasets that were there before and are missing or hidden now."""
    requests: int = 0
    downloads: int = 0
