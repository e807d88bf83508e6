"""The process between the worker and what it runs confined: starts it, watches it, ends it and all it started.

It runs unconfined, does what the worker orders, one order at a time, and ends with the worker.
"""

import base64
import ctypes
import gc
import json
import os
import select
import sys
import time
from contextlib import closing, suppress
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from flows.adapters.sandbox import disk
from flows.adapters.sandbox.confine import enter
from flows.adapters.sandbox.keeper import die_with_parent
from flows.adapters.sandbox.kernel import PR_SET_CHILD_SUBREAPER, prctl
from flows.adapters.sandbox.meter import MB, Meter
from flows.adapters.sandbox.mounts import fresh_shared_memory, private_mounts
from flows.adapters.sandbox.pipes import Pipes
from flows.adapters.sandbox.processes import Family, out_of_memory_kills

POLL_S = 0.015
RESULT_LIMIT = 16 * MB
"""Nothing honest has so much to report."""
Order = dict[str, Any]


def serve() -> int:
    """Carry out orders until the worker closes its end. One reply each.

    An order is two lines of JSON: the modules to import beforehand, for us, and the order itself, for a fork of us that
    ends with it. We never see an order or a reply, so no run inherits anything of another, be it in memory alone.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    while line := _head():
        with suppress(Exception):  # it is tried again where there is somebody to tell
            _preload(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _serve_one()
        if os.waitpid(pid, 0)[1]:
            Family().end()
            return 1
    return 0


def _head() -> bytes:
    """The next line, byte by byte: what follows is not for us."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    return line


def _serve_one() -> NoReturn:
    """Carry out one order, with mounts of its own where there can be one."""
    code = 1
    try:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        family = Family()
        order = json.loads(sys.stdin.buffer.readline())
        order["shared_memory"] = order["shared_memory"] and private_mounts()
        die_with_parent()
        reply = _carry_out(order, family)
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
        family.end()
        code = 0
    finally:
        os._exit(code)


def _carry_out(order: Order, family: Family) -> dict[str, Any]:
    try:
        _preload(order["preload"], order["library"])
        if order["shared_memory"]:
            fresh_shared_memory(order["limits"]["memory_mb"])
        return _run(order, family)
    except Exception as error:  # whatever it is, the worker has to hear of it
        return {"fault": f"broken: {type(error).__name__}: {error}"}


def _preload(preload: list[str], library: list[str]) -> None:
    """Import what is trusted before the forks: each run is spared the time, and can read less."""
    path = list(sys.path)
    sys.path += library
    try:
        for name in [name for name in preload if name not in sys.modules]:
            module = import_module(name) if name != "landlockpy" else _import_landlock()
            if hasattr(module, "warm_up"):
                module.warm_up()
    finally:
        sys.path[:] = path
    gc.freeze()  # or every fork looks through all of this again, and copies it


def _import_landlock() -> ModuleType:
    """Without the search for the C library, which starts another program."""
    stand_in = ModuleType("ctypes.util")
    vars(stand_in)["find_library"] = lambda _: None
    sys.modules["ctypes.util"] = vars(ctypes)["util"] = stand_in
    import landlockpy

    landlockpy.abi_version()
    del sys.modules["ctypes.util"], vars(ctypes)["util"]
    return landlockpy


def _run(order: Order, family: Family) -> dict[str, Any]:
    """One confined process from its start to the end of all that it started."""
    limits, killed = order["limits"], out_of_memory_kills()
    meter = Meter(limits, order["folders"], order["shared_memory"])
    alone = order["shared_memory"]
    program = base64.b64decode(order["filter_of_own_mounts" if alone else "filter"])
    program = program if order["confined_by"] == "bubblewrap" else b""
    with closing(Pipes.open(order["stdin"], program, with_result=order["result_fd"])) as pipes:
        keep = {pipes.output: int(limits["output_kb"] * 1024), pipes.result: RESULT_LIMIT, pipes.fault: MB}
        pid = os.fork()
        if pid == 0:
            enter(order, pipes, family.root)
        try:
            pipes.start_reading()
            stopped = _watch(pid, pipes, keep, meter, family)
        except SystemExit:  # the worker is gone, and cannot tidy up
            family.end()
            disk.remove(order["scratch"])
            raise
        finally:
            statuses = family.end()
        for fd in pipes.ours:
            while pipes.read(fd, keep[fd]):
                pass
        exit_code = os.waitstatus_to_exitcode(statuses.pop(pid))
        if exit_code and not stopped:
            meter.look_for_full_disk()
        output, result, fault = (pipes.taken(fd, keep[fd]) for fd in pipes.ours)
    return {
        "exit_code": exit_code,
        "stopped": stopped,
        "output": output.decode(errors="replace"),
        "result": base64.b64encode(result).decode(),
        "fault": fault.decode(errors="replace"),
        "seconds": meter.seconds,
        "cpu_s": meter.cpu_s,
        "memory_mb": meter.memory / MB,
        "out_of_memory": out_of_memory_kills() > killed,
    }


def _watch(pid: int, pipes: Pipes, keep: dict[int, int], meter: Meter, family: Family) -> str:
    """Return when the process has ended, or a limit is broken: which one."""
    ended, worker = os.pidfd_open(pid), sys.stdin.fileno()
    poller = select.poll()
    for fd in (ended, worker, *pipes.ours):
        poller.register(fd, select.POLLIN)
    try:
        next_look = time.monotonic() + POLL_S
        while True:
            ready = {fd for fd, _ in poller.poll(POLL_S * 1000)}
            for fd in ready.intersection(pipes.ours):
                if not pipes.read(fd, keep[fd]):
                    poller.unregister(fd)
            if worker in ready:
                raise SystemExit(1)  # it says nothing while an order is carried out: it is gone
            if ended in ready:
                return ""
            if time.monotonic() >= next_look:
                if limit := meter.broken(family):
                    return limit
                next_look = time.monotonic() + POLL_S
    finally:
        os.close(ended)
