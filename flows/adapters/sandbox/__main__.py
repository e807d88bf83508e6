"""`python -m flows.adapters.sandbox WORKDIR LIMITS.json`: one folder's verdict as a line of JSON.

WORKDIR holds `solution.py` and whatever it ships, and `test_solution.py`, which is trusted. LIMITS has any of wall_s,
cpu_s, memory_mb, disk_mb, pids, nofile, output_kb. Exit code 0 once there is a verdict, whatever it is.
"""

import json
import os
import signal
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from flows.adapters.sandbox import MOST, Limits, choose
from flows.adapters.sandbox.judging import Outcome, TestRun
from flows.adapters.sandbox.testing import run_tests
from stages.errors import WorkerError

TESTS = "test_solution.py"
RUNNER = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
MISSING = "WORKDIR holds no solution.py."


def main(arguments: list[str]) -> int:
    """Print the verdict; 2 for a wrong call."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m flows.adapters.sandbox WORKDIR LIMITS.json\n")
        return 2
    run = verdict(Path(arguments[0]), Path(arguments[1]))
    line: dict[str, object] = {"verdict": run.outcome, "tests": dict(run.tests), "reason": run.reason}
    line |= {"canaries": run.canaries, "mechanism": run.mechanism, "seconds": round(run.seconds, 3)}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0


def verdict(workdir: Path, limits: Path) -> TestRun:
    """What the trusted tests in a folder say about the rest of it."""
    try:
        bounds = read_limits(limits)
        text = (workdir / TESTS).read_text(encoding="utf-8")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return TestRun(Outcome.ERROR, f"{error}")
    try:
        sandbox = choose()
        if isinstance(sandbox, str):
            return TestRun(Outcome.UNVERIFIED, sandbox)
        run = run_tests(sandbox, workdir, {TESTS: text}, bounds, home=shipped(workdir))
        return replace(run, reason=MISSING) if run.outcome is Outcome.FAILED and not _is_there(workdir) else run
    except Exception as error:  # whatever it is, the caller expects a line of JSON
        reason = f"{error}" if isinstance(error, WorkerError) else f"{type(error).__name__}: {error}"
        return TestRun(Outcome.ERROR, reason)


def shipped(workdir: Path) -> frozenset[str]:
    """Top-level modules of the folder, in place of packages of those names; none that Python or pytest itself uses."""
    modules = {entry.stem for entry in workdir.glob("*.py")} | {entry.parent.name for entry in workdir.glob("*/*.py")}
    return frozenset({"solution", *modules} - {Path(TESTS).stem, *sys.stdlib_module_names, *RUNNER})


def _is_there(workdir: Path) -> bool:
    """Whether there is a module of the name that tests import, or a package."""
    return (workdir / "solution.py").exists() or (workdir / "solution").is_dir()


def read_limits(path: Path) -> Limits:
    """The limits in a JSON file. Raises OSError, ValueError."""
    given = json.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Limits)}
    if not isinstance(given, dict) or given.keys() - known:
        raise ValueError(f"{path}: an object with any of {', '.join(sorted(known))} is expected")
    whole = {field.name for field in fields(Limits) if isinstance(field.default, int)}
    limits = Limits(**{name: _whole(value) if name in whole else value for name, value in given.items()})
    enough = max(limits.cpu_s, limits.wall_s * (os.cpu_count() or 1))
    return limits if "cpu_s" in given else replace(limits, cpu_s=min(enough, MOST))


def _whole(value: Any) -> Any:
    """512.0 is 512."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _leave(*_: object) -> None:
    """On SIGTERM: tidy up on the way out, and be asked once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(main(sys.argv[1:]))
