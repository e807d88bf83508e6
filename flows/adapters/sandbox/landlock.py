"""Confinement by the process itself: Landlock for files, seccomp for system calls, rlimits for what it uses."""

import base64
from typing import Any

from flows.adapters.sandbox.base import Job, Sandbox, common_order
from flows.adapters.sandbox.identity import all_reachable, may_change, spare_uid
from flows.adapters.sandbox.interpreter import interpreter
from flows.adapters.sandbox.kernel import CAP_DAC_READ_SEARCH
from flows.adapters.sandbox.policy import DEVICES, filter_program
from flows.adapters.sandbox.self_test import probe

OLDEST_ABI = 1
SCOPE_ABI = 6
"""Linux 6.12: signals stay inside. Before it seccomp must forbid them, unless the uid is changed."""


class Landlock(Sandbox):
    """Landlock + seccomp + rlimits.

    at_least: the ABI of the kernel that it asks for. as_abi: pretends an older kernel, for tests.
    """

    def __init__(self, at_least: int = OLDEST_ABI, as_abi: int | None = None) -> None:
        self._at_least = at_least
        self._as_abi = as_abi

    @property
    def mechanism(self) -> str:
        signals = "" if self._abi() >= SCOPE_ABI or may_change() else ", no signals between processes"
        return f"landlock, {_identity()}{signals}"

    def self_test(self) -> str | None:
        """See Sandbox.self_test."""
        if not (abi := self._abi()):
            return "the kernel has no Landlock, or it is not enabled (`lsm=` of the kernel's command line)"
        if abi < self._at_least:
            return f"the kernel's Landlock is of version {abi}, {self._at_least} is needed"
        return probe(self)

    def order(self, job: Job) -> dict[str, Any]:
        job = job if job.python.is_ours else job.as_command()
        uid = spare_uid()
        order = common_order(job, uid)
        programs = {own: filter_program(uid is None, own_mounts=own, abi=self._abi()) for own in (False, True)}
        return order | {
            "confined_by": "landlock",
            "abi": self._abi(),
            "capabilities": 0 if uid is None or job.reachable else 1 << CAP_DAC_READ_SEARCH,
            "filter": base64.b64encode(programs[False]).decode(),
            "filter_of_own_mounts": base64.b64encode(programs[True]).decode(),
            "devices": DEVICES,
            "preload": ["landlockpy", *(job.preload if job.plan is not None else ())],
            "shared_memory": True,
        }

    def fault(self, reply: dict[str, Any]) -> str:
        fault: str = reply["fault"]
        return fault.removeprefix("broken: ") if fault.startswith("broken: ") else ""

    def _abi(self) -> int:
        import landlockpy

        abi: int = landlockpy.abi_version()
        return min(abi, self._as_abi or abi)


def _identity() -> str:
    if not may_change():
        return "the worker's own uid"
    if all_reachable(interpreter().samples, ()):
        return "a uid of its own"
    return "a uid of its own that reads past file permissions (Python's folder is closed to others)"
