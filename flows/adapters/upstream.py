"""What the two sibling datasets hold that we have not read yet."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from flows.adapters.backlog import Backlog
from flows.adapters.catalog import WITHHELD_S, SeenFile
from flows.adapters.hub import Gated, Hub, Missing, Squashed
from flows.adapters.intake import Quarantined, Taken, take_in
from flows.adapters.item_names import prefix
from flows.adapters.lately import lately
from flows.adapters.looks import Look
from flows.adapters.news import News, find_news
from flows.adapters.reading import TABLES, is_table, records, refused
from flows.addresses import scrub
from flows.settings import Settings
from stages.errors import Permanent, WorkerError
from stages.records import Kind

DOWNLOADS = 1_000
"""Per look: within what the Hub allows an anonymous reader in five minutes, at a tick of two."""
AT_A_TIME = 8
NEXT_S, SILENT_S = 1.0, 600.0
"""The shortest wait for a file that was not given out: not in this look again; the longest where that may pass."""
UNSERVED = 2
"""Batches in a row of which no file is given out: nothing more is asked for in this look, lest it take for ever."""
BATCH = 32
"""Files in memory at a time."""
TOLD = 100
"""Of quarantined, passed-over and unused things, this many are told one by one; all are kept in the backlog."""


class Upstream:
    """The two datasets at a Hub, and the backlog that their records go into."""

    def __init__(self, hub: Hub, backlog: Backlog, settings: Settings) -> None:
        self._hub = hub
        self._backlog = backlog
        self._catalog = backlog.catalog
        self._names = dict(zip((Kind.ANALYSIS, Kind.PLANS), settings.datasets, strict=False))
        self._every = settings.listing_minutes * 60
        self._limit = int(settings.upstream_megabytes * 1e6)
        self._secrets = settings.secrets
        self._repository = scrub(settings.repository)  # it goes into rows
        self._taken: list[Taken] = []
        """What was stored since the last look that came to its end: told by the next one that does."""
        self._plan_files: list[str] = []
        """Of these, the paths of test plans."""
        self._notes: list[str] = []
        self._requests = self._downloads = self._unserved = 0
        self._closed: set[Kind] = set()
        """Whose files are not asked for in this look."""
        self._now = 0.0
        self._asked_for = ""
        """How the id of the item begins that this look is for; empty: for none."""

    def look(self, item: str | None = None, now: float | None = None) -> Look:
        """Read what is new into the backlog; ONE request per dataset when nothing is.

        `item`: read again what holds that item, where it is decided and its text is not kept. Raises Transient, and
        Permanent where the token is refused; what was read by then is kept. A dataset that is missing is a note.
        """
        self._now = time.time() if now is None else now
        self._notes, self._requests, self._downloads, self._unserved = [], 0, 0, 0
        self._asked_for = asked_for = prefix(item or "")
        news = {kind: self._find_news(kind) for kind in (Kind.PLANS, Kind.ANALYSIS)}
        if asked_for:
            self._catalog.read_again(asked_for)
        self._closed = {kind for kind in news if not news[kind].readable}
        self._closed |= {kind for kind in news if not asked_for and self._waits(kind)}
        for kind, most in ((Kind.PLANS, DOWNLOADS // 2), (Kind.ANALYSIS, DOWNLOADS), (Kind.PLANS, DOWNLOADS)):
            self._read(kind, most)
        self._read_earlier()
        if (asked_for or self._taken or any(n.changed for n in news.values())) and self._catalog.read_plans(asked_for):
            self._read(Kind.PLANS, DOWNLOADS)
        for kind in news:
            if news[kind].readable:
                self._catalog.sweep(kind)
        return replace(self._told(), gone=tuple(self._names[kind] for kind in news if news[kind].gone))

    def _find_news(self, kind: Kind) -> News:
        news = find_news(self._hub, self._catalog, kind, self._names[kind], self._every, self._now)
        self._requests += news.requests
        self._notes += news.notes
        return news

    def _read(self, kind: Kind, most: int) -> None:
        """Read files that are pending: the oldest findings, and the newest plans, since those hold."""
        most = 0 if kind in self._closed else min(most, DOWNLOADS - self._downloads)
        files = self._catalog.pending(kind, most, newest_first=kind is Kind.PLANS, now=self._now)
        if not files:
            return
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for batch in _batches(files):
                fetched = list(zip(batch, pool.map(self._fetch, batch), strict=True))
                self._downloads += len(batch)
                for file, data in fetched:
                    if not isinstance(data, WorkerError):
                        self._take(file, data)
                faults = [(file, data) for file, data in fetched if isinstance(data, WorkerError)]
                if len(faults) < len(fetched):
                    self._catalog.refused(kind, 0)
                    self._unserved = 0
                if faults and not self._goes_on(kind, faults, is_served=len(faults) < len(fetched)):
                    self._closed.add(kind)
                    return

    def _read_earlier(self) -> None:
        """Read findings in the versions that they had before their files were written over or deleted unread.

        One that cannot be had waits for an hour, and holds up nothing else; one whose revision is gone by then is told.
        """
        most = 0 if Kind.ANALYSIS in self._closed else max(0, DOWNLOADS - self._downloads)
        for file in self._catalog.earlier(most, self._now):
            data = self._fetch(file)
            self._downloads += 1
            if isinstance(data, WorkerError):
                since = self._catalog.withheld_since(file)
                if since is None or not isinstance(data, Missing) or isinstance(data, Gated):
                    self._catalog.withhold(file, since or self._now, self._now + WITHHELD_S)
                    return
                data = _not_given_out(file, data)
            self._take(file, data)
            self._catalog.drop_earlier(file)

    def _fetch(self, file: SeenFile) -> bytes | Quarantined | WorkerError:
        most = self._limit * (TABLES if is_table(file.path) else 1)
        try:
            return refused(file, most) or self._hub.read(self._names[file.kind], file.revision, file.path, most)
        except WorkerError as error:
            return error

    def _take(self, file: SeenFile, data: bytes | Quarantined) -> None:
        name = self._names[file.kind]
        terms = (name, self._limit, self._repository, self._secrets)
        contents = [data] if isinstance(data, Quarantined) else records(file, data, *terms)
        taken = take_in(self._backlog.db, file, contents, remember=not is_table(file.path), asked_for=self._asked_for)
        self._taken.append(taken)
        self._plan_files += [file.path] * (file.kind is Kind.PLANS)

    def _goes_on(self, kind: Kind, faults: list[tuple[SeenFile, WorkerError]], is_served: bool) -> bool:
        """Whether other files may still be read; `is_served`: some were. Raises what concerns more than these files."""
        at = self._catalog.dataset(kind, self._names[kind])
        revisions = {file.revision for file, fault in faults if isinstance(fault, Squashed)}
        if revisions - {at.head}:
            self._catalog.stand(kind, replace(at, head="", listed=""))
            gone = f"Revision {min(revisions)[:12]} of {at.name} is gone: its history was squashed."
            self._notes.append(f"{gone} The next look lists the dataset anew.")
            return False
        refused = [fault for _, fault in faults if isinstance(fault, Permanent)]
        if refused and (hidden := self._hidden(kind, any(isinstance(fault, Gated) for fault in refused))):
            self._notes.append(hidden)
            return False
        is_new = not self._catalog.withholds()
        for file, fault in faults:
            self._withhold(file, fault)
        if not (is_served or refused) and (is_new or self._asked_for):
            raise faults[0][1]
        named = faults[0][0].path + f" and {len(faults) - 1:,} other files" * (len(faults) > 1)
        self._notes.append(f"{at.name} does not give out {named} just now: asked for again by a later look.")
        self._unserved += not is_served
        if self._unserved == UNSERVED:
            self._closed = set(Kind)
        return self._unserved < UNSERVED

    def _withhold(self, file: SeenFile, fault: WorkerError) -> None:
        """Have a version asked for again: by the next look, then after twice as long each time.

        Up to ten minutes, or an hour where it is refused; one that is refused for an hour is told.
        """
        known = self._catalog.withheld_since(file)
        waited = max(0.0, self._now - (self._now if known is None else known))
        most = WITHHELD_S if isinstance(fault, Permanent) else SILENT_S
        self._catalog.withhold(file, self._now - waited, self._now + min(max(NEXT_S, waited), most))
        if isinstance(fault, Permanent) and waited >= WITHHELD_S:
            self._taken.append(Taken(quarantined=[_not_given_out(file, fault)]))

    def _hidden(self, kind: Kind, is_gated: bool) -> str:
        """A sentence where the whole dataset is not given out. Raises Permanent where the token is refused."""
        name = self._names[kind]
        if is_gated:
            self._catalog.refused(kind, self._now)
            return self._gated(name)
        try:
            self._requests += 1
            self._hub.info(name)
        except Missing as missing:
            return f"{name} cannot be read any more: {missing}"
        return ""

    def _gated(self, name: str) -> str:
        pace = f"It is tried again every {self._every / 60:g} minutes (AUTOCODER_LISTING_MINUTES)."
        return f"{name} is gated, and this token may not read its files: ask for access on its page. {pace}"

    def _waits(self, kind: Kind) -> bool:
        """Whether files are to be read of a dataset that was found gated less than a listing's pace ago; it is said."""
        at = self._catalog.dataset(kind, self._names[kind])
        waits = lately(at.refused_at, self._now, self._every) and self._catalog.count_pending(kind) > 0
        self._notes += [self._gated(at.name)] * waits
        return waits

    def _told(self) -> Look:
        unused, unused_total = self._backlog.unused_plans(self._plan_files, TOLD) if self._plan_files else ([], 0)
        taken, self._taken, self._plan_files = self._taken, [], []
        passed_over = [passed for part in taken for passed in part.passed_over]
        quarantined = [one for part in taken for one in part.quarantined]
        pending = {name: self._catalog.count_pending(kind) for kind, name in self._names.items()}
        waits = (f"{count:,} files of {name} are still to be read." for name, count in pending.items() if count)
        return Look(
            new=tuple(id_ for part in taken for id_ in part.new),
            passed_over=tuple(passed_over[:TOLD]),
            passed_over_total=len(passed_over),
            unused=tuple(unused),
            unused_total=unused_total,
            quarantined=tuple(quarantined[:TOLD]),
            quarantined_total=len(quarantined),
            notes=(*self._notes, *waits),
            requests=self._requests,
            downloads=self._downloads,
        )


def _not_given_out(file: SeenFile, fault: WorkerError) -> Quarantined:
    return Quarantined(file.kind, file.path, file.blob, f"the Hub does not give it out: {fault}")


def _batches(files: list[SeenFile]) -> Iterator[list[SeenFile]]:
    """Records by the handful, but the first alone, and then few: they tell whether we are served. A table alone."""
    small = [file for file in files if not is_table(file.path)]
    yield from (batch for batch in (small[:1], small[1 : 1 + AT_A_TIME]) if batch)
    yield from (small[start : start + BATCH] for start in range(1 + AT_A_TIME, len(small), BATCH))
    yield from ([file] for file in files if is_table(file.path))
