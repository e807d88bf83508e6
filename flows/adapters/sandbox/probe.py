"""What the self-test runs confined, with FOLDER, PORT and WORKER in its environment. Standard library only.

Each trial that must fail is named "could …", each that must succeed "must …"; the result says "ok", or what happened.
"""
# ruff: noqa: PTH101, PTH102, PTH104, PTH107, PTH116, PTH123, PTH208, PTH211, SIM115 (the plain calls are what is tried)

import ctypes
import json
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress

FOLDER, PORT, WORKER = os.environ["FOLDER"], int(os.environ["PORT"]), int(os.environ["WORKER"])
CANARY = f"{FOLDER}/canary"
libc = ctypes.CDLL(None, use_errno=True)


def must(trial: Callable[[], object]) -> str:
    """Ok if it works, else what happened."""
    try:
        return "ok" if trial() is not False else "does not work"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def could(trial: Callable[[], object]) -> str:
    """Ok if it is refused, else "succeeded"."""
    try:
        trial()
    except (OSError, SystemError):
        return "ok"
    return "succeeded"


def any_socket() -> None:
    """Raises OSError if no family and type of socket can be had."""
    for family in range(64):
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            return
    raise OSError


def a_call(*words: object) -> None:
    """A function of the C library; raises OSError for its refusal."""
    name, *arguments = words
    if getattr(libc, str(name))(*arguments) == -1:
        raise OSError(ctypes.get_errno(), str(name))


def write_own() -> bool:
    """Whether a file can be written here, and a temporary one, and devices work."""
    with open("probe", "w") as here, tempfile.NamedTemporaryFile() as there:
        here.write("probe")
        there.write(b"probe")
    with open("/dev/null", "wb") as null:
        null.write(b"probe")
    os.remove("probe")
    return len(os.urandom(8)) == 8


def fork() -> bool:
    """Whether there can be a child."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def truncate_by_opening() -> None:
    """Without the right to write, which older kernels take for enough."""
    os.close(os.open(CANARY, os.O_RDONLY | os.O_TRUNC))


def change_outside() -> None:
    """Raises OSError if neither mode nor times of the canary can be changed; pretended success is none."""
    before = os.stat(CANARY)
    with suppress(OSError):
        os.chmod(CANARY, 0o444)
    with suppress(OSError):
        os.utime(CANARY)
    after = os.stat(CANARY)
    if (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns):
        raise OSError("both are as they were")


def socket_pair() -> None:
    """What asyncio needs."""
    for end in socket.socketpair():
        end.close()


outcome = {
    "must write own files": must(write_own),
    "must start a process": must(fork),
    "must have a pair of sockets": must(socket_pair),
    "could read a file outside": could(lambda: open(CANARY).read()),
    "could list a folder outside": could(lambda: os.listdir(FOLDER)),
    "could write outside": could(lambda: open(f"{FOLDER}/new", "w").close()),
    "could append to a file outside": could(lambda: open(CANARY, "a").write("!")),
    "could truncate a file outside": could(lambda: os.truncate(CANARY, 0)),
    "could truncate a file outside by opening it": could(truncate_by_opening),
    "could remove a file outside": could(lambda: os.remove(CANARY)),
    "could rename a file outside": could(lambda: os.rename(CANARY, f"{CANARY}2")),
    "could link a file from outside": could(lambda: os.link(CANARY, "linked")),
    "could make a link outside": could(lambda: os.symlink("/", f"{FOLDER}/link")),
    "could make a folder outside": could(lambda: os.mkdir(f"{FOLDER}/folder")),
    "could change mode or times of a file outside": could(change_outside),
    "could open a socket": could(any_socket),
    "could connect to this machine": could(lambda: socket.create_connection(("127.0.0.1", PORT), 1).close()),
    "could have a pair of datagram sockets": could(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
    "could signal the worker": could(lambda: os.kill(WORKER, 0)),
    "could trace a process": could(lambda: a_call("ptrace", 0, 0, 0, 0)),
    "could make a namespace": could(lambda: a_call("unshare", 0x10000000)),
    "could read /proc": could(lambda: open("/proc/self/environ").read()),
}
with open(3, "w") as result:
    json.dump(outcome, result)
