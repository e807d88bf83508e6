"""What confinement did not give to a test that failed: then the code may be right all the same.

Runs confined, beside the code, which may lie to it; all that a lie gains is "unverified". Standard library only.
"""
# ruff: noqa: PTH101, PTH109, PTH110, PTH116, PTH117, PTH118, PTH120 (the code may change what pathlib does)

import errno
import os
import re
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import TypeGuard

TERMINAL = "a terminal (/dev/ptmx)"
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.ENOTSUP)
CALLS = {
    "files in memory (memfd_create)": r"memfd_create",
    TERMINAL: r"openpty|forkpty|pty\.\w+",
    "extended attributes of files": r"\w+xattr",
    "other owners of files (chown)": r"l?f?chown",
    "device files (mknod)": r"mknod",
    "descriptors sent between processes (sendmsg)": r"sendmsg|send_fds|send_handle",
    "other namespaces or roots": r"unshare|setns|chroot",
    "signals between processes": r"kill|killpg|raise_signal|pidfd_send_signal|pthread_kill",
    "priorities of other processes": r"setpriority|sched_set\w+|prlimit",
}
"""Limit → calls, as they stand in the line that failed."""
NETWORK, USERS = "a network", "the list of users (/etc/passwd)"
UNIX_SOCKETS = "sockets that are paths (multiprocessing's Manager and forkserver need them)"
MODES = "modes and times of files (chmod, utime), which are only pretended here"
PERMISSIONS = "permissions of files that hold for it (they do not where Python's own folder is closed to others)"


class Denials:
    """Found out by trying, before the code is there: whether chmod is pretended, and whether permissions hold."""

    def __init__(self, tests: str) -> None:
        self._tests = os.path.realpath(tests)
        self._own = os.path.realpath(os.getcwd()), os.path.realpath(tempfile.gettempdir())
        self._pretends, self._permissions_hold = _tried()
        self._pretended = 0
        if self._pretends:
            sys.addaudithook(self._hear)

    def _hear(self, event: str, _: object) -> None:
        if event in ("os.chmod", "os.utime"):
            asked = sys._getframe(1).f_code.co_filename  # copies ask by the way
            self._pretended += not asked.endswith("/shutil.py") and "/_pytest/" not in asked

    def next_test(self) -> None:
        """What the last one asked for is no excuse for this one."""
        self._pretended = 0

    def of(self, error: BaseException) -> str:
        """What was not given, if the exception comes of that; else empty."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [(frame.filename, frame.line or "") for frame in frames]
        if not lines or (isinstance(error, (OSError, LookupError)) and _raised_by_hand(*lines[-1])):
            return ""
        if isinstance(error, (socket.gaierror, socket.herror)):
            return NETWORK
        if _of_users(error, lines[-1][0]):
            return USERS
        if isinstance(error, EOFError) and _through(lines, "/multiprocessing/managers.py"):
            return UNIX_SOCKETS
        if isinstance(error, OSError):
            return self._refused(error, lines)
        if not self._permissions_hold and "DID NOT RAISE" in str(error) and "PermissionError" in str(error):
            return PERMISSIONS
        return MODES if self._pretended else ""

    def hidden(self, error: BaseException) -> str:
        """The path that was not found, if it is none of its own folders': outside of the sandbox it may be there."""
        path = os.path.realpath(os.fsdecode(error.filename)) if _is_of_a_path(error) else ""
        lines = [(frame.filename, frame.line or "") for frame in traceback.extract_tb(error.__traceback__)]
        foreign = path and not any(_within(path, folder) for folder in (*self._own, self._tests))
        return path if foreign and lines and not _raised_by_hand(*lines[-1]) else ""

    def _refused(self, error: OSError, lines: list[tuple[str, str]]) -> str:
        if _through(lines, "/pty.py") and "pty" in str(error):
            return TERMINAL
        if error.errno not in (*REFUSALS, errno.ENOENT):
            return ""
        named = (limit for limit, calls in CALLS.items() if re.search(rf"\b({calls})\(", lines[-1][1]))
        limit = next(named, "")
        if error.errno == errno.ENOENT:
            return limit if limit == TERMINAL else ""  # a device that is not there
        if limit:
            return limit
        parallel = _through(lines, "/multiprocessing/")
        if lines[-1][0].endswith("/socket.py"):
            return UNIX_SOCKETS if parallel else NETWORK
        if path := self._path(error):
            return path
        if self._pretended and error.errno == errno.EACCES:
            return MODES  # a script that could not be made executable
        if error.errno == errno.ENOSYS:
            return "a call to the system that it does not know"
        return "shared memory (/dev/shm)" if parallel else ""

    def _path(self, error: OSError) -> str:
        """The path that was denied, where nothing but the sandbox denies it."""
        for name in (error.filename, error.filename2):
            path = os.path.realpath(os.fsdecode(name)) if isinstance(name, str | bytes) else ""
            if not path or any(_within(path, folder) for folder in self._own):
                continue
            if _within(path, self._tests):
                return "a folder of the tests that can be written to"
            if special := re.match(r"/(proc|sys|dev)(?=/|$)", path):
                return special[0]
            if os.access(path, os.R_OK) or _writable(path if os.path.exists(path) else os.path.dirname(path)):
                return path
        return ""


def _of_users(error: BaseException, file: str) -> bool:
    """Whether Python looked for somebody in the list of users, or for a group."""
    said = str(error) if isinstance(error, LookupError | RuntimeError) else ""
    if isinstance(error, KeyError):
        return bool(re.match(r"['\"]get(pw|gr)\w+\(\): ", said))
    by_shutil = file.endswith("/shutil.py") and said.startswith(("no such user", "no such group"))
    return by_shutil or ("/pathlib" in file and said.startswith("Could not determine home"))


def _tried() -> tuple[bool, bool]:
    """Whether changes of modes or times are pretended; whether a file that is closed cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tried")
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT, 0o644))
            os.chmod(path, 0)
            os.utime(path, (1, 1))
            status = os.stat(path)
            pretends = status.st_mode & 0o777 != 0 or status.st_mtime != 1
            with suppress(PermissionError):
                os.close(os.open(path, os.O_RDONLY))
                return pretends, status.st_mode & 0o777 != 0
            return pretends, True
    return False, True


def _is_of_a_path(error: BaseException) -> TypeGuard[FileNotFoundError]:
    """Whether it tells a path from the root on that is not there."""
    name = error.filename if isinstance(error, FileNotFoundError) else None
    return isinstance(name, str | bytes) and os.path.isabs(name)


def _raised_by_hand(file: str, line: str) -> bool:
    """The code's own opinion, not the system's."""
    return bool(re.search(r"(^|[:;] *)raise\b", line)) and not re.search(r"/lib/python[\d.]+/(?!site-packages/)", file)


def _through(lines: list[tuple[str, str]], part: str) -> bool:
    return any(part in file for file, _ in lines)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _writable(path: str) -> bool:
    """By permissions alone."""
    with suppress(OSError):
        status = os.stat(path)
        return bool(status.st_mode & (0o200 if status.st_uid == os.getuid() else 0o002))
    return False
