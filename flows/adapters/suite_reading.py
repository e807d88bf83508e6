"""What a repository's suite reported (suite_report.py writes it), read with suspicion. Pure."""

import json
from collections.abc import Mapping
from typing import NamedTuple

PHASES = ("setup", "call", "teardown")


class Told(NamedTuple):
    """How each test ended, as far as was told."""

    tests: dict[str, str]
    """Test → passed, failed, error, skipped, xfailed, xpassed, or crashed: it began and did not end."""
    ended: bool
    """Whether the suite ran to its end."""
    fault: str = ""
    """What no honest run reports; nothing of such a report counts."""


def read(report: bytes, word: str) -> Told:
    """The report in these lines, each of which must begin with the run's own word."""
    phases: dict[str, dict[str, str]] = {}
    subtests: set[str] = set()
    ended = False
    for text in report.splitlines(keepends=True):
        line = _line(text, word)
        if line is None or ended:
            return Told({}, ended=False, fault="its report holds what the suite did not write, or is cut")
        if not line:
            ended = True
            continue
        test, when, outcome = line
        if when == "subtest":
            subtests.add(test)
        elif outcome == "rerun":  # by a plugin that tries again
            phases.pop(test, None)
        elif when in phases.setdefault(test, {}):
            return Told({}, ended=False, fault=f"{test} was reported twice")
        else:
            phases[test][when] = outcome
    return Told({test: _state(phase, test in subtests) for test, phase in phases.items()}, ended)


def _line(text: bytes, word: str) -> list[str] | None:
    """What a line says after the word; None if it is no line of the plugin's."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(line, list) and len(line) in (1, 4) and all(isinstance(part, str) for part in line)
    if not whole or line[0] != word or not text.endswith(b"\n") or {*line[2:3]} - {*PHASES, "subtest"}:
        return None
    return [*map(str, line[1:])]


def _state(phases: Mapping[str, str], subtest_failed: bool) -> str:
    """One word for a test from those of its phases: passed only if all three did."""
    if phases.get("call") == "failed" or subtest_failed:
        return "failed"
    if "failed" in phases.values():
        return "error"
    for outcome, state in (("xskipped", "xfailed"), ("skipped", "skipped"), ("xpassed", "xpassed")):
        if outcome in phases.values():
            return state
    return "passed" if set(phases) == set(PHASES) else "crashed"
