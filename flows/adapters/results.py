"""The results dataset: append outcomes, each exactly once, and tell what was decided."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.adapters.commits import Batch, Commit, Read, compose
from flows.adapters.hub import Conflict, Hub, Missing
from flows.adapters.ledger import Ledger, Seen, Spent
from flows.adapters.ledger_copy import LedgerCopy
from flows.adapters.ledger_reading import LedgerReading
from flows.adapters.tries import LOOKS, Tries
from stages.columns import Progress
from stages.errors import Permanent
from stages.outcome import Outcome
from stages.rows import row

Revision = Callable[[Ledger, LedgerCopy, Read], Commit | None]
"""Makes a commit of the ledger as it is, or None where nothing is to be changed."""
MERGING_TRIES = 4
"""After so many tries the commit does without merges: a smaller one wins the race sooner, and merging can wait."""


@dataclass(frozen=True)
class Receipt:
    """Where the rows of one `append` are."""

    commit: str
    """Full sha of a commit that has them all."""
    url: str
    """Of that commit, for people."""
    first: int
    last: int
    """Lowest and highest iteration of the rows."""
    rows: int
    """How many of them are new; the rest were there before. With none new, `seen` and `spent` were not written."""


@dataclass(frozen=True)
class State:
    """What the results dataset says at its head; nothing at all where there is none."""

    head: str
    """Empty where there is no dataset, or none that we may see."""
    mark: str
    upto: int
    """Hand `mark` and `upto` to the next `state` to be told only what is new since."""
    is_whole: bool
    """All is told: nothing was known before, or what was known is not what this goes on from."""
    rows: int
    verdicts: dict[str, int]
    progress: Progress
    spent: Spent
    decided: tuple[str, ...]
    """Ids of rows decided since."""
    seen: tuple[Seen, ...]
    """What was handed in as seen since."""


class Results:
    """One results dataset. `home`: folder for a copy of its ledger, which otherwise lives as long as this object."""

    def __init__(
        self,
        hub: Hub,
        dataset: str,
        private: bool = False,
        home: Path | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hub = hub
        self.dataset = dataset
        self._private = private
        self._copy = LedgerCopy(home and home / "ledger" / f"{dataset.replace('/', '--')}.db")
        self._tries = Tries(self._copy.alone, self._copy.distrust, sleep)

    def append(self, outcomes: Sequence[Outcome], seen: Iterable[Seen] = (), spent: Spent | None = None) -> Receipt:
        """Commit a row for each outcome that has none yet: one commit, on top of the head that was read.

        A lost answer, a competitor, a fault that may pass: the head is read again, and what is there by then is not
        written twice. Raises Transient when no try went through, Permanent when none can.
        """
        rows = {o.item.key: row(o) for o in outcomes}
        if not rows:
            raise ValueError("there is no outcome to append")
        batch = Batch(tuple(rows.values()), tuple(seen), spent or {})
        looks: list[int] = []
        return self._tries.at(
            lambda number: self._append(batch, looks, merge=number < MERGING_TRIES),
            f"{len(rows)} rows could not be committed to {self._hub.url(self.dataset)}",
        )

    def revise(self, revision: Revision, *, anew: bool = False, make: bool = False) -> Ledger:
        """The ledger after a change that adds no row, committed as carefully as `append` does.

        `anew`: what the revision is given was worked out from the rows. `make`: the dataset, where there is none.

        Raises Transient, Permanent; Missing where there is no dataset.
        """

        def once(number: int) -> Ledger:
            head = self._head() if make else self._copy.newer(self._hub.head(self.dataset))
            if anew:
                ledger = LedgerReading(self._hub, self.dataset, head).into(self._copy, anew=True)
            else:
                ledger = self._ledger(head)
            commit = revision(ledger, self._copy, self._reader(head))
            if commit is None:
                return ledger
            self._commit(commit, head)
            return commit.ledger

        return self._tries.at(once, f"{self._hub.url(self.dataset)} could not be changed")

    def squash(self) -> None:
        """One commit stands in place of the dataset's history. Raises Transient, Permanent."""
        url = self._hub.url(self.dataset)
        message = "History squashed: the rows are all there, their earlier commits are not"
        self._tries.at(lambda number: self._hub.squash(self.dataset, message), f"{url} could not be squashed")
        self._copy.distrust()

    def state(self, since: int = 0, mark: str = "") -> State:
        """What was decided and seen since an earlier state, all of it by default. ONE request while the head stays.

        All of it also where that state is none that this one goes on from: begun anew, or set back to before it.

        Raises Transient, Permanent.
        """
        with self._copy.alone():
            read = self._read_head()
            if read is None:
                return State("", "", 0, True, 0, {}, Progress(), {}, (), ())
            head, ledger = read
            epoch, _, last = mark.partition(":")
            goes_on = epoch == ledger.epoch and last == self._copy.row(since - 1)
            lines = self._copy.lines(since if goes_on else 0, ledger.next - 1)
            newest = self._copy.row(ledger.next - 1)
        return State(
            head=head,
            mark=f"{ledger.epoch}:{newest}",
            upto=ledger.next,
            is_whole=not goes_on,
            rows=sum(ledger.verdicts.values()),
            verdicts=ledger.verdicts,
            progress=ledger.progress,
            spent=ledger.spent,
            decided=tuple(line.id for line in lines if line.id),
            seen=tuple(json.loads(line.seen) for line in lines if line.seen),
        )

    def make(self) -> None:
        """The dataset is there, made where the Hub has none. Raises Permanent where it is only hidden from us."""
        try:
            self._head()
        except Conflict as conflict:
            raise Permanent(
                f"{self._hub.url(self.dataset)} exists and is not shown to us: it is private, or being made. "
                "Give HF_TOKEN a token that may read and write it."
            ) from conflict

    def close(self) -> None:
        """Give back the copy's file."""
        self._copy.close()

    def _append(self, batch: Batch, looks: list[int], merge: bool) -> Receipt:
        """One try. `looks`: how many of the rows were there at each look; at a later one they may be our own."""
        head = self._head()
        ledger = self._ledger(head)
        there = self._copy.iterations((row["id"] for row in batch.rows), ledger)
        looks.append(len(there))
        fresh = batch.without(there)
        if fresh.rows:
            commit = compose(self.dataset, fresh, ledger, self._copy, self._reader(head), merge)
            head = self._commit(commit, head)
            there |= {row["id"]: n for n, row in enumerate(fresh.rows, commit.span.first)}
        url = self._hub.url(self.dataset, head)
        return Receipt(head, url, min(there.values()), max(there.values()), len(batch.rows) - looks[0])

    def _commit(self, commit: Commit, parent: str) -> str:
        """Sha of the commit, which the copy knows from now on."""
        oid = self._hub.commit(self.dataset, commit.operations, parent, commit.message)
        self._copy.take(oid, commit.ledger, commit.shards, [(commit.span, commit.lines)], parent=parent)
        return oid

    def _reader(self, head: str) -> Read:
        return lambda path: self._hub.read(self.dataset, head, path)

    def _read_head(self) -> tuple[str, Ledger] | None:
        """Head and ledger; None without a dataset. A head that is gone before it is read was squashed: look again."""
        for looks_left in reversed(range(LOOKS + 1)):
            try:
                head = self._copy.newer(self._hub.head(self.dataset))
            except Missing:
                return None
            try:
                return head, self._ledger(head)
            except Missing:
                self._copy.distrust()
                if not looks_left:
                    raise
        return None

    def _head(self) -> str:
        try:
            head = self._hub.head(self.dataset)
        except Missing:
            self._hub.create(self.dataset, self._private)
            head = self._hub.head(self.dataset)
        return self._copy.newer(head)

    def _ledger(self, head: str) -> Ledger:
        known = self._copy.head()
        return known[1] if known and known[0] == head else LedgerReading(self._hub, self.dataset, head).into(self._copy)
