"""What a run of trusted tests claims on its result descriptor (reporter.py writes it), read with suspicion."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Any

from flows.adapters.sandbox.expected import Suite

MOST_LINES = 30_000
"""Of a report: three for each test, and one more for each failure."""
LONGEST = 600
"""Characters of a text that are kept."""
MOST_ODDITIES = 20
STRANGE = "the report holds what the runner does not write"


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
    odd += ["the end was reported twice"] if [line for line in lines if "done" in line][1:] else []
    odd += [f"{line['meddled']}, which the tests bring along, was exchanged" for line in lines if "meddled" in line]
    begun = any("begun" in line for line in lines)
    odd += [STRANGE] if begun and any("missing" in line for line in lines) else []
    return Report(
        outcomes={test: _outcome(phase) for test, phase in phases.items()},
        collected=tuple(test for line in lines for test in line.get("collected", ())),
        uncollected={line["uncollected"]: line["outcome"] for line in lines if "uncollected" in line},
        broke={line["broke"]: line for line in reversed(lines) if "broke" in line},
        done=next((line["done"] for line in lines if "done" in line), None),
        missing="" if begun else next((line["missing"] for line in lines if "missing" in line), ""),
        oddities=tuple(odd),
    )


def confirmed(report: Report, exists: Callable[[str], bool]) -> Report:
    """The report with paths that were not found, and are there outside of the sandbox, as what it does not give."""
    broke = {
        name: {**facts, "denied": facts["hidden"]}
        for name, facts in report.broke.items()
        if facts.get("hidden") and not facts["denied"] and exists(facts["hidden"])
    }
    return replace(report, broke={**report.broke, **broke})


def _lines(result: bytes, nonce: str) -> tuple[list[dict[str, Any]], list[str]]:
    lines: list[dict[str, Any]] = []
    texts = result.splitlines()
    for text in islice(texts, MOST_LINES):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            return lines, [STRANGE]
        if not isinstance(line, dict) or line.get("nonce") != nonce or not _well_formed(line):
            return lines, [STRANGE]
        lines.append({name: _cleaned(value) for name, value in line.items()})
    return lines, [f"the report has more than {MOST_LINES} lines"] if len(texts) > MOST_LINES else []


def _cleaned(value: Any) -> Any:
    """Texts without what cannot be stored or shown, and no longer than need be; unequal ones stay unequal."""
    if isinstance(value, list):
        return [_cleaned(text) for text in value]
    if not isinstance(value, str):
        return value
    if len(value) > LONGEST:
        value = f"{value[: LONGEST - 18]}… {sha256(value.encode(errors='replace')).hexdigest()[:16]}"
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in value)


def _well_formed(line: dict[str, Any]) -> bool:
    texts = (
        "id",
        "subtest",
        "when",
        "outcome",
        "uncollected",
        "broke",
        "message",
        "absent",
        "denied",
        "hidden",
        "fixture",
        "meddled",
    )
    lists = [line.get("collected", []), line.get("through", [])]
    return (
        all(isinstance(line.get(name, ""), str) for name in (*texts, "missing"))
        and isinstance(line.get("done", 0), int)
        and all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists)
        and ("id" not in line or {"when", "outcome", "xfail"} <= line.keys())
        and ("uncollected" not in line or "outcome" in line)
        and ("broke" not in line or {"message", "absent", "in_tests", "denied"} <= line.keys())
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


def _function(test: str) -> str:
    """The id without the variant's part."""
    path, _, name = test.partition("::")
    return f"{path}::{name.partition('[')[0]}"


def by_expectation(suite: Suite, report: Report) -> tuple[dict[str, str], list[str]]:
    """Test → outcome, with "error" or "missing" for those that were to be reported; and what does not fit."""
    outcomes: dict[str, str] = {}
    odd = list(report.oddities)
    known = {test.id: test for test in suite.tests}
    for reported, outcome in report.outcomes.items():
        test = known.get(_function(reported))
        if not test and not any(reported.startswith(f"{name}::") for name in suite.open_classes):
            odd.append(f"{reported} is not among the tests")
            continue
        outcomes[reported] = outcome
        if outcome in ("skipped", "xfailed", "xpassed") and not (test and test.may_skip):
            odd.append(f"{reported} was {outcome}, and no mark on it in its source says so")
    seen = {_function(reported) for reported in outcomes}
    for test in suite.tests:
        if not test.optional and test.id not in seen:
            found = next((report.uncollected[p] for p in test.around if p in report.uncollected), "missing")
            outcomes[test.id] = "error" if found == "failed" else found
    odd += [f"{test} was not reported" for test, outcome in outcomes.items() if outcome == "missing"]
    if set(report.collected) != set(report.outcomes) and report.done in (0, 1):
        odd.append("not all tests that were gathered were run")
    return outcomes, odd[:MOST_ODDITIES]
