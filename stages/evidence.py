"""What was observed of a draft: runs of tests before and after it. Facts; `stages.judging` makes a verdict of them."""

from stages.models import Frozen
from stages.runs import Run
from stages.suite import Suite


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
