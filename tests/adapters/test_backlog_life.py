"""Whatever happens to items in whatever order: none is forgotten or decided twice, none changes under our hands."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flows.adapters.backlog import Backlog
from stages.models import WorkItem
from tests.adapters.upstream_records import finding, tell_findings

RETRY_MINUTES = 60
TITLES = st.sampled_from("abc")


class Life(RuleBasedStateMachine):
    """Items are told, taken up, come back, break off, are spared, decided by anyone, asked for by name; runs die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.backlog = Backlog(self.folder)
        self.now = 1e6
        self.files = 0
        self.titles: dict[str, str] = {}
        self.attempt: dict[str, int] = {}
        self.waits: dict[str, bool] = {}
        self.rests: dict[str, float] = {}
        self.tries: dict[str, int] = {}
        self.in_hand: dict[str, WorkItem] = {}
        """Id → the item as it was first taken up."""
        self.decided: set[str] = set()
        self.begun: Counter[str] = Counter()
        """Id → runs that took it up since one came to its end with it."""
        self.left: dict[str, tuple[int, int]] = {}
        """Id → how much had gone through when it last broke off, and how often since its last try it was spared."""
        self.went_through = 0

    def teardown(self) -> None:
        self.backlog.close()
        shutil.rmtree(self.folder)

    @rule(title=TITLES)
    def is_told(self, title: str) -> None:
        self.files += 1
        path = f"iteration_{self.files}.json"
        for new in tell_findings(self.backlog, finding(title), path=path, now=self.now):
            self.titles[new] = title
            self.attempt[new], self.waits[new], self.rests[new], self.tries[new] = 1, True, 0.0, 0

    @rule(limit=st.integers(1, 3))
    def are_taken_up(self, limit: int) -> None:
        taken = self.backlog.next(limit, self.now)
        free = {id_ for id_, waits in self.waits.items() if waits and self.rests[id_] <= self.now}
        assert {item.id for item in taken} <= free
        assert len({self.begun[item.id] for item in taken}) == bool(free)
        if free:
            begun = self.begun[taken[0].id]
            assert len(taken) == min(max(1, limit >> begun), sum(self.begun[id_] == begun for id_ in free))
        self._keep(taken)
        self.backlog.pauses.begin(taken, self.now, RETRY_MINUTES)
        for item in taken:
            self.begun[item.id] += 1
            if self.begun[item.id] > 1:
                self.rests[item.id] = self.now + min(600 * 2 ** (self.begun[item.id] - 2), 3600)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), went_through=st.booleans())
    def come_back(self, data: st.DataObject, went_through: bool) -> None:
        items = data.draw(st.lists(st.sampled_from([*self.in_hand.values()]), unique_by=lambda item: item.id))
        self.backlog.pauses.came_back(items, went_through)
        self.went_through += went_through
        for item in items:
            if self.begun.pop(item.id, 0):
                self.rests[item.id] = 0.0

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def is_asked_for_by_name(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.waits)))
        if not self.waits[id_]:
            self.attempt[id_], self.waits[id_] = self.attempt[id_] + 1, True
            self._forget(id_)
        tell_findings(self.backlog, finding(self.titles[id_]), path="iteration_1.json", now=self.now, asked_for=id_)
        self._keep(self.backlog.next(1, self.now, id_))

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data(), minutes=st.integers(0, 60))
    def breaks_off(self, data: st.DataObject, minutes: int) -> None:
        item = data.draw(st.sampled_from([*self.in_hand.values()]))
        self.tries[item.id] += 1
        assert self.backlog.pauses.broke_off(item, "a reason", self.now, minutes) == self.tries[item.id]
        self.rests[item.id] = self.now + minutes * 60 * 2 ** (self.tries[item.id] - 1)
        self.left[item.id] = (self.went_through, 0)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def is_spared(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from([*self.in_hand.values()]))
        after, spared = self.left.get(item.id, (self.went_through, 0))
        may_be = after == self.went_through
        assert self.backlog.pauses.spare(item, "a reason", self.now, RETRY_MINUTES) is may_be
        if may_be:
            self.left[item.id] = (self.went_through, spared + 1)
            self.rests[item.id] = self.now + min(600 * 2**spared, 3600)

    @precondition(lambda self: self.waits)
    @rule(data=st.data(), ahead=st.integers(-1, 1))
    def is_decided(self, data: st.DataObject, ahead: int) -> None:
        """By this run or, `ahead` or late, by another machine."""
        id_ = data.draw(st.sampled_from(sorted(self.waits)))
        attempt = max(1, self.attempt[id_] + ahead)
        self.backlog.known.decided([f"{id_}-{attempt}"])
        self.decided.add(f"{id_}-{attempt}")
        if attempt >= self.attempt[id_]:
            self.attempt[id_], self.waits[id_] = attempt, False
            self._forget(id_)
            self.in_hand.pop(id_, None)

    @rule(seconds=st.integers(0, 4000))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def the_process_dies(self) -> None:
        self.backlog.close()
        self.backlog = Backlog(self.folder)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        waiting = self.backlog.waiting(self.now)
        assert waiting.items == sum(self.waits.values())
        assert {c.id for c in waiting.cooling} == {i for i, w in self.waits.items() if w and self.rests[i] > self.now}
        assert all(waits or f"{id_}-{self.attempt[id_]}" in self.decided for id_, waits in self.waits.items())

    def _forget(self, id_: str) -> None:
        self.tries[id_], self.rests[id_] = 0, 0.0
        self.begun.pop(id_, None)
        self.left.pop(id_, None)

    def _keep(self, taken: list[WorkItem]) -> None:
        for item in taken:
            assert item.attempt == self.attempt[item.id]
            assert item.key not in self.decided
            assert item == self.in_hand.setdefault(item.id, item), "as it was when it was first taken up"


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
