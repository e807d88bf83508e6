"""Hostile and honest programs, each run by the mechanism of this machine; all of them by every mechanism if slow."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.bubblewrap import Bubblewrap
from flows.adapters.sandbox.judging import TestRun
from flows.adapters.sandbox.landlock import Landlock
from flows.adapters.sandbox.testing import run_tests
from tests.adapters.sandbox.excuses import EXCUSES
from tests.adapters.sandbox.forgers import FORGERS
from tests.adapters.sandbox.gluttons import RESOURCES, TIME
from tests.adapters.sandbox.hiders import HIDERS
from tests.adapters.sandbox.honest import HONEST
from tests.adapters.sandbox.honest_more import MORE
from tests.adapters.sandbox.programs import Program
from tests.adapters.sandbox.pryers import PRYERS
from tests.adapters.sandbox.readers import READERS
from tests.adapters.sandbox.schemers import BREAKERS, FORGERIES, OUTSIDERS
from tests.adapters.sandbox.trespassers import FILES, NETWORK, SECRETS
from tests.adapters.sandbox.world import World, world

CLASSES = {
    "forge": (*FORGERS, *READERS), "excuse": EXCUSES, "secret": SECRETS, "network": NETWORK, "file system": FILES,
    "time": TIME, "resources": RESOURCES, "honest": HONEST, "hide": HIDERS, "pry": (*PRYERS, *OUTSIDERS),
    "more honest": MORE, "scheme": FORGERIES, "break off": BREAKERS,
}  # fmt: skip
MECHANISMS: dict[str, Sandbox] = {
    "landlock": Landlock(),
    "bubblewrap": Bubblewrap(),
    "early landlock": Landlock(1, as_abi=2),
}
PROGRAMS = [
    pytest.param(
        mechanism,
        program,
        id=f"{mechanism}: {kind}: {program.name}",
        marks=[] if program.quick and mechanism == "landlock" else [pytest.mark.slow],
    )
    for mechanism in MECHANISMS
    for kind, programs in CLASSES.items()
    for program in programs
]


@pytest.fixture
def outside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    (place / "tmp").mkdir()
    with world() as made:
        monkeypatch.setenv("WORLD_SECRET", made.secret)
        monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))
        yield made


@pytest.mark.parametrize(("mechanism", "program"), PROGRAMS)
def test_what_must_hold_holds(mechanism: str, program: Program, outside: World, place: Path) -> None:
    sandbox = MECHANISMS[mechanism]
    if reason := _unusable(mechanism):
        pytest.skip(reason)
    code = place / "code"
    code.mkdir()
    program.write(code, outside.known)
    (code / "way-out").symlink_to(outside.folder)
    run = run_tests(
        sandbox,
        code,
        {"test_solution.py": (code / "test_solution.py").read_text(encoding="utf-8")},
        Limits(**{"wall_s": 10.0, "memory_mb": 512, **program.limits}),
        home=("solution",),
    )
    assert outside.harm() == []
    if program.signals and "no signals between processes" in sandbox.mechanism and run.outcome != "passed":
        assert "signals between processes" in run.reason
        return
    assert run.outcome in program.verdicts, told(run)
    assert program.says.replace("@MARK@", outside.mark) in run.reason, told(run)
    assert outside.secret not in run.output
    assert_storable(run)
    assert list((place / "tmp").iterdir()) == []


def assert_storable(run: TestRun) -> None:
    for text in (*run.tests, run.reason, *run.messages.values(), *run.oddities):
        text.encode()
        assert len(text) < 9000
    assert len(run.tests) < 99


def told(run: TestRun) -> str:
    return f"{run.outcome}: {run.reason}\n{dict(run.tests)}\n{run.output[-3000:]}"


_REASONS: dict[str, str | None] = {}


def _unusable(mechanism: str) -> str | None:
    if mechanism not in _REASONS:
        _REASONS[mechanism] = MECHANISMS[mechanism].self_test()
    return _REASONS[mechanism]
