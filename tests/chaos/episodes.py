"""Runs are killed, alone and side by side, while siblings write; and what all of it came to."""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.chaos.moments import Moment, Signs, deck
from tests.chaos.once import Run
from tests.chaos.verdict import rows
from tests.chaos.world import World

SHORTEST_S = 45.0
"""The least patience: after so long a run is killed wherever it is."""
LOOK_S = 0.01
WAITING = 4
"""Items that the siblings keep waiting."""


@dataclass
class Chaos:
    """Episodes in one world, and what they came to."""

    world: World
    random: Random
    startup: float
    """Seconds that the server took to start: by this, patience knows how busy the machine is."""
    killed: Counter[str] = field(default_factory=Counter)
    """Sign at which runs died → how many."""
    served: Counter[str] = field(default_factory=Counter)
    """What was killed together → how often."""
    ends: Counter[str] = field(default_factory=Counter)
    """First words of runs that ended by themselves → how many."""
    broken: list[str] = field(default_factory=list)
    """Sentences on what must not be."""
    lives_on: Run | None = None
    """The run that was under way when the server went away for long."""
    _deck: list[Moment] = field(default_factory=list)

    @property
    def patience(self) -> float:
        """Seconds until a run is killed wherever it is."""
        return max(SHORTEST_S, 1.5 * self.startup)

    def kill_runs(self) -> None:
        """Up to three runs side by side, each killed at the next moment of the deck if that comes before its end."""
        self.feed()
        signs = self.signs()
        moments = [self._moment() for _ in range(self.random.choice((1, 2, 3, 3)))]
        pairs = [(self.world.once(self.random.randint(1, 4), m.sign == "started"), m) for m in moments]
        due: dict[str, float] = {run.name: run.started + m.delay for run, m in pairs if m.sign == "started"}
        late = {run.name: run.started + self.random.uniform(2, self.startup / 2) for run, _ in pairs}
        while pairs:
            news, now = signs.news(), time.monotonic()
            for run, moment in pairs:
                if (run.name, moment.sign) in news or ("", moment.sign) in news:
                    due.setdefault(run.name, now + moment.delay)
            pairs = [pair for pair in pairs if not self._is_over(*pair, due.get(pair[0].name), late[pair[0].name])]
            time.sleep(LOOK_S)

    def _is_over(self, run: Run, moment: Moment, due: float | None, late: float) -> bool:
        """Whether it ended, or was killed at its moment; or at any other, where its own has not come by `late`."""
        if run.process.poll() is not None:
            self.note(run)
            return True
        now = time.monotonic()
        if now < (due or late):
            return False
        run.kill(family=self.random.random() < 0.5)
        self.killed[moment.sign if due else "any moment"] += 1
        return True

    def note(self, run: Run) -> None:
        """A run came to its end by itself."""
        said = run.words.strip().splitlines()
        last = next((line for line in reversed(said) if line.startswith(("Idle", "Published", "Failed", "Away"))), "")
        self.ends[last.split(" ")[0].strip(":") or f"exit {run.process.returncode}"] += 1
        if run.process.returncode and "Traceback" in run.words and not last:
            self.broken.append(f"{run.name} ended by an error that nobody foresaw: {said[-1][:300]}")

    def _moment(self) -> Moment:
        self._deck = self._deck or deck(self.random, self.startup / 2)
        return self._deck.pop()

    def signs(self) -> Signs:
        """What runs do from now on."""
        return Signs(self.world.folder / "calls.jsonl", self.world.folder / "requests.jsonl", self.world.home)

    def feed(self) -> None:
        """Siblings write while little waits, begin again now and then, and write what nobody can read."""
        siblings = self.world.siblings
        if self.random.random() < 0.1:
            siblings.restart()
        if self.random.random() < 0.1:
            siblings.spoil()
        done = len(rows(self.world.main)) if self.world.main.exists() else 0
        while len(siblings.expected) - done < WAITING:
            siblings.write(self.random.randint(1, 2))
