"""Where numbers and counts of a results dataset start: behind what a predecessor left at its root, one file a row."""

import json
import re
from collections.abc import Iterable

from flows.adapters.hub import Hub
from stages.columns import Progress
from stages.errors import Permanent

NAMES = ("iteration_{}.json", "implementation_iteration_{}.json")
_NUMBERED = re.compile(r"(?:implementation_)?iteration_(\d{1,12})\.json")
RECORD_BYTES = 10_000_000
COUNT = 10**12
"""A higher count is none."""


def highest_predecessor(hub: Hub, dataset: str, revision: str) -> int:
    """The highest iteration among the predecessor's files at the root, 0 without any.

    One request per 1,000 files, asked while the dataset has no state of ours: once in its life. Raises Transient.
    """
    return highest(entry.path for entry in hub.tree(dataset, revision))


def highest(paths: Iterable[str]) -> int:
    """The same, of these paths."""
    found = map(_NUMBERED.fullmatch, paths)
    return max((int(match[1]) for match in found if match), default=0)


def predecessors_progress(hub: Hub, dataset: str, revision: str, iteration: int) -> Progress:
    """The counts in the predecessor's file of that iteration; zeros where it tells none that make sense.

    One request and one download. Raises Transient.
    """
    for entry in hub.entries(dataset, revision, [name.format(iteration) for name in NAMES]) if iteration else []:
        try:
            told = json.loads(hub.read(dataset, revision, entry.path, RECORD_BYTES))["cumulative_progress"]
            progress = Progress.model_validate({name: told.get(name, 0) for name in Progress.model_fields}, strict=True)
        except (Permanent, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # nothing that we wrote: a count is not worth an error
        if all(0 <= count <= COUNT for _, count in progress):
            return progress
    return Progress()
