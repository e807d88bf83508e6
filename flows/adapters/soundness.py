"""Whether a results dataset is sound at one head: all of it, held against what its state says."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from flows.adapters import discrepancies, parquet
from flows.adapters.checked import Checked, held
from flows.adapters.discrepancies import PUT_BACK, REBUILD
from flows.adapters.hub import Entry, Hub
from flows.adapters.ledger import DATA, STATE, WORKER, Ledger, read_lines, read_worker
from flows.adapters.ledger_rebuilding import together
from flows.adapters.numbering import highest
from flows.adapters.parquet import UnreadableShard
from flows.adapters.shards import Span, span


def shards(files: Mapping[str, Entry], pattern: str) -> list[Span]:
    """Those of the files whose names are of this pattern, in order."""
    found = ((path, span(path)) for path in files)
    return sorted(shard for path, shard in found if shard and shard.name(pattern) == path)


class Soundness:
    """One head. What is read is noted here as far as the faults to come need it."""

    def __init__(self, hub: Hub, dataset: str, head: str, files: Mapping[str, Entry], checked: Checked) -> None:
        self._checked = checked
        self._hub, self._dataset, self._head, self._files = hub, dataset, head, files
        self._rows, self._state = shards(files, DATA), shards(files, STATE)
        self._ids: dict[int, str] = {}
        self._grades: Counter[str] = Counter()
        self._newest: dict[str, Any] = {}
        self.notes: tuple[str, ...] = ()
        """Filled by `faults`."""

    def faults(self) -> tuple[str, ...]:
        """Every fault as a sentence, those of the rows first."""
        worker = read_worker(self._read(WORKER), self._dataset) if WORKER in self._files else None
        misnamed = tuple(self._misnamed())
        if not self._rows and worker is None:
            return misnamed
        found = [*misnamed, *discrepancies.overlaps(self._rows), *chain.from_iterable(map(self._shard, self._rows))]
        found += discrepancies.doubles(self._ids)
        told, unreadable = self._told()
        found += [*unreadable, *self._gaps(worker, told)]
        ledger = worker and worker.model_copy(update={"rows": tuple(self._rows), "state": tuple(self._state)})
        if ledger is None or not ledger.agrees():
            found.append(f"{WORKER} is missing, damaged, or does not fit the shards: {REBUILD}.")
        elif not unreadable:
            found += discrepancies.disagreements(self._ids, told)
            found += [] if found else self._counts(ledger)  # they follow from whatever else is wrong
        return (*found, *self._beside())

    def _misnamed(self) -> Iterator[str]:
        ours = {shard.name(DATA) for shard in self._rows}
        for path in self._files:
            if path.startswith("data/") and path.endswith(".parquet") and path not in ours:
                yield f"{path} has no name of the worker's, and readers load it with the rows: move it out of data/."

    def _shard(self, shard: Span) -> Iterator[str]:
        path = shard.name(DATA)
        blob_id = self._files[path].blob_id
        known = self._checked.get(blob_id)
        if known is None:
            try:
                known = held(self._read(path))
            except UnreadableShard as fault:
                yield f"{path} cannot be read ({fault}): {PUT_BACK}, or delete it; its rows are lost then."
                return
            self._checked.put(blob_id, known)
        yield from discrepancies.misplaced(shard, [iteration for iteration, _ in known.rows])
        self._ids |= dict(known.rows)
        self._grades.update(known.grades)
        if known.newest and shard == self._rows[-1]:
            self._newest = known.newest

    def _told(self) -> tuple[dict[int, str], list[str]]:
        """Iteration → row id as the state says; sentences on its shards that cannot be read."""
        told: dict[int, str] = {}
        unreadable = []
        for shard in self._state:
            lines = read_lines(self._read(shard.name(STATE)), shard)
            if lines is None:
                unreadable.append(f"{shard.name(STATE)} cannot be read: {REBUILD}.")
            told |= {line.n: line.id for line in lines or () if line.id is not None}
        return told, unreadable

    def _gaps(self, ledger: Ledger | None, told: Mapping[int, str]) -> Iterator[str]:
        removed = range(ledger.first, ledger.oldest) if ledger else ()
        yield from map(discrepancies.untold, together(n for n in removed if n not in told))
        self.notes += tuple(map(discrepancies.lost, together(n for n in removed if told.get(n) == "")))
        for gone in discrepancies.missing(self._rows, *self._ends(ledger, told)):
            known = {told.get(n) for n in range(gone.first, gone.last + 1)}
            if known == {""}:
                self.notes += (discrepancies.lost(gone),)
            else:
                yield discrepancies.untold(gone) if known == {None} else discrepancies.gap(gone)

    def _ends(self, ledger: Ledger | None, told: Mapping[int, str]) -> tuple[int, int]:
        """The first iteration that should be there, and the one behind the last."""
        if ledger:
            return ledger.oldest or ledger.first, ledger.next
        begin = highest(self._files) + 1
        while begin in told:  # without counters, what the state tells of before the rows counts as removed
            begin += 1
        return min(begin, self._rows[0].first), max([self._rows[-1].last, *told]) + 1

    def _counts(self, ledger: Ledger) -> Iterator[str]:
        progress = ledger.progress.model_dump()
        if self._grades != Counter(ledger.verdicts) or self._newest.get("cumulative_progress", progress) != progress:
            yield f"The counts in {WORKER} are not those of the rows: {REBUILD}."

    def _beside(self) -> Iterator[str]:
        """Of what lies beside the rows."""
        try:
            latest = json.loads(self._read("latest.json"))["id"] if "latest.json" in self._files else None
        except (ValueError, KeyError, TypeError):
            latest = None
        if self._newest and latest != self._newest["id"]:
            yield f"latest.json is not the newest row: {REBUILD}, and this file."
        card = self._read("README.md").decode(errors="replace") if "README.md" in self._files else ""
        if self._rows and not _describes(card):
            yield f"README.md does not name the columns that the rows have, so readers fail: {REBUILD}, and this file."

    def _read(self, path: str) -> bytes:
        return self._hub.read(self._dataset, self._head, path)


def _describes(card: str) -> bool:
    """Whether the card makes `datasets` expect what the shards hold."""
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCard

    try:
        told = DatasetInfosDict.from_dataset_card_data(DatasetCard(card).data)
        features = told["default"].features
    except Exception:  # whatever it cannot make sense of, a reader cannot either
        return False
    return features is not None and bool(features.arrow_schema.remove_metadata().equals(parquet.schema()))
