"""Evidence in, verdict out. Three things never mix: the draft is wrong, nothing can be said, the sandbox is broken.

The last is no verdict: it is raised (`SandboxBroken`) before there is any evidence.
"""

from collections.abc import Iterator
from typing import NamedTuple

from stages.evidence import Evidence, Trial
from stages.hearing import Heard, Word, because, hear, names
from stages.models import Grade, TestResult, Verdict
from stages.suite import Suite

ACCEPTANCE, REGRESSION, OWN = "acceptance tests", "regression", "own tests"
TAIL = 8_000
"""Characters of output kept."""


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
    heard = [hear(trial) for trial in evidence.acceptance]
    own = hear(evidence.own) if evidence.own else None
    if failing := [each.said for each in heard if each.word is Word.FAILS]:
        return Ruling(Grade.FAILED, ACCEPTANCE, failing[0])
    if broke := evidence.suite.broke:
        return Ruling(Grade.FAILED, REGRESSION, f"Tests of the repository that passed before fail now: {names(broke)}.")
    left_out = f"Given tests that were not run: {names(evidence.left_out)}." if evidence.left_out else ""
    told = _told(*(each.said for each in heard), left_out)
    doubt = _doubt(evidence.suite)
    if doubt or any(each.word is Word.DOUBTED for each in heard):
        return Ruling(Grade.UNVERIFIED, "", _told(told, doubt))
    if proofs := [each for each in heard if each.word is Word.PROVES]:
        weak = bool(left_out) or all(each.weak for each in proofs)
        against = own.said if own and own.word is Word.FAILS else ""
        return Ruling(Grade.SELF_TESTED if weak else Grade.PROVEN, ACCEPTANCE, _told(told, against))
    if own and own.word is Word.PROVES and any(each.word is Word.UNREAD for each in heard):
        return Ruling(Grade.UNVERIFIED, "", _told(told, own.said))
    unheard = bool(left_out or evidence.untold) or any(each.word in (Word.SILENT, Word.UNREAD) for each in heard)
    return _by_own(own, _told(told, *evidence.untold), unheard, evidence.compiled)


def _by_own(own: Heard | None, told: str, unheard: bool, compiled: bool) -> Ruling:
    """Where nothing stronger speaks. told: what was heard of that; unheard: whether some of it could not be."""
    word, said = (own.word, own.said) if own else (None, "")
    if word is Word.FAILS or word is Word.PROVES:
        return Ruling(Grade.FAILED if word is Word.FAILS else Grade.SELF_TESTED, OWN, _told(said, told))
    if unheard or word in (Word.SILENT, Word.UNREAD, Word.DOUBTED):
        return Ruling(Grade.UNVERIFIED, "", _told(told, said))
    applies = "It applies and compiles." if compiled else "It applies."
    return Ruling(Grade.APPLIES, "", _told(applies, told, said or "No test could decide more."))


def _doubt(suite: Suite) -> str:
    """A sentence about tests of the repository that may be broken, empty where there are none."""
    if not suite.unsure:
        return ""
    why = next((run.reason for run in suite.after if run.reason), "")
    return f"Tests of the repository that passed before were not seen to pass now{because(why)}: {names(suite.unsure)}."


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


def _told(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
