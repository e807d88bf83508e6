"""What is made of reports, honest and otherwise, without a sandbox."""

import json
from typing import Any

import pytest

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.canaries import Canary
from flows.adapters.sandbox.canary_runs import fooled, weighed
from flows.adapters.sandbox.expected import expected
from flows.adapters.sandbox.judging import Outcome, TestRun, judge
from flows.adapters.sandbox.mutations import Strength
from flows.adapters.sandbox.reports import read_report

NONCE = "n"
A, B = "test_x.py::test_a", "test_x.py::test_b"
SUITE = expected({"test_x.py": "def test_a(nowhere): assert 1\n@pytest.mark.skipif(1)\ndef test_b(): assert 1\n"})
OF_A = Canary(("test_x.py", 1), tuple(test for test in SUITE.tests if test.id == A), (), Strength.ALIKE)
Lines = list[dict[str, Any]]


def phases(test: str, call: str = "passed", xfail: bool = False) -> Lines:
    words = (("setup", "passed"), ("call", call), ("teardown", "passed"))
    return [{"id": test, "when": when, "outcome": word, "xfail": xfail} for when, word in words]


PASS: Lines = [{"collected": [A, B]}, *phases(A), *phases(B), {"done": 0}]


def verdict(lines: Lines, nonce: str = NONCE, **ran: Any) -> TestRun:
    result = b"".join(json.dumps({**line, "nonce": nonce}).encode() + b"\n" for line in lines)
    return judge(SUITE, read_report(result, NONCE), ExecResult(**{"exit_code": 0, **ran}), Limits(), {"numpy"})


def test_a_complete_report_of_passes_is_a_pass() -> None:
    run = verdict(PASS)
    assert (run.outcome, run.reason, dict(run.tests)) == (Outcome.PASSED, "", {A: "passed", B: "passed"})


@pytest.mark.parametrize(
    ("lines", "outcome", "reason"),
    [
        ([{"collected": [A]}, *phases(A), {"done": 0}], "unverified", "test_b was not reported"),
        ([*PASS, {"done": 0}], "unverified", "the end was reported twice"),
        ([*phases(A), *PASS], "unverified", "test_a was reported twice"),
        ([*PASS, *phases("test_x.py::test_c")], "unverified", "test_c is not among the tests"),
        ([{"collected": [A, B]}, *phases(A, "skipped"), *phases(B), {"done": 0}], "unverified", "test_a was skipped"),
        ([{"collected": [A, B]}, *phases(A, "skipped", True), *phases(B), {"done": 0}], "unverified", "was xfailed"),
        ([{"collected": [A, B]}, *phases(A), *phases(B, "skipped"), {"done": 0}], "passed", ""),
        ([*PASS[:-1], {"done": 1}], "unverified", "pytest ended with 1"),
        ([*PASS[:-1]], "failed", "before the tests did"),
        ([{"collected": [A, B]}, *phases(A)[:2], *phases(B), {"done": 0}], "failed", "1 of 2 tests failed"),
        ([{"collected": [A, B]}, *phases(A, "failed"), *phases(B), {"done": 1}], "failed", "1 of 2 tests failed"),
        ([{"collected": [A, B, "other"]}, *PASS[1:]], "unverified", "not all tests that were gathered were run"),
        ([{"uncollected": "test_x.py", "outcome": "skipped"}, {"done": 5}], "unverified", "skipped as a whole"),
        ([{"missing": "no pytest"}], "error", "no pytest"),
        ([{"begun": True}, *PASS, {"missing": "no pytest"}], "unverified", "what the runner does not write"),
        ([{"begun": True}, {"missing": "no pytest"}, {"done": 4}], "unverified", "test_a was not reported"),
        ([*PASS, {"meddled": "helpers"}], "unverified", "helpers, which the tests bring along, was exchanged"),
        ([*PASS, *[{"begun": True}] * 30_000], "unverified", "more than 30000 lines"),
    ],
)
def test_what_does_not_fit_is_no_pass(lines: Lines, outcome: str, reason: str) -> None:
    run = verdict(lines, exit_code=1 if {"done": 1} in lines else 0)
    assert run.outcome == outcome
    assert reason in run.reason


def test_a_report_under_another_nonce_is_no_report() -> None:
    assert verdict(PASS, nonce="guessed").outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "junk",
    [
        b"not json\n",
        b"[1]\n",
        b'{"nonce": "n", "id": 3}\n',
        b'{"nonce": "n", "id": "x"}\n',
        b'{"nonce": "n", "broke": "x"}\n',
        b"\xff\n",
        b"[" * 99999,
    ],
)
def test_junk_among_the_report_is_no_pass(junk: bytes) -> None:
    result = b"".join(json.dumps({**line, "nonce": NONCE}).encode() + b"\n" for line in PASS)
    for text in (junk + result, result + junk):
        run = judge(SUITE, read_report(text, NONCE), ExecResult(0), Limits(), ())
        assert run.outcome in (Outcome.FAILED, Outcome.UNVERIFIED)


def test_an_exit_code_that_differs_is_no_pass() -> None:
    assert verdict(PASS, exit_code=3).outcome is Outcome.UNVERIFIED


@pytest.mark.parametrize(
    ("stopped", "outcome"),
    [
        ("wall time", "timeout"),
        ("CPU time", "timeout"),
        ("memory", "failed"),
        ("disk", "failed"),
        ("processes", "failed"),
    ],
)
def test_the_limit_that_stopped_a_run_is_named(stopped: str, outcome: str) -> None:
    run = verdict(PASS, stopped=stopped, exit_code=-9)
    assert run.outcome == outcome
    assert stopped in run.reason


def broken(**facts: Any) -> dict[str, Any]:
    return {"message": "X: y", "absent": "", "in_tests": True, "denied": "", "fixture": "", **facts}


@pytest.mark.parametrize(
    ("facts", "outcome", "reason"),
    [
        ({"absent": "numpy"}, "error", "needs numpy"),
        ({"absent": "numpy", "in_tests": False}, "failed", "could not be imported"),
        ({"absent": "numpy.part"}, "error", "needs numpy"),
        ({"absent": "solution.part"}, "failed", "could not be imported"),
        ({"absent": "zzz"}, "failed", "could not be imported"),
        ({}, "failed", "X: y"),
    ],
)
def test_an_import_fails_by_the_codes_fault_or_by_that_of_the_environment(
    facts: Any, outcome: str, reason: str
) -> None:
    lines: Lines = [{"uncollected": "test_x.py", "outcome": "failed"}, {"broke": "test_x.py", **broken(**facts)}]
    run = verdict([*lines, {"collected": []}, {"done": 2}], exit_code=2)
    assert run.outcome == outcome
    assert reason in run.reason
    assert run.tests[A] == "error"


def test_what_the_sandbox_denies_while_a_file_is_imported_is_not_the_codes_fault() -> None:
    lines: Lines = [{"uncollected": "test_x.py", "outcome": "failed"}, {"broke": "test_x.py", **broken(denied="it")}]
    run = verdict([*lines, {"collected": []}, {"done": 2}], exit_code=2)
    assert run.outcome is Outcome.UNVERIFIED
    assert "asked for it, which the sandbox does not give" in run.reason
    assert run.denied[A] == run.denied[B] == "it"
    other: Lines = [{"uncollected": "test_y.py", "outcome": "failed"}, {"broke": "test_y.py", **broken()}]
    assert verdict([*lines, *other, {"collected": []}, {"done": 2}], exit_code=2).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("facts", "outcome", "reason"),
    [
        ({"denied": "a network"}, "unverified", "asked for a network"),
        ({"fixture": "nowhere"}, "failed", "X: y"),
        ({}, "failed", "X: y"),
    ],
)
def test_what_the_sandbox_denies_is_not_the_codes_fault(facts: Any, outcome: str, reason: str) -> None:
    lines: Lines = [
        {"collected": [A, B]},
        *phases(A, "failed"),
        *phases(B),
        {"broke": A, **broken(**facts)},
        {"done": 1},
    ]
    run = verdict(lines, exit_code=1)
    assert run.outcome == outcome
    assert reason in run.reason


@pytest.mark.parametrize(("fixture", "outcome"), [("nowhere", "error"), ("tmp_path", "failed"), ("", "failed")])
def test_a_fixture_is_missing_if_the_source_asks_for_one_that_nobody_defines(fixture: str, outcome: str) -> None:
    broke = {"broke": A, **broken(fixture=fixture)}
    setup = {"id": A, "when": "setup", "outcome": "failed", "xfail": False}
    assert verdict([{"collected": [A, B]}, setup, *phases(B), broke, {"done": 1}], exit_code=1).outcome == outcome


@pytest.mark.parametrize(
    ("ran", "outcome", "says"),
    [
        ({"exit_code": -9}, "failed", "by signal 9"),
        ({"exit_code": -9, "out_of_memory": True}, "error", "out of memory"),
        ({"exit_code": 137, "out_of_memory": True}, "error", "out of memory"),
        ({"exit_code": 1, "out_of_memory": True}, "failed", "exit code 1"),
    ],
)
def test_who_is_killed_has_failed_unless_the_machine_had_no_memory(ran: Any, outcome: str, says: str) -> None:
    run = verdict(PASS[:2], **ran)
    assert run.outcome == outcome
    assert says in run.reason


def test_texts_are_cleaned_and_cut_and_unknown_tests_are_not_kept() -> None:
    forged = f"{A}[\ud800\x00]", f"{A}[{'x' * 9999}1]", f"{A}[{'x' * 9999}2]"
    lines = [line for test in (*forged, "\ud800", "test_y.py::test_c") for line in phases(test)]
    broke: Lines = [{"broke": B, **broken(message="\ud800" * 3_000_000)}, {"broke": "other", **broken()}]
    run = verdict([{"begun": True}, *lines, *broke])
    assert set(map(len, run.tests)) == {len(forged[0]), 600, len(B)}
    assert len(run.tests) == 4
    assert len(run.messages[B]) == 600
    assert "other" not in run.messages
    for text in (*run.tests, run.reason, *run.messages.values(), *run.oddities):
        text.encode()


def test_oddities_are_counted_out() -> None:
    lines = [line for n in range(9999) for line in phases(f"test_y.py::test_{n}")]
    assert len(verdict([*PASS, *lines]).oddities) == 20


def test_a_failing_subtest_fails_its_test() -> None:
    run = verdict([*PASS[:-1], {"subtest": A}, {"done": 1}], exit_code=1)
    assert run.outcome is Outcome.FAILED
    assert run.tests[A] == "failed"


def test_one_failure_of_the_codes_own_is_enough() -> None:
    lines: Lines = [{"collected": [A, B]}, *phases(A, "failed"), *phases(B, "failed")]
    denied = {"broke": A, **broken(denied="a network")}
    run = verdict([*lines, denied, {"broke": B, **broken()}, {"done": 1}], exit_code=1)
    assert run.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ({A: "failed", B: "passed"}, ""),
        ({A: "passed", B: "passed"}, "passed even when changed"),
        ({A: "passed", B: "passed"}, "counts several values as equal"),
        ({A: "failed", B: "failed"}, "failed once"),
        ({A: "failed", B: "passed", f"{B}[2]": "passed"}, "other variants"),
        ({A: "error", B: "passed"}, "ended otherwise. It was stopped."),
        ({A: "failed"}, "ended otherwise"),
    ],
)
def test_a_canary_run_must_fail_exactly_where_it_was_changed(then: dict[str, str], says: str) -> None:
    first = TestRun(Outcome.PASSED, tests={A: "passed", B: "passed"})
    told = fooled(first, TestRun(Outcome.FAILED, "It was stopped.", then), [OF_A])
    assert says in told
    assert bool(told) is bool(says)


def test_a_canary_run_with_an_odd_report_gives_no_pass() -> None:
    first = TestRun(Outcome.PASSED, tests={A: "passed"})
    then = TestRun(Outcome.FAILED, tests={A: "failed"}, oddities=("test_a was reported twice",))
    assert "reported twice" in fooled(first, then, [OF_A])


def test_assertions_that_were_never_changed_are_told() -> None:
    assert weighed([OF_A], 8, 0) == ("1 tests, each changed in some of 8 runs, failed in those alone", "")
    assert "; 3 of their assertions were never changed" in weighed([OF_A], 8, 3)[0]
