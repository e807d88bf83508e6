"""The ledger of a results dataset as it is at one head, or worked out anew from its rows."""

import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flows.adapters.discrepancies import untold
from flows.adapters.hub import Entry, Hub, Missing
from flows.adapters.ledger import DATA, STATE, WORKER, Ledger, Line, read_lines, read_worker
from flows.adapters.ledger_copy import LedgerCopy
from flows.adapters.ledger_rebuilding import Remains, same
from flows.adapters.numbering import highest_predecessor, predecessors_progress
from flows.adapters.parquet import UnreadableShard, read_columns
from flows.adapters.shards import Span, span
from stages.errors import Permanent

Shards = Mapping[Span, Entry]
News = list[tuple[Span, list[Line]]]

log = logging.getLogger(__name__)


class LedgerReading:
    """One head of one dataset, to be read."""

    def __init__(self, hub: Hub, dataset: str, head: str) -> None:
        self._hub = hub
        self._dataset = dataset
        self._head = head

    def into(self, copy: LedgerCopy, *, anew: bool = False) -> Ledger:
        """The ledger, its lines taken into the copy; shards of the state that the copy holds are not downloaded.

        A state that is missing or damaged, or any with `anew`, is worked out from the rows; only with `anew` are rows
        that are gone taken for lost. Raises Transient; Missing when the head is gone; Permanent for a dataset that
        another program or a newer worker wrote, and where nothing tells what rows that are gone have decided.
        """
        worker = self._worker()
        data, state = self._shards(DATA), self._shards(STATE)
        if not data and not worker:
            ledger, news = self._begun(state)
        else:
            ledger = worker and worker.model_copy(update={"rows": tuple(data), "state": tuple(state)})
            news = self._news(state, copy.shards()) if ledger and ledger.agrees() and not anew else None
        if ledger is None or news is None:
            if not anew:
                log.warning("The state of %s at %s is missing or damaged.", self._dataset, self._head)
            ledger, news = self._rebuilt(data, state, worker, copy, accept=anew)
        shards = {entry.path: entry.blob_id for entry in state.values()} if ledger.state else {}
        copy.take(self._head, ledger, shards, news)
        return ledger

    def _begun(self, state: Shards) -> tuple[Ledger | None, News | None]:
        """Of a dataset without rows: it goes on from what a predecessor left."""
        last = highest_predecessor(self._hub, self._dataset, self._head)
        progress = predecessors_progress(self._hub, self._dataset, self._head, last)
        return Ledger(epoch=_epoch(), first=last + 1, next=last + 1, progress=progress, litter=_paths(state)), []

    def _worker(self) -> Ledger | None:
        if not self._hub.entries(self._dataset, self._head, [WORKER]):
            return None
        return read_worker(self._read(WORKER), self._dataset)

    def _shards(self, pattern: str) -> Shards:
        folder, _, kind = pattern.partition("/{}")
        shards = {}
        for entry in self._list(folder):
            found = span(entry.path)
            if found and found.name(pattern) == entry.path:
                shards[found] = entry
            elif pattern == DATA and entry.path.endswith(kind):
                raise Permanent(
                    f"{self._dataset} holds {entry.path} (at {self._head}), which this worker did not write and "
                    "readers would load with its rows: move it out of data/, or choose another results dataset."
                )
        return dict(sorted(shards.items()))

    def _list(self, folder: str) -> list[Entry]:
        try:
            return list(self._hub.tree(self._dataset, self._head, folder))
        except Missing:  # no such folder yet; a dataset that is gone was noticed before
            return []

    def _news(self, state: Shards, held: Mapping[str, str]) -> News | None:
        """The lines of shards that are not held; None when one of them is damaged."""
        news = []
        for shard, entry in state.items():
            if held.get(entry.path) != entry.blob_id:
                lines = read_lines(self._read(entry.path), shard)
                if lines is None:
                    return None
                news.append((shard, lines))
        return news

    def _rebuilt(
        self, data: Shards, state: Shards, worker: Ledger | None, copy: LedgerCopy, accept: bool
    ) -> tuple[Ledger, News]:
        """From the rows, and from what is left of the state or of its copy here: which rows there were, what was seen.

        What was seen and is lost is read again from upstream.
        """
        log.warning("Working the state of %s out from its rows.", self._dataset)
        rows = {row["iteration"]: row for shard in data.values() for row in self._rows(shard.path)}
        old = [line for shard, entry in state.items() for line in read_lines(self._read(entry.path), shard) or ()]
        copied, remembered = _remembered(copy, rows)
        known = worker or copied
        remains = Remains(
            shards=tuple(data),
            rows=rows,
            told=remembered | _ids(old),
            worker=worker,
            copied=copied,
            begin=known.first if known else highest_predecessor(self._hub, self._dataset, self._head) + 1,
        )
        for lost in remains.untold():
            if not accept:
                raise Permanent(f"{self._dataset} at {self._head}: {untold(lost)}")
            log.warning("%s: the items of iterations %d to %d may be worked on again.", self._dataset, *lost)
        ledger = remains.ledger(_epoch(), _paths(state), accept=accept)
        seen = [line for line in old if line.id is None and ledger.first <= line.n < ledger.next]
        return ledger, [(Span(ledger.first, ledger.next - 1), [*remains.lines(accept=accept), *seen])]

    def _rows(self, path: str) -> Iterator[dict[str, Any]]:
        content = self._read(path)
        try:
            yield from read_columns(content, ["iteration", "id", "verdict.grade", "cumulative_progress"])
        except UnreadableShard as fault:
            raise Permanent(
                f"The state of {self._dataset} is missing or damaged, and so is {path} at {self._head}, from which it "
                f"would be worked out ({fault}): put the shard back from the dataset's history, or delete it."
            ) from fault

    def _read(self, path: str) -> bytes:
        return self._hub.read(self._dataset, self._head, path)


def _remembered(copy: LedgerCopy, rows: Mapping[int, Mapping[str, Any]]) -> tuple[Ledger | None, dict[int, str]]:
    """What the copy on this machine knows, where it is one of these rows: its counters, iteration → row id."""
    held = copy.head()
    told = _ids(copy.lines(held[1].first, held[1].next - 1)) if held else {}
    return (held[1], told) if held and same(told, rows) else (None, {})


def _ids(lines: Iterable[Line]) -> dict[int, str]:
    return {line.n: line.id for line in lines if line.id is not None}


def _paths(shards: Shards) -> tuple[str, ...]:
    return tuple(entry.path for entry in shards.values())


def _epoch() -> str:
    return secrets.token_hex(8)
