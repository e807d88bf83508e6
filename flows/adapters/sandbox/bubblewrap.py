"""Confinement by bubblewrap, a program of the system's that makes namespaces: for kernels without Landlock.

https://github.com/containers/bubblewrap. Never from pip: the packages of that name there are not it.
"""

import base64
import os
from shutil import which
from typing import Any

from flows.adapters.sandbox.base import Job, Sandbox, common_order
from flows.adapters.sandbox.identity import spare_uid
from flows.adapters.sandbox.pipes import FAULT_FD, FILTER_FD
from flows.adapters.sandbox.policy import DEVICES, filter_program
from flows.adapters.sandbox.self_test import probe

OUTSIDE_LANDLOCK = 99
OWN_PROCESSES = 2
"""bwrap itself, in the old namespaces and in the new ones."""


class Bubblewrap(Sandbox):
    """Namespaces by `bwrap`, with the same seccomp filter and rlimits."""

    @property
    def mechanism(self) -> str:
        return "bubblewrap, own namespaces"

    def self_test(self) -> str | None:
        """See Sandbox.self_test."""
        if not which("bwrap"):
            return "bwrap is not installed"
        return probe(self)

    def order(self, job: Job) -> dict[str, Any]:
        job = job.as_command()
        uid = spare_uid() if job.reachable else None
        order = common_order(job, uid)
        shared = (
            job.scratch or job.tmp
        ) / ".shm"  # not memory of its own: bwrap cannot bound how many files that holds
        shared.mkdir()
        shared.chmod(0o1777)
        order["mounts"].append(str(shared))
        as_root = uid is None and os.geteuid() == 0
        programs = {own: filter_program(uid is None, own_mounts=own, abi=OUTSIDE_LANDLOCK) for own in (False, True)}
        return order | {
            "confined_by": "bubblewrap",
            "argv": [*_bwrap(order, str(shared)), *job.argv],
            "folders": order["mounts"],
            "limits": order["limits"] | {"pids": job.limits.pids + OWN_PROCESSES},
            "capabilities": None if uid is None else 0,  # root's own are needed to start, and dropped by bwrap itself
            "filter": base64.b64encode(programs[not as_root]).decode(),
            "filter_of_own_mounts": base64.b64encode(programs[True]).decode(),
            "shared_memory": as_root,  # root owns the devices: everything is made read-only before bwrap binds them
        }

    def fault(self, reply: dict[str, Any]) -> str:
        """bwrap reports an exit code only of what it could start."""
        fault: str = reply["fault"]
        if fault.startswith(("broken: ", "missing: ")):
            return fault.partition(": ")[2]
        if reply["stopped"] or '"exit-code"' in fault:
            return ""
        return reply["output"].strip() or f"bwrap ended with exit code {reply['exit_code']}"


def _bwrap(order: dict[str, Any], shared_memory: str) -> list[str]:
    words = [which("bwrap") or "bwrap", "--die-with-parent", "--new-session"]
    words += ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    for path in sorted(order["readable"]):
        words += ["--ro-bind-try", path, path]
    for path in DEVICES:
        words += ["--dev-bind", path, path]  # `--remount-ro` would close it
    words += ["--bind", shared_memory, "/dev/shm"]  # noqa: S108
    for path in order["mounts"]:
        words += ["--bind", path, path]
    words += ["--remount-ro", "/", "--chdir", order["work"]]  # or the root, which is memory, could be written to
    return [*words, "--seccomp", str(FILTER_FD), "--json-status-fd", str(FAULT_FD), "--"]
