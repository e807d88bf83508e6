"""A pytest plugin that tells how each test of a repository ended, on descriptor 3; standard library only.

It lies in the process of the code under test, which could meddle with it: what it says can accuse a draft, and prove
nothing for it.
"""

import json
import os
from typing import Any


def pytest_runtest_logreport(report: Any) -> None:
    """One line for each phase of each test."""
    if not hasattr(report, "context"):  # a subtest; the test's own report follows
        word = "x" * hasattr(report, "wasxfail") + report.outcome
        os.write(3, json.dumps([report.nodeid, report.when, word]).encode() + b"\n")
