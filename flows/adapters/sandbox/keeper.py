"""The process around a supervisor: should that one die, what it started must not live on.

Standard library only.
"""

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from flows.adapters.sandbox.kernel import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl
from flows.adapters.sandbox.processes import Family


def keep(serve: Callable[[], int]) -> int:
    """Serve in a child, and return its exit code once nothing of it is left.

    SIGTERM ends all of it, a supervisor that hangs included. Of a keeper that is killed the supervisor hears by
    SIGTERM, and ends all of it likewise: only both at once could leave something behind.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, leave)
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        return serve() if os.getppid() == keeper else 1
    os.close(0)  # the orders are not ours to read
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        Family().end()


def die_with_parent() -> None:
    """To be said again after each change of credentials, which clears it."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def leave(*_: object) -> NoReturn:
    """On SIGTERM."""
    raise SystemExit(1)
