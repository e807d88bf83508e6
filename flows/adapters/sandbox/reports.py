"""What a run of trusted tests claims on its result descriptor (runner.py writes it), read with suspicion."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.adapters.sandbox.expected import Suite


@dataclass(frozen=True, slots=True)
class Report:
    """The claims of one run."""

    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Test → passed, failed, error (it could not be run), skipped, xfailed, xpassed."""
    collected: tuple[str, ...] = ()
    uncollected: Mapping[str, str] = field(default_factory=dict)
    """File or class whose tests could not be gathered → failed or skipped."""
    broke: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Test, file or class → what is known of the exception."""
    done: int | None = None
    """pytest's exit code; None where the process ended before."""
    missing: str = ""
    """Why the tests could not be started at all."""
    oddities: tuple[str, ...] = ()
    """What no honest run reports."""

    def message(self, test: str) -> str:
        """What a failing test says."""
        return str(self.broke.get(test, {}).get("message", ""))


def read_report(result: bytes, nonce: str) -> Report:
    """The report in these lines; lines without the nonce are an oddity and nothing else."""
    lines, odd = _lines(result, nonce)
    phases: dict[str, dict[str, str]] = {}
    for line in lines:
        if "id" in line:
            word = "x" * bool(line["xfail"]) + str(line["outcome"])
            odd += [f"{line['id']} was reported twice"] if line["when"] in phases.get(line["id"], {}) else []
            phases.setdefault(line["id"], {})[line["when"]] = word
    for line in lines:
        if "subtest" in line:
            phases.setdefault(line["subtest"], {})["call"] = "failed"
    if [line for line in lines if "done" in line][1:]:
        odd.append("the end was reported twice")
    return Report(
        outcomes={test: _outcome(phase) for test, phase in phases.items()},
        collected=tuple(test for line in lines for test in line.get("collected", ())),
        uncollected={line["uncollected"]: line["outcome"] for line in lines if "uncollected" in line},
        broke={line["broke"]: line for line in reversed(lines) if "broke" in line},
        done=next((line["done"] for line in lines if "done" in line), None),
        missing=next((line["missing"] for line in lines if "missing" in line), ""),
        oddities=tuple(odd),
    )


def _lines(result: bytes, nonce: str) -> tuple[list[dict[str, Any]], list[str]]:
    lines: list[dict[str, Any]] = []
    for text in result.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            return lines, ["the report holds what the runner does not write"]
        if not isinstance(line, dict) or line.get("nonce") != nonce or not _well_formed(line):
            return lines, ["the report holds what the runner does not write"]
        lines.append(line)
    return lines, []


def _well_formed(line: dict[str, Any]) -> bool:
    texts = ("id", "subtest", "when", "outcome", "uncollected", "broke", "message", "absent", "denied", "missing")
    collected = line.get("collected", [])
    return (
        all(isinstance(line.get(name, ""), str) for name in texts)
        and isinstance(line.get("done", 0), int)
        and isinstance(collected, list)
        and all(isinstance(test, str) for test in collected)
        and ("id" not in line or {"when", "outcome", "xfail"} <= line.keys())
        and ("uncollected" not in line or "outcome" in line)
        and ("broke" not in line or {"kind", "message", "absent", "in_tests", "denied"} <= line.keys())
    )


def _outcome(phases: Mapping[str, str]) -> str:
    """One word for a test from those of its three phases."""
    if phases.get("call") == "failed":
        return "failed"
    if "failed" in phases.values():
        return "error"
    for word, outcome in (("skipped", "skipped"), ("xskipped", "xfailed"), ("xpassed", "xpassed")):
        if word in phases.values():
            return outcome
    whole = set(phases) == {"setup", "call", "teardown"} and set(phases.values()) == {"passed"}
    return "passed" if whole else "error"


def by_expectation(suite: Suite, report: Report) -> tuple[dict[str, str], list[str]]:
    """Test → outcome, with "error" or "missing" for those that were to be reported; and what does not fit."""
    outcomes = dict(report.outcomes)
    odd = list(report.oddities)
    for test in suite.tests:
        if not test.optional and not any(test.covers(reported) for reported in outcomes):
            prefixes = (test.id.rpartition("::")[0], test.id.partition("::")[0])
            found = next((report.uncollected[p] for p in prefixes if p in report.uncollected), "missing")
            outcomes[test.id] = "error" if found == "failed" else found
    for reported, outcome in report.outcomes.items():
        marks = [test.may_skip for test in suite.tests if test.covers(reported)]
        if not marks and not any(reported.startswith(f"{name}::") for name in suite.open_classes):
            odd.append(f"{reported} is not among the tests")
        elif outcome in ("skipped", "xfailed", "xpassed") and not any(marks):
            odd.append(f"{reported} was {outcome}, which its source does not ask for")
    odd += [f"{test} was not reported" for test, outcome in outcomes.items() if outcome == "missing"]
    if set(report.collected) != set(report.outcomes) and report.done in (0, 1):
        odd.append("not all tests that were gathered were run")
    return outcomes, odd
