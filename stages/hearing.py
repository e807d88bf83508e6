"""What one trial says: the same tests before a change and after it."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from stages.evidence import Trial

NAMED = 5
"""Tests named in a reason; all are in the verdict."""


class Word(Enum):
    """What a trial says."""

    PROVES = auto()
    """It passes, and failed before."""
    PASSES = auto()
    """It passes, and would have without the change, as far as is known."""
    FAILS = auto()
    SILENT = auto()
    """It could not be held, before the change neither."""
    UNREAD = auto()
    """Silent, for no test is seen in its files: what the draft tests by itself cannot stand for those."""
    DOUBTED = auto()
    """A pass that is not believed, or tests that ran before only: what is weaker cannot make up for it."""


class Heard(NamedTuple):
    """A trial's word, a sentence about it, and whether it proves less than others do."""

    word: Word
    said: str
    weak: bool = False


def hear(trial: Trial) -> Heard:
    """What a trial says."""
    after = trial.after
    if after.doubted:
        return Heard(Word.DOUBTED, f"{trial.what}: the pass is not believed{because(after.reason)}.")
    if after.ran:
        return _failed(trial) or _passed(trial)
    if trial.lost:
        said = f"{names(trial.lost)} ran before the change, and not to the end after it{because(after.reason)}"
        return Heard(Word.DOUBTED, f"{trial.what}: {said}.")
    word = Word.UNREAD if trial.unread else Word.SILENT
    return Heard(word, f"{trial.what}: nothing can be said, {_clause(after.reason)}.")


def _failed(trial: Trial) -> Heard | None:
    after = trial.after
    if after.outcome == "timeout":
        return Heard(Word.FAILS, f"{trial.what}: out of time{because(after.reason)}.")
    if after.outcome != "failed":
        return None
    failing = [test for test, state in after.tests.items() if state != "passed"]
    lacks = f"; the draft does not provide {', '.join(trial.lacks)}" if trial.lacks else ""
    online = f"; the draft asks for a network, without which {names(trial.online)} ran before" if trial.online else ""
    return Heard(Word.FAILS, f"{trial.what}: failed{because(names(failing) or after.reason)}{lacks}{online}.")


def _passed(trial: Trial) -> Heard:
    if trial.lost:
        said = f"the pass is not believed, {names(trial.lost)} ran before only"
        return Heard(Word.DOUBTED, f"{trial.what}: {said}.")
    passed = f"{trial.what}: {sum(state == 'passed' for state in trial.after.tests.values())} passed"
    if trial.could_fail:
        told = f"{passed}, of which {len(trial.could_fail)} failed before the change."
        return Heard(Word.PROVES, " ".join((told, *trial.caveats)), trial.by_exit_code or bool(trial.caveats))
    unknown = "whether they could fail is not known"
    if not trial.before.ran:
        return Heard(Word.PASSES, f"{passed}; {unknown}, {_clause(trial.before.reason)}.")
    if "not imported" in trial.before.tests.values():
        return Heard(Word.PASSES, f"{passed}; {unknown}, for they could not be imported before the change.")
    return Heard(Word.PASSES, f"{passed}, and did so without the change: they prove nothing.")


def names(ids: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def because(reason: str) -> str:
    """A reason in brackets, nothing for none."""
    return f" ({reason.rstrip('.')})" if reason else ""


def _clause(reason: str) -> str:
    return f"for they could not be run: {reason.rstrip('.') or 'no reason was given'}"
