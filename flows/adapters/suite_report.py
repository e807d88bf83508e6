"""A pytest plugin that tells how each test of a repository ended, on descriptor 3; standard library and pytest only.

It lies in the process of the code under test, which could meddle with it: what it says can accuse a draft, and prove
nothing for it. Each line is a list that begins with a word that only this run knows: [word, test, phase, outcome], and
at the end [word].
"""

import json
import os
from typing import Any

import pytest


def _teller() -> Any:
    """Writes a line; of this process only: neither a fork nor a worker of pytest-xdist tells anything."""
    word, process = os.environ.pop("SUITE_REPORT", ""), os.getpid()

    def tell(*facts: str) -> None:
        line = json.dumps([word, *facts]).encode() + b"\n"
        while line and word and os.getpid() == process:
            line = line[os.write(3, line) :]

    return tell


_tell = _teller()


def pytest_runtest_logreport(report: Any) -> None:
    """One line for each phase of each test, and for a subtest that failed."""
    if hasattr(report, "context"):  # of a subtest; the test's own report follows, and may call it passed
        if report.outcome == "failed":
            _tell(report.nodeid, "subtest", report.outcome)
    else:
        _tell(report.nodeid, report.when, "x" * hasattr(report, "wasxfail") + report.outcome)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """All that was to be run was run."""
    _tell()
