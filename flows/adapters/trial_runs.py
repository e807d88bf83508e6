"""Runs of trusted tests as evidence."""

import re
from collections.abc import Collection, Mapping

from flows.adapters.commands import told
from flows.adapters.sandbox.denials import NETWORK
from flows.adapters.sandbox.judging import TestRun
from stages.runs import Run

_SPEAKS_OF_IT = re.compile(
    r"(?i)\burls?|https?|sockets?\b|\bports?\b|hosts?\b|\bip\b|server|network|internet|online|download|fetch|request|"
    r"\bdns\b|ftp|smtp|imap|\d+\.\d+\.\d+\.\d+"
)


def without_need(before: TestRun, after: TestRun, files: Mapping[str, str], draft: Collection[str]) -> tuple[str, ...]:
    """Tests that failed for want of a network which nothing but a draft's code asked for: they did without it before.

    files: the tests, path → text; one that speaks of a network may need one. draft: paths of the draft's code.
    """
    asked = [test for test, limit in after.denied.items() if limit == NETWORK and test not in before.denied]
    ours = [test for test in asked if set(after.through.get(test, ())) & set(draft)]
    return tuple(test for test in sorted(ours) if not _SPEAKS_OF_IT.search(files.get(test.partition("::")[0], "")))


def as_run(run: TestRun, at_fault: Collection[str] = ()) -> Run:
    """As evidence. A test that could not be imported, or was denied what it asked for, shows nothing of the code.

    at_fault: those that failed all the same.
    """
    tests = {test: "not imported" if _unimported(test, run) else state for test, state in run.tests.items()}
    denied = {test for test in run.denied if tests.get(test) in ("failed", "error", "not imported")}
    tests |= dict.fromkeys(denied.difference(at_fault), "denied")
    return Run(
        outcome="failed" if denied.intersection(at_fault) else run.outcome.value,
        tests=tests,
        reason=told(run.reason),
        output=told(run.output),
        seconds=run.seconds,
        canaries=run.canaries,
    )


def _unimported(test: str, run: TestRun) -> bool:
    file = test.partition("::")[0]
    message = run.messages.get(test, "")
    return file in run.messages or message.startswith(("ImportError", "ModuleNotFoundError"))


def steady(one: Run, other: Run) -> Run:
    """The first run, in which what fails now and then counts as what passes."""
    passed = {test for test, state in other.tests.items() if state == "passed"}
    return one.model_copy(update={"tests": one.tests | dict.fromkeys(passed & one.tests.keys(), "passed")})
