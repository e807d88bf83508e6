"""Python environments to test repositories in: one for each set of requirements, read-only to what is tested."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from flows.adapters.requirements import pins, requirements
from stages.errors import Permanent, Transient

KEPT = 20
"""Environments kept; the one not used for longest goes first."""
_READY = "ready"
_OURS = re.compile(r"PATH|HOME|TMPDIR|LANG|LC_.*|PIP_.*|SSL_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(?i:\w+_proxy)")
"""Of the worker's environment, what pip is given: how to reach an index, and none of the worker's secrets."""
_NO_INDEX = re.compile(r"connection broken by .*|(?:Connection|ReadTimeout|ProxyError)\w*: .*")


class Environments:
    """Environments in a folder. `named`: the interpreter that the settings name, used for everything."""

    def __init__(self, folder: Path, named: Path | None = None, timeout: float = 900) -> None:
        self._folder = folder
        self._named = named
        self._timeout = timeout

    def python(self, tree: Path) -> Path | None:
        """The interpreter to test this tree with; None: the worker's own, which is enough.

        Raises Permanent, as a clause, where none can be made, and Transient where the index does not answer.
        Only wheels are installed: nothing of a package is run.
        """
        if self._named or not (wanted := requirements(tree)):
            return self._named
        locked = pins(tree)
        key = hashlib.sha256("\n".join((sys.version, *wanted, "", *locked)).encode()).hexdigest()[:16]
        place = self._folder / key
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / f"{key}.lock"):
            if not (place / _READY).exists():
                self._make(place, wanted, locked)
            for path in (place / _READY, place):  # the caches go by the folder
                os.utime(path)
        self._forget_old()
        return place / "bin" / "python"

    def _make(self, place: Path, wanted: tuple[str, ...], locked: tuple[str, ...]) -> None:
        shutil.rmtree(place, ignore_errors=True)
        python = str(place / "bin" / "python")
        self._run(sys.executable, "-m", "venv", "--without-pip", str(place))  # ours serves: it takes seconds to unpack
        (place / "wanted.txt").write_text("\n".join((*wanted, "pytest")))
        (place / "locked.txt").write_text("\n".join(locked) or f"pytest=={version('pytest')}")
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check")
        files = ("-r", str(place / "wanted.txt"), "-c", str(place / "locked.txt"))
        self._run(*pip, "--no-input", "--only-binary=:all:", *files)
        (place / _READY).touch()

    def _run(self, *argv: str) -> None:
        try:
            given = {name: value for name, value in os.environ.items() if _OURS.fullmatch(name)}
            done = subprocess.run(argv, capture_output=True, text=True, timeout=self._timeout, check=False, env=given)
        except subprocess.TimeoutExpired:
            raise Permanent(f"its environment was not made within {self._timeout:g} s") from None
        if done.returncode and (trouble := _NO_INDEX.search(done.stderr)):
            raise Transient(f"The package index does not answer, so no environment can be made: {trouble[0][:300]}.")
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()][-1:] or [f"exit code {done.returncode}"]
            raise Permanent(f"its environment cannot be made: {said[0].strip()[:300]}")

    def _forget_old(self) -> None:
        ready = sorted(self._folder.glob(f"*/{_READY}"), key=lambda file: file.stat().st_mtime)
        for file in ready[:-KEPT]:
            file.unlink(missing_ok=True)
            shutil.rmtree(file.parent, ignore_errors=True)
