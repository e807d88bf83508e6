"""A repository's own tests before and after a draft: which of them speak against it."""

from stages.models import Frozen
from stages.runs import Run

WELL = frozenset({"passed", "xpassed"})


class Suite(Frozen):
    """The repository's own tests, run once or twice before and after."""

    before: tuple[Run, ...] = ()
    after: tuple[Run, ...] = ()

    @property
    def suspects(self) -> tuple[str, ...]:
        """Tests that passed in every run before and in none after: they fail, are skipped, or were not reached."""
        late = any(run.outcome == "timeout" for run in self.before)  # then nobody is to reach the end after, either
        passed = [test for test in self._always(self.before, frozenset({"passed"})) if self.after]
        never = [test for test in passed if not any(run.tests.get(test) in WELL for run in self.after)]
        return tuple(test for test in never if self._said(test) or not late)

    @property
    def broke(self) -> tuple[str, ...]:
        """Suspects that had two chances on either side: a test that fails now and then accuses nobody."""
        return tuple(test for test in self.suspects if len(self.before) > 1 and len(self._said(test)) > 1)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Suspects that cannot be accused: the run was broken off before them, or its report is not to be believed."""
        broke = set(self.broke)
        return tuple(test for test in self.suspects if test not in broke)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Tests that failed in every run before and passed in every run after."""
        failed = self._always(self.before, frozenset({"failed", "error"}))
        return tuple(
            test for test in failed if self.after and all(run.tests.get(test) == "passed" for run in self.after)
        )

    @staticmethod
    def _always(runs: tuple[Run, ...], states: frozenset[str]) -> list[str]:
        return [test for test in (runs[0].tests if runs else ()) if all(run.tests.get(test) in states for run in runs)]

    def _said(self, test: str) -> list[str]:
        """What the runs after say of a test; nothing where a run did not come to it."""
        return [state for run in self.after if (state := self._state(run, test))]

    def _state(self, run: Run, test: str) -> str:
        if run.outcome == "unverified":
            return ""
        broken_off = run.outcome == "timeout" or "crashed" in run.tests.values()
        state = run.tests.get(test, "" if broken_off else "missing")
        return "" if state == "crashed" and run.outcome == "timeout" and self._took_long(run) else state

    def _took_long(self, run: Run) -> bool:
        """Whether the suite was slow before, too: then the test that time ran out in need not be to blame."""
        return any(before.seconds > run.seconds / 2 for before in self.before)
