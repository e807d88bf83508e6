"""Evidence in, verdict out. Three things never mix: the draft is wrong, nothing can be said, the sandbox is broken.

The last is no verdict: it is raised (`SandboxBroken`) before there is any evidence.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

from stages.evidence import Evidence, Trial
from stages.models import Grade, TestResult, Verdict
from stages.suite import Suite

ACCEPTANCE, REGRESSION, OWN = "acceptance tests", "regression", "own tests"
NAMED = 5
"""Tests named in a reason; all are in the verdict."""
TAIL = 8_000
"""Characters of output kept."""


class Word(Enum):
    """What a trial says."""

    PROVES = auto()
    """It passes, and failed before."""
    PASSES = auto()
    """It passes, and would have without the change, as far as is known."""
    FAILS = auto()
    SILENT = auto()
    """It could not be held."""
    DOUBTED = auto()
    """It claims a pass that is not believed: what is weaker cannot make up for it."""


class Ruling(NamedTuple):
    """A grade, which of the three decided, and why."""

    grade: Grade
    by: str
    reason: str


def judge(evidence: Evidence) -> Verdict:
    """What the evidence proves about the draft."""
    grade, by, reason = _rule(evidence)
    return Verdict(
        grade=grade,
        by=by,
        reason=_told(reason, *evidence.notes),
        tests=tuple(result for trial in evidence.trials for result in _results(trial)),
        broke=evidence.suite.broke,
        fixed=evidence.suite.fixed,
        canaries="; ".join(f"{trial.what}: {said}" for trial in evidence.trials if (said := trial.after.canaries)),
        mechanism=evidence.mechanism,
        seconds=round(evidence.seconds, 3),
        output=_output(evidence, by),
    )


def nothing_executed(reason: str) -> Verdict:
    """The verdict where nothing was run, and why."""
    return Verdict(grade=Grade.UNVERIFIED, reason=f"Nothing was executed: {reason}")


def _rule(evidence: Evidence) -> Ruling:
    """The strongest voice decides; a weaker one is heard where it is silent."""
    heard = [(*_heard(trial), trial.by_exit_code) for trial in evidence.acceptance]
    own, of_own = _heard(evidence.own) if evidence.own else (None, "")
    why = [reason for _, reason, _ in heard]
    for word, reason, _ in heard:
        if word is Word.FAILS:
            return Ruling(Grade.FAILED, ACCEPTANCE, reason)
    if broke := evidence.suite.broke:
        return Ruling(
            Grade.FAILED, REGRESSION, f"Tests of the repository that passed before fail now: {_names(broke)}."
        )
    doubt = _doubt(evidence.suite)
    if doubt or any(word is Word.DOUBTED for word, _, _ in heard):
        return Ruling(Grade.UNVERIFIED, "", _told(*why, doubt))
    proofs = [by_exit_code for word, _, by_exit_code in heard if word is Word.PROVES]
    if proofs:
        against = of_own if own is Word.FAILS else ""
        return Ruling(Grade.SELF_TESTED if all(proofs) else Grade.PROVEN, ACCEPTANCE, _told(*why, against))
    told = _told(*why, *evidence.untold)
    if own is Word.FAILS or own is Word.PROVES:
        return Ruling(Grade.FAILED if own is Word.FAILS else Grade.SELF_TESTED, OWN, _told(of_own, told))
    silent = own in (Word.SILENT, Word.DOUBTED) or any(word is Word.SILENT for word, _, _ in heard)
    if silent or evidence.untold:
        return Ruling(Grade.UNVERIFIED, "", _told(told, of_own))
    return Ruling(Grade.APPLIES, "", _told("It applies and compiles.", told, of_own or "No test could decide more."))


def _heard(trial: Trial) -> tuple[Word, str]:
    """What a trial says, and a sentence about it."""
    after, before = trial.after, trial.before
    if after.doubted:
        return Word.DOUBTED, f"{trial.what}: the pass is not believed{_because(after.reason)}."
    if trial.vanished:
        return Word.DOUBTED, f"{trial.what}: the pass is not believed, {_names(trial.vanished)} ran before only."
    if not after.ran:
        return Word.SILENT, f"{trial.what}: nothing can be said, {_clause(after.reason)}."
    if after.outcome == "timeout":
        return Word.FAILS, f"{trial.what}: out of time{_because(after.reason)}."
    if after.outcome == "failed":
        failing = [test for test, state in after.tests.items() if state != "passed"]
        return Word.FAILS, f"{trial.what}: failed{_because(_names(failing) or after.reason)}."
    passed = f"{trial.what}: {len(after.tests)} passed"
    if trial.could_fail:
        return Word.PROVES, f"{passed}, of which {len(trial.could_fail)} failed before the change."
    if before.ran:
        return Word.PASSES, f"{passed}, and did so without the change: they prove nothing."
    return Word.PASSES, f"{passed}; whether they could fail is not known, {_clause(before.reason)}."


def _doubt(suite: Suite) -> str:
    """A sentence about tests of the repository that may be broken, empty where there are none."""
    if not suite.unsure:
        return ""
    why = next((run.reason for run in suite.after if run.reason), "")
    return (
        f"Tests of the repository that passed before were not seen to pass now{_because(why)}: {_names(suite.unsure)}."
    )


def _results(trial: Trial) -> Iterator[TestResult]:
    before, after = trial.before.tests, trial.after.tests
    for test in dict.fromkeys((*after, *before)):
        yield TestResult(id=test, before=before.get(test, ""), after=after.get(test, ""))


def _output(evidence: Evidence, by: str) -> str:
    """The end of what those said that decided, or of what could not decide."""
    if by == REGRESSION:
        return evidence.suite.after[-1].output[-TAIL:]
    runs = [trial.after for trial in evidence.trials]
    loud = [run for run in runs if run.outcome != "passed"] or runs[:1]
    return loud[0].output[-TAIL:] if loud else ""


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def _because(reason: str) -> str:
    return f" ({reason.rstrip('.')})" if reason else ""


def _clause(reason: str) -> str:
    return f"for they could not be run: {reason.rstrip('.') or 'no reason was given'}"


def _told(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
