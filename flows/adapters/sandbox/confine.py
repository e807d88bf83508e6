"""What a process does to itself before it runs anything that nobody trusts, in this order. No way leads back.

It is a fork of the supervisor: standard library and landlockpy.
"""
# ruff: noqa: PTH110, PTH112, PTH123

import base64
import os
import resource
import signal
import sys
import traceback
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

from flows.adapters.sandbox import kernel
from flows.adapters.sandbox.mounts import write_only_to
from flows.adapters.sandbox.pipes import FAULT_FD, Pipes
from flows.adapters.sandbox.processes import threads_of

MB = 1 << 20
BROKEN, MISSING = "broken: ", "missing: "
"""How a report on FAULT_FD begins: of a failed start, or of a program that is not there."""


def enter(order: dict[str, Any], pipes: Pipes, supervisor: int) -> NoReturn:
    """Confine this process as ordered, then become the program, or run the trusted tests."""
    try:
        pipes.enter()
        alone = order["shared_memory"] and _alone(order)
        _settle(order)
        _limit(order)
        _become(order["uid"], order["capabilities"])
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(1)
        if order["confined_by"] == "landlock":
            _confine(order, order["filter_of_own_mounts" if alone else "filter"])
    except BaseException as error:  # nothing may run that is half confined
        _report(f"{BROKEN}{type(error).__name__}: {error}")
        os._exit(126)
    try:
        if order["plan"] is not None:
            _run_tests(order)
        os.set_inheritable(FAULT_FD, order["confined_by"] == "bubblewrap")  # it reports there, and closes it
        _execute(order["argv"], order["env"])
    except BaseException:  # it must not go on as a second supervisor
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(126)


def _alone(order: dict[str, Any]) -> bool:
    """Whether all but its folders is read-only now: the filter may then allow what changes modes and times.

    Raises OSError for bubblewrap, which has its filter already; it makes a user namespace by way of /proc.
    """
    if order["confined_by"] == "bubblewrap":
        write_only_to([*order["mounts"], "/proc"])
        return True
    with suppress(OSError):
        write_only_to(order["mounts"])
        return True
    return False


def _settle(order: dict[str, Any]) -> None:
    os.setsid()
    os.umask(0o022)
    python = order["plan"] is not None
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler if python else signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN if python else signal.SIG_DFL)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when memory runs out, this process goes and not its supervisor
    os.chdir(order["work"])


def _limit(order: dict[str, Any]) -> None:
    limits, uid = order["limits"], order["uid"]
    # without a uid of its own others of ours count, too, and other runs may begin; the meter holds the limit anyway
    others = threads_of(os.getuid()) + limits["pids"] * (os.cpu_count() or 1) if uid is None else 0
    cpu = int(limits["cpu_s"]) + 1
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, MB),
        (resource.RLIMIT_FSIZE, limits["disk_mb"] * MB),
        (resource.RLIMIT_NOFILE, limits["nofile"]),
        (resource.RLIMIT_NPROC, others + limits["pids"]),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_DATA, 2 * limits["memory_mb"] * MB + 512 * MB),
    ):
        _, hard = resource.getrlimit(kind)
        value = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(kind, (value, value))


def _become(uid: int | None, capabilities: int | None) -> None:
    """Drop to a uid that owns nothing, if one is given, and to these capabilities. None: keep them."""
    if uid is not None:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
        if capabilities:
            with suppress(OSError):  # without it access() says no where open() and execve() say yes
                kernel.prctl(kernel.PR_SET_SECUREBITS, kernel.SECBIT_NO_SETUID_FIXUP)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if capabilities is not None:
        kernel.keep_capabilities(capabilities)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def _confine(order: dict[str, Any], filter_program: str) -> None:
    import landlockpy as landlock  # imported by the supervisor: it could not be read any more by now

    fs = landlock.AccessFS
    abi = min(order["abi"], landlock.abi_version())
    look = fs.READ_FILE | fs.READ_DIR | fs.EXECUTE
    device = fs.READ_FILE | fs.WRITE_FILE
    every = landlock.fs_for_abi(abi)
    scope = landlock.scope_for_abi(abi)
    with landlock.Ruleset(handled_fs=every, handled_net=landlock.net_for_abi(abi), scoped=scope) as rules:
        for path, rights in (
            *((path, look) for path in order["readable"]),
            *((path, device) for path in order["devices"]),
            *((path, every & ~fs.MAKE_CHAR & ~fs.MAKE_BLOCK) for path in order["folders"]),
        ):
            _allow(rules, path, rights if os.path.isdir(path) else rights & _ON_FILES)
        if order["shared_memory"]:
            rules.allow_path("/dev/shm", device | fs.MAKE_REG | fs.REMOVE_FILE | fs.TRUNCATE)  # noqa: S108
        rules.restrict()
    kernel.load_filter(base64.b64decode(filter_program))


_ON_FILES = 0b1 | 0b10 | 0b100 | 1 << 14
"""Rights that a rule on a single file may grant: execute, write, read, truncate."""


def _allow(rules: Any, path: str, rights: int) -> None:
    if os.path.exists(path):
        rules.allow_path(path, rights)


def _run_tests(order: dict[str, Any]) -> NoReturn:
    """Run trusted tests here: a Python is started already, and the supervisor has imported what they are run by."""
    from flows.adapters.sandbox.runner import main

    sys.modules["__main__"] = ModuleType("__main__")  # or multiprocessing's spawn would run the supervisor's once more
    os.environ.clear()
    os.environ.update(order["env"])
    os.close(FAULT_FD)
    main(order["plan"])


def _execute(argv: list[str], env: dict[str, str]) -> NoReturn:
    try:
        os.execvpe(argv[0], argv, env)  # noqa: S606 (that is what it is for)
    except OSError as error:
        _report(f"{MISSING}{argv[0]}: {error.strerror}")
    os._exit(127)


def _report(text: str) -> None:
    os.write(FAULT_FD, text.encode(errors="replace")[:4000])
