"""What was observed of a draft: runs of tests before and after it. Facts; `stages.judging` makes a verdict of them."""

from typing import Literal

from pydantic import Field

from stages.models import Frozen

FAILING = frozenset({"failed", "error", "missing", "not imported"})
"""States of a test that are no pass; "skipped" and "xfailed" accuse nobody."""


class Run(Frozen):
    """What one confined run of tests gave."""

    outcome: Literal["passed", "failed", "timeout", "unverified", "error"]
    """"unverified" and "error": it says nothing of the code, `reason` says why."""
    tests: dict[str, str] = Field(default_factory=dict)
    """Test id → "passed", "failed", "error" (in a fixture), "not imported", "skipped", "missing", …"""
    reason: str = ""
    output: str = ""
    """The last lines."""
    seconds: float = 0.0
    canaries: str = ""

    @property
    def ran(self) -> bool:
        """Whether its outcome says something of the code."""
        return self.outcome in ("passed", "failed", "timeout")

    @property
    def doubted(self) -> bool:
        """Whether it claims to have passed, and is not believed: canaries, or a report that does not fit."""
        states = set(self.tests.values())
        return self.outcome == "unverified" and "passed" in states and states.isdisjoint({"failed", "error"})


class Trial(Frozen):
    """The same tests on the code before the change and after it."""

    what: str
    """"Acceptance tests", "Own tests", …: how sentences about it begin."""
    before: Run
    after: Run
    by_exit_code: bool = False
    """Nothing but a command's word: it can prove less."""

    @property
    def could_fail(self) -> tuple[str, ...]:
        """Tests that failed before. One that could not be collected is none of them."""
        if not self.before.ran:
            return ()
        if self.before.outcome == "timeout":
            return tuple(test for test in self.after.tests if self.before.tests.get(test) != "passed")
        return tuple(test for test, state in self.before.tests.items() if state in ("failed", "error"))

    @property
    def vanished(self) -> tuple[str, ...]:
        """Tests that ran before and are not there after: the code may decide which variants a test has."""
        ran = (test for test, state in self.before.tests.items() if state in ("passed", "failed"))
        return tuple(test for test in ran if self.after.outcome == "passed" and test not in self.after.tests)


class Suite(Frozen):
    """The repository's own tests, run once or twice before and after."""

    before: tuple[Run, ...] = ()
    after: tuple[Run, ...] = ()

    @property
    def suspects(self) -> tuple[str, ...]:
        """Tests that passed in every run before and in none after."""
        return tuple(test for test in self._always(self.before, frozenset({"passed"})) if self._never_well(test))

    @property
    def broke(self) -> tuple[str, ...]:
        """Suspects that had two chances on either side: a test that fails now and then accuses nobody."""
        return self.suspects if len(self.before) > 1 and len(self.after) > 1 else ()

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

    def _never_well(self, test: str) -> bool:
        return bool(self.after) and all(run.tests.get(test, "missing") in FAILING for run in self.after)


class Evidence(Frozen):
    """All that was observed of one draft."""

    acceptance: tuple[Trial, ...] = ()
    """Upstream's tests, and the finding's own command."""
    own: Trial | None = None
    suite: Suite = Suite()
    untold: tuple[str, ...] = ()
    """Sentences: what could not be tried at all, and why."""
    notes: tuple[str, ...] = ()
    """Sentences that the reader of the verdict should know."""
    mechanism: str = ""
    seconds: float = 0.0

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The weightiest first."""
        return (*self.acceptance, self.own) if self.own else self.acceptance
