"""Runs of trusted tests as evidence."""

from flows.adapters.commands import told
from flows.adapters.sandbox.judging import TestRun
from stages.runs import Run


def as_run(run: TestRun) -> Run:
    """As evidence. A test that could not be imported, or was denied what it asked for, shows nothing of the code."""
    tests = {test: "not imported" if _unimported(test, run) else state for test, state in run.tests.items()}
    tests |= {test: "denied" for test in run.denied if tests.get(test) in ("failed", "error")}
    return Run(
        outcome=run.outcome.value,
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
