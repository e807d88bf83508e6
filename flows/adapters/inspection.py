"""The condition of the results dataset at its head. Nothing is written."""

from collections.abc import Mapping
from pathlib import Path

from flows.adapters.checked import Checked
from flows.adapters.hub import Entry, Hub, Missing
from flows.adapters.ledger import DATA
from flows.adapters.soundness import Soundness, shards
from stages.condition import Condition

LOOKS = 3
"""How often the head may be squashed away while it is read."""


def measure(hub: Hub, dataset: str) -> Condition:
    """How much there is at the head, by its listing alone: a request per 1,000 files and two more.

    Raises Transient, Permanent.
    """
    try:
        head = hub.head(dataset)
    except Missing:
        return Condition(dataset=dataset)
    return _measured(hub, dataset, head, {entry.path: entry for entry in hub.tree(dataset, head)})


def inspect(hub: Hub, dataset: str, checked: Path | None = None) -> Condition:
    """The same with all faults: every shard at the head is downloaded and read, one at a time.

    checked: a folder that remembers shards that were sound; their bytes are not downloaded again.

    Raises Transient; Permanent where a newer worker wrote the dataset.
    """
    for looks_left in reversed(range(LOOKS)):
        try:
            head = hub.head(dataset)
        except Missing:
            break
        try:
            files = {entry.path: entry for entry in hub.tree(dataset, head)}
            looked = Soundness(hub, dataset, head, files, Checked(checked))
            found = {"faults": looked.faults(), "notes": looked.notes}
            return _measured(hub, dataset, head, files).model_copy(update=found)
        except Missing:
            if not looks_left:
                raise
    return Condition(dataset=dataset)


def _measured(hub: Hub, dataset: str, head: str, files: Mapping[str, Entry]) -> Condition:
    rows = shards(files, DATA)
    return Condition(
        dataset=dataset,
        head=head,
        files=len(files),
        size=sum(entry.size for entry in files.values()),
        storage=hub.storage(dataset),
        rows=sum(shard.size for shard in rows),
        oldest=rows[0].first if rows else 0,
        newest=rows[-1].last if rows else 0,
    )
