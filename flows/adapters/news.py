"""What changed in one upstream dataset: one request when nothing did, two when we can guess, a full listing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flows.adapters.catalog import Catalog, Dataset, number
from flows.adapters.hub import Entry, Hub, Missing
from flows.adapters.lately import lately
from flows.adapters.reading import is_record_file
from stages.records import Kind

NAMES = {Kind.ANALYSIS: "iteration_{}.json", Kind.PLANS: "test_plan_iteration_{}.json"}
LOWEST = 20
"""A sibling that restarts writes over its files from 1 on: these are always looked at."""
AHEAD = 40
"""Numbers looked at behind the highest one, and behind the last one that was written over."""
TITLES = {Kind.ANALYSIS: "analysis", Kind.PLANS: "test-plan"}
PAGE = 1_000
"""Files per request of a listing."""


@dataclass(frozen=True)
class News:
    """What one look at a dataset found out; what is to be read stands in the catalogue."""

    notes: tuple[str, ...] = ()
    """Sentences for people."""
    requests: int = 1
    changed: bool = False
    readable: bool = True
    """False where the dataset is missing or hidden."""
    gone: bool = False
    """Whether it was there before."""


def find_news(hub: Hub, catalog: Catalog, kind: Kind, name: str, every: float, now: float) -> News:
    """Note in the catalogue what is new since the last look. `every`: seconds between full listings of a live dataset.

    Raises Transient, and Permanent where the token is refused.
    """
    was = catalog.dataset(kind, name)
    try:
        info = hub.info(name)  # the name of today comes with the head, at no further request
        news = _since(hub, catalog, kind, was, info.sha, every, now)
    except Missing as missing:
        note = f"The {TITLES[kind]} dataset {name} cannot be read: {missing}"
        return News((note,), readable=False, gone=bool(was.head))
    return replace(news, notes=news.notes + _renamed(kind, name, info.id))


def _since(hub: Hub, catalog: Catalog, kind: Kind, was: Dataset, head: str, every: float, now: float) -> News:
    is_due = head != was.listed and not lately(was.listed_at, now, every)
    if head == was.head and not is_due:
        return News(_emptiness(catalog, kind, was.name))
    if was.listed and not is_due and not catalog.holds_tables(kind):
        quick = _quick(hub, catalog, kind, replace(was, head=head), now)
        if quick:
            return quick
    return _listing(hub, catalog, kind, was, head, now)


def _emptiness(catalog: Catalog, kind: Kind, name: str) -> tuple[str, ...]:
    return (f"The {TITLES[kind]} dataset {name} holds no records yet.",) if catalog.is_empty(kind) else ()


def _quick(hub: Hub, catalog: Catalog, kind: Kind, at: Dataset, now: float) -> News | None:
    """What is new among the names that can be expected; None where that may not be all."""
    highest = catalog.highest(kind)
    starts = {0: LOWEST, at.cursor: AHEAD, highest: AHEAD}
    guessed = {start + n for start, length in starts.items() for n in range(1, length + 1)}
    edges = {start + length for start, length in starts.items()}
    found = hub.entries(at.name, at.head, [NAMES[kind].format(n) for n in sorted(guessed)])
    changed = _changed(found, catalog.blobs(kind, [entry.path for entry in found]))
    numbers = {n for entry in changed if (n := number(kind, entry.path)) is not None}
    if not numbers or numbers & edges:
        return None
    catalog.mark(kind, changed, at.head, now)
    cursor = max((n for n in numbers if n <= highest), default=at.cursor)
    came_back = catalog.stand(kind, replace(at, cursor=cursor))
    return News(_came_back(at) if came_back else (), requests=2, changed=True)


def _listing(hub: Hub, catalog: Catalog, kind: Kind, was: Dataset, head: str, now: float) -> News:
    """Everything that is new, and everything that is gone."""
    listed = list(hub.tree(was.name, head))
    records = [entry for entry in listed if is_record_file(entry.path)]
    changed = _changed(records, catalog.blobs(kind))
    highest = catalog.highest(kind)
    overwritten = (n for entry in changed if (n := number(kind, entry.path)) is not None and n <= highest)
    at = replace(was, head=head, listed=head, listed_at=now, cursor=max(overwritten, default=was.cursor))
    catalog.mark(kind, changed, head, now)
    catalog.listed(kind, {entry.path for entry in records}, head)
    notes = _came_back(at) if catalog.stand(kind, at) else _rewritten(hub, was, head)
    requests = 2 + len(listed) // PAGE + bool(was.listed)
    return News(notes + _emptiness(catalog, kind, was.name), requests, changed=True)


def _changed(found: Iterable[Entry], known: dict[str, str]) -> list[Entry]:
    """Those that are new or have another blob than before, in natural order of names."""
    changed = (entry for entry in found if known.get(entry.path) != entry.blob_id)
    return sorted(changed, key=lambda entry: [_natural(part) for part in re.split(r"(\d+)", entry.path)])


def _natural(part: str) -> tuple[int, str]:
    return (len(part.lstrip("0")), part.lstrip("0")) if part.isdigit() else (0, part)


def _came_back(at: Dataset) -> tuple[str, ...]:
    back = f"{at.name} went back to its earlier commit {at.head[:12]}"
    return (f"{back}: what that commit holds is believed, and findings of later ones stay.",)


def _rewritten(hub: Hub, was: Dataset, head: str) -> tuple[str, ...]:
    """A note where the revision that was listed before is gone."""
    if not was.listed or was.listed == head:
        return ()
    try:
        hub.entries(was.name, was.listed, ["README.md"])
    except Missing:
        gone = f"The history of {was.name} was squashed: revision {was.listed[:12]} is gone."
        return (f"{gone} Went on at {head[:12]}; items taken up before keep what they hold.",)
    return ()


def _renamed(kind: Kind, name: str, id_: str) -> tuple[str, ...]:
    if id_.lower() == name.lower():
        return ()
    setting = "ANALYSIS" if kind is Kind.ANALYSIS else "TEST_PLAN"
    return (f"{name} is called {id_} now: set AUTOCODER_{setting}_DATASET to that name.",)
