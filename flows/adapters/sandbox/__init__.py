"""Run what nobody trusts: a command confined by the kernel, within limits, of which nothing survives.

`choose()` gives the mechanism that holds on this machine; `testing.run_tests` runs trusted tests in it.
"""

from dataclasses import dataclass, fields
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.adapters.sandbox.base import Sandbox


MOST = 10**9
"""Of any limit: what the kernel and its clocks can be told."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use, all its processes together. Raises ValueError for what is no limit."""

    wall_s: float = 60.0
    cpu_s: float = 120.0
    memory_mb: int = 1024
    """Resident memory; looked at every 15 ms. One process alone cannot allocate much more than twice of it."""
    disk_mb: int = 256
    """What a run may add to its folders; also the largest single file."""
    pids: int = 64
    """Processes and threads."""
    nofile: int = 256
    """Open files, per process."""
    output_kb: int = 256
    """What is kept of standard output and error: the end. More output is no fault."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, whole = getattr(self, field.name), isinstance(field.default, int)
            fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            if not fits or not 0 < value <= MOST:
                wanted = f"a {'whole ' * whole}number above 0 and at most {MOST:,}"
                raise ValueError(f"the limit {field.name} is {value!r}: {wanted} is expected")


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a confined command ended, and what it said."""

    exit_code: int
    """Negative: the signal that ended it; 127: there is no such program."""
    stopped: str = ""
    """The limit that ended it ("wall time", "CPU time", "memory", "disk", "processes"), empty for none."""
    output: str = ""
    """Standard output and error as they came, the end of it."""
    result: bytes = b""
    """What it wrote to RESULT_FD."""
    seconds: float = 0.0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    """The most that was seen."""
    out_of_memory: bool = False
    """Whether the machine killed processes for want of memory meanwhile, be it this one or others."""


HOW_TO_GET_ONE = (
    "Get one by a Linux kernel of 6.12 or newer with Landlock enabled and libseccomp "
    "(Debian, Ubuntu: apt-get install libseccomp2), or by bubblewrap (apt-get install bubblewrap)."
)
_choosing = Lock()


def choose() -> "Sandbox | str":
    """The first mechanism that passes its self-test on this machine, or the reason why none does.

    Tried once per process: Landlock with its signal scope, bubblewrap, Landlock on older kernels.
    """
    with _choosing:
        return _choose()


@cache
def _choose() -> "Sandbox | str":
    from flows.adapters.sandbox.bubblewrap import Bubblewrap
    from flows.adapters.sandbox.landlock import OLDEST_ABI, SCOPE_ABI, Landlock

    candidates: tuple[Sandbox, ...] = (Landlock(SCOPE_ABI), Bubblewrap(), Landlock(OLDEST_ABI))
    reasons = []
    for sandbox in candidates:
        reason = sandbox.self_test()
        if reason is None:
            return sandbox
        reasons.append(f"{sandbox.mechanism.partition(',')[0]}: {reason}")
    return f"Nothing on this machine confines untrusted code ({'; '.join(reasons)}). {HOW_TO_GET_ONE}"
