"""From what one run of trusted tests claims to what can be said. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.expected import Suite
from flows.adapters.sandbox.reports import Report, by_expectation

KILLED = (-9, 137)
"""Exit codes of a process that SIGKILL ended: by itself, and through bubblewrap."""
SHOWN = 5
"""Tests named in a sentence."""


class Outcome(StrEnum):
    """What trusted tests gave."""

    PASSED = "passed"
    FAILED = "failed"
    """The code's own fault, its use of memory, disk and processes included."""
    TIMEOUT = "timeout"
    """Wall or CPU time ran out."""
    UNVERIFIED = "unverified"
    """Nothing can be said: no confinement here, something honest that it cannot give, or a report that does not fit."""
    ERROR = "error"
    """The tests could not be run at all, and not by the code's fault."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """What trusted tests said about a folder of code."""

    __test__ = False

    outcome: Outcome
    reason: str = ""
    """A sentence for every outcome but a pass."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Test → passed, failed, error (it could not be run: an import or a fixture), skipped, xfailed, missing."""
    messages: Mapping[str, str] = field(default_factory=dict)
    """Failing test, or file that could not be imported → its exception."""
    denied: Mapping[str, str] = field(default_factory=dict)
    """Test that failed for something that the sandbox does not give → what that is."""
    through: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Failing test → files of the code that its exception came through."""
    output: str = ""
    """The end of standard output and error of the first run."""
    canaries: str = ""
    """What the canary runs showed; empty where there were none."""
    oddities: tuple[str, ...] = ()
    """What no honest run reports; with one of them there is no pass."""
    unread: bool = False
    """Nothing was run, for no test is seen in the source or it cannot be read: there may be some all the same."""
    mechanism: str = ""
    seconds: float = 0.0
    """All runs together, from the first start to the last end."""


def judge(suite: Suite, report: Report, ran: ExecResult, limits: Limits, lacking: Collection[str]) -> TestRun:
    """What one run gave. lacking: top-level modules that the tests import and nobody provides."""
    outcomes, odd = by_expectation(suite, report)
    if report.done is not None and report.done != ran.exit_code:
        odd.append(f"the process ended with exit code {ran.exit_code}, not {report.done}")
    outcome, reason = (
        _stopped(ran, limits)
        or _begun(report, ran, lacking)
        or _failing(suite, outcomes, report)
        or _unasked(report)
        or _odd(odd, report)
    )
    if outcome is Outcome.PASSED and "passed" not in outcomes.values():
        outcome, reason = Outcome.UNVERIFIED, "Every test was skipped."
    known = outcomes.keys() | {part for test in suite.tests for part in test.around} | {"pytest"}
    messages = {name: report.message(name) for name in report.broke if name in known}
    facts = {name: _facts(name, suite, report) for name in outcomes.keys() | messages.keys()}
    denied = {name: str(fact["denied"]) for name, fact in facts.items() if fact.get("denied")}
    through = {name: tuple(fact.get("through", ())) for name, fact in facts.items() if fact}
    return TestRun(outcome, reason, outcomes, messages, denied, through, ran.output, oddities=tuple(odd))


Finding = tuple[Outcome, str] | None


def _stopped(ran: ExecResult, limits: Limits) -> Finding:
    if not ran.stopped:
        return None
    bounds = {
        "wall time": f"{limits.wall_s:g} s",
        "CPU time": f"{limits.cpu_s:g} s",
        "memory": f"{limits.memory_mb} MB",
        "disk": f"{limits.disk_mb} MB",
        "processes": f"{limits.pids}",
    }
    outcome = Outcome.TIMEOUT if "time" in ran.stopped else Outcome.FAILED
    return outcome, f"The run was stopped at the limit of {ran.stopped}: {bounds[ran.stopped]}."


def _begun(report: Report, ran: ExecResult, lacking: Collection[str]) -> Finding:
    """What kept the tests from being run to the end."""
    if report.missing:
        return Outcome.ERROR, f"The tests could not be started: {report.missing}."
    for place, facts in report.broke.items():
        absent = str(facts["absent"]).partition(".")[0]
        if place in report.uncollected and absent in lacking and facts["in_tests"]:
            return Outcome.ERROR, f"{place} needs {absent}, which is not installed in this environment."
    if failed := [p for p, outcome in report.uncollected.items() if outcome == "failed" and not _denied(p, report)]:
        return Outcome.FAILED, f"{failed[0]} could not be imported: {report.message(failed[0])}"
    if "pytest" in report.broke:
        return Outcome.FAILED, f"The run was broken off: {report.message('pytest')}"
    if report.done is not None:
        return None
    if ran.exit_code in KILLED and ran.out_of_memory:
        return Outcome.ERROR, "The process was killed while this machine was out of memory."
    how = f"by signal {-ran.exit_code}" if ran.exit_code < 0 else f"with exit code {ran.exit_code}"
    return Outcome.FAILED, f"The process ended {how} before the tests did."


def _denied(place: str, report: Report) -> str:
    return str(report.broke.get(place, {}).get("denied", ""))


def _facts(test: str, suite: Suite, report: Report) -> Mapping[str, Any]:
    """What is known of a test's exception, or of the one that kept its class or file from being imported."""
    around = next((known.around for known in suite.tests if known.id == test), ())
    places = (test, *(place for place in around if place in report.uncollected))
    return next((report.broke[place] for place in places if place in report.broke), {})


def _failing(suite: Suite, outcomes: Mapping[str, str], report: Report) -> Finding:
    failing = [test for test, outcome in outcomes.items() if outcome in ("failed", "error")]
    if not failing:
        return None
    facts = [_facts(test, suite, report) for test in failing]
    if all(fact.get("denied") for fact in facts):
        wanted = " and ".join(sorted({str(fact["denied"]) for fact in facts}))
        return Outcome.UNVERIFIED, f"{names(failing)} asked for {wanted}, which the sandbox does not give."
    if all(outcomes[test] == "error" for test in failing) and all(
        fact.get("fixture") in suite.lacking_fixtures for fact in facts
    ):
        return Outcome.ERROR, f"{names(failing)} cannot be run: {report.message(failing[0])}"
    first = next((message for test in failing if (message := report.message(test))), "")
    of = f"{len(failing)} of {len(outcomes)} tests failed: {names(failing)}."
    return Outcome.FAILED, f"{of} {first}".strip()


def _unasked(report: Report) -> Finding:
    """For files in which no test is seen, but perhaps a class that has some."""
    wanted = {place: _denied(place, report) for place, outcome in report.uncollected.items() if outcome == "failed"}
    if not wanted:
        return None
    what = " and ".join(sorted({*wanted.values()}))
    return Outcome.UNVERIFIED, f"{names(wanted)} asked for {what}, which the sandbox does not give."


def _odd(odd: Collection[str], report: Report) -> tuple[Outcome, str]:
    if skipped := list(report.uncollected):
        return Outcome.UNVERIFIED, f"{names(skipped)} was skipped as a whole."
    if odd:
        return Outcome.UNVERIFIED, f"The report does not fit the tests: {'; '.join(list(odd)[:SHOWN])}."
    if report.done != 0:
        return Outcome.UNVERIFIED, f"All tests passed, but pytest ended with {report.done}."
    return Outcome.PASSED, ""


def names(tests: Collection[str]) -> str:
    """The first of them, and how many more there are."""
    ordered = sorted(tests)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return f"{', '.join(ordered[:SHOWN])}{more}"
