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

    lacks: tuple[str, ...] = ()
    """Modules that the tests import and the draft was to provide, and does not."""
    online: tuple[str, ...] = ()
    """Tests that did without a network before the change, and failed because the draft's code asked for one."""
    unread: bool = False
    """The files are there, and no test is seen in them, or they cannot be read."""
    caveats: tuple[str, ...] = ()
    """Sentences: why it proves less than it seems to."""

    @property
    def could_fail(self) -> tuple[str, ...]:
        """Tests that failed before and pass now. One that could not be collected is none of them."""
        if not self.before.ran:
            return ()
        late = self.before.outcome == "timeout"
        failed = ("failed", "error")
        passed = [test for test, state in self.after.tests.items() if state == "passed"]
        states = {test: self.before.tests.get(test, "") for test in passed}
        return tuple(test for test in passed if states[test] in failed or (late and states[test] != "passed"))

    @property
    def lost(self) -> tuple[str, ...]:
        """Tests that ran before, and do not pass now: skipped, denied, ended by force, or not there any more."""
        ran = (test for test, state in self.before.tests.items() if self.before.ran and state in ("passed", "failed"))
        return tuple(test for test in ran if self.after.tests.get(test) != "passed")


class Evidence(Frozen):
    """All that was observed of one draft."""

    acceptance: tuple[Trial, ...] = ()
    """Upstream's tests, and the finding's own command."""
    own: Trial | None = None
    suite: Suite = Suite()
    untold: tuple[str, ...] = ()
    """Sentences: what could not be tried at all, and why."""
    left_out: tuple[str, ...] = ()
    """Paths of upstream's tests that nothing here runs."""
    notes: tuple[str, ...] = ()
    """Sentences that the reader of the verdict should know."""
    compiled: bool = False
    """Whether every file of it was compiled, and could be."""
    mechanism: str = ""
    seconds: float = 0.0

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The weightiest first."""
        return (*self.acceptance, self.own) if self.own else self.acceptance
