"""Whether a mechanism holds here, found out by trying: a probe that must be able to do little, and nothing else."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.adapters.sandbox import Limits
from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.sandbox.scratch import OF_RUNS, scratch, sweep
from stages.errors import SandboxBroken

if TYPE_CHECKING:
    from flows.adapters.sandbox.base import Sandbox

WORK, OUTSIDE = "autocoder-self-test-", "autocoder-canary-"
CANARY = "a secret of the self-test"
PROBE = Path(__file__).with_name("probe.py")
LIMITS = Limits(wall_s=20, cpu_s=20)


def probe(sandbox: "Sandbox") -> str | None:
    """None if the probe could do what it must and nothing that it must not, else which; runs about 80 ms."""
    try:
        sweep(WORK, OUTSIDE, OF_RUNS)
        with _outside() as (folder, port), scratch(WORK) as work:
            work.chmod(0o755)
            argv = [str(interpreter().python), "-I", "-S", "-B", "-"]
            env = {"FOLDER": str(folder), "PORT": str(port), "WORKER": str(os.getpid())}
            ran = sandbox.run(argv, work, limits=LIMITS, env=env, stdin=PROBE.read_text(), result_fd=True)
            done = json.loads(ran.result) if ran.result else {"could not start": ran.output.strip()[-300:]}
            untouched = _untouched(folder)
    except SandboxBroken as error:
        return str(error)
    must_not = [name for name, outcome in done.items() if outcome != "ok" and name.startswith("could")]
    missed = [f"{name} ({outcome})" for name, outcome in done.items() if outcome != "ok" and name.startswith("must")]
    if not untouched:
        must_not.append("could change a file outside")
    return "; ".join([*must_not, *missed]) or None


def _untouched(folder: Path) -> bool:
    canary = folder / "canary"
    return list(folder.iterdir()) == [canary] and canary.is_file() and canary.read_text() == CANARY


@contextmanager
def _outside() -> Iterator[tuple[Path, int]]:
    """A folder that anybody may write to, with a canary that anybody may read and write, and a port that listens."""
    with scratch(OUTSIDE) as folder, socket.create_server(("127.0.0.1", 0)) as server:
        folder.chmod(0o777)
        (folder / "canary").write_text(CANARY)
        (folder / "canary").chmod(0o666)
        yield folder, server.getsockname()[1]
