"""What confined code may read, and which system calls it may make."""

import errno
import platform
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stages.errors import SandboxBroken

SYSTEM = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/services", "/etc/protocols",
    "/etc/ssl/openssl.cnf", "/etc/ssl/certs",
)  # fmt: skip
"""Readable besides the interpreter. No /proc, no /etc/passwd, nobody's home."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

REFUSED = (
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "ioprio_set",
    "perf_event_open", "userfaultfd", "bpf",
    # the network: Landlock knows TCP only, and no sockets that are paths
    "socket", "connect", "bind", "listen", "accept", "accept4",
    # memory that no limit sees, and what outlives its maker
    "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl",
    "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "add_key", "request_key", "keyctl",
    # other views of the file system
    "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree",
    "open_tree_attr", "mount_setattr", "unshare", "setns", "name_to_handle_at", "open_by_handle_at", "fanotify_init",
    "quotactl", "quotactl_fd", "swapon", "swapoff", "acct",
    # descriptors on their way hide files and memory from those who count; no filter sees which message has some
    "sendmsg", "sendmmsg",
    # what Landlock does not cover on files that can be opened
    "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
    "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr",
    # calls that go round every filter of calls
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    # the machine
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "vhangup", "iopl", "ioperm",
)  # fmt: skip
UNKNOWN = ("clone3", "pidfd_open", "fchmodat2", "inotify_init", "inotify_init1")
"""Answered with ENOSYS: the C library falls back to a call that can be judged by its arguments, others to polling."""
UNSUPPORTED = (
    "getxattr",
    "lgetxattr",
    "fgetxattr",
    "getxattrat",
    "listxattr",
    "llistxattr",
    "flistxattr",
    "listxattrat",
)
"""Answered with ENOTSUP, as of a file system without: Landlock does not cover them, and who copies asks."""
OWNERS = ("chown", "fchown", "lchown", "fchownat")
MODES, TIMES = ("chmod", "fchmod", "fchmodat"), ("utime", "utimes", "utimensat", "futimesat")
"""Not covered by Landlock either. Real where all else is read-only; modes also where the uid owns nothing else, as
times are everybody's whose file it is to write. Else they pretend success, as refusal breaks copying."""
BUFFERS = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and their FORCE: pretended, so that memory.py knows how much a socket may hold."""
SIGNALS = ("tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")

NEWER = {
    "setxattrat": 463,
    "getxattrat": 464,
    "listxattrat": 465,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_setattr": 469,
}
"""Numbers, the same on every architecture, that an older libseccomp does not know by name."""
NEWEST = 469
"""Calls beyond it were not known when these rules were written: ENOSYS."""

_FILES, _THREAD, _FIFO = 0x400, 0x10000, 0o010000
_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00000080)
_IOCTLS = (0x5412, 0x541C, 0x40086602, 0x40046602, 0x401C5820)
"""TIOCSTI and TIOCLINUX put words into a terminal's mouth; the others set attributes of files only read."""
_DUMPABLE = 4
_OWNERS_OF_DESCRIPTORS = (8, 15)
"""F_SETOWN, F_SETOWN_EX (among ioctls FIOSETOWN, SIOCSPGRP): whom the kernel tells of news by a signal."""
_WORD = 0xFFFFFFFF
Rule = tuple[int, str, tuple[tuple[int, str, int, int], ...]]
"""errno (0: pretended success), call, conditions (argument, "=" or "!=", mask, value), all of which must hold."""


@cache
def filter_program(owns_others: bool, own_mounts: bool, abi: int) -> bytes:
    """The seccomp filter as BPF (struct sock_filter[]). Raises SandboxBroken where libseccomp is missing.

    owns_others: the uid owns files and processes outside of the run. own_mounts: all outside is read-only.
    abi: Landlock's; 99 where other means confine.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError) as error:
        raise SandboxBroken(f"libseccomp.so.2 cannot be used ({error}): apt-get install libseccomp2") from error
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for number, call, conditions in rules(owns_others, own_mounts, abi):
        known = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, call)
        nr = known if known >= 0 else NEWER.get(call, -1)
        if nr < 0:
            continue  # this architecture has no such call
        args = (
            pyseccomp.Arg(arg, pyseccomp.MASKED_EQ, mask, value)
            if op == "="
            else pyseccomp.Arg(arg, pyseccomp.NE, value)
            for arg, op, mask, value in conditions
        )
        made.add_rule(pyseccomp.ERRNO(number), nr, *args)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return _only_known_calls() + file.read()


def rules(owns_others: bool, own_mounts: bool, abi: int) -> Iterator[Rule]:
    """Every rule; what none names is allowed."""
    yield from ((errno.EPERM, call, ()) for call in REFUSED)
    yield from ((errno.ENOSYS, call, ()) for call in UNKNOWN)
    yield from ((errno.ENOTSUP, call, ()) for call in UNSUPPORTED)
    yield from _attributes(owns_others, own_mounts)
    yield from _descriptors()
    yield from ((errno.EPERM, "clone", ((0, "=", flag, flag),)) for flag in _NAMESPACES)
    yield errno.EPERM, "socketpair", ((0, "!=", 0, 1),)  # AF_UNIX
    # a stream is connected for good; other types can still be sent to any socket that is a path
    yield from ((errno.EPERM, "socketpair", ((1, "=", 0xF, kind),)) for kind in range(16) if kind != 1)
    # the kernel reads 32 bits of these arguments: a comparison of 64 could be led astray
    yield from ((errno.EPERM, "ioctl", ((1, "=", _WORD, request),)) for request in _IOCTLS)
    yield errno.EPERM, "prctl", ((0, "=", _WORD, _DUMPABLE),)  # the supervisor must be able to look
    for call in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        yield errno.EPERM, call, ((0, "!=", 0, 0),)
    yield from ((errno.EPERM, "setpriority", ((arg, "!=", 0, 0),)) for arg in (0, 1))
    if abi < 6 and owns_others:  # no scope for signals: none may reach another process, not even a child
        yield errno.EPERM, "kill", ((0, "!=", 0, 0),)
        yield from ((errno.EPERM, call, ()) for call in SIGNALS)
        yield from ((errno.EPERM, "fcntl", ((1, "=", _WORD, command),)) for command in _OWNERS_OF_DESCRIPTORS)
        yield from ((errno.EPERM, "ioctl", ((1, "=", _WORD, request),)) for request in (0x8901, 0x8902))
    if abi < 3:  # no right to truncate: by path, or by opening without writing
        yield errno.EPERM, "truncate", ()
        yield errno.ENOSYS, "openat2", ()
        yield errno.EPERM, "open", ((1, "=", 0o1003, 0o1000),)
        yield errno.EPERM, "openat", ((2, "=", 0o1003, 0o1000),)


def _attributes(owns_others: bool, own_mounts: bool) -> Iterator[Rule]:
    """Owners, modes, times; and of nodes only pipes."""
    if not own_mounts:
        yield from ((errno.EPERM, call, ()) for call in OWNERS if owns_others)
        yield from ((0, call, ()) for call in (*TIMES, *(MODES if owns_others else ())))
    others = [kind for kind in range(0, 0o200000, 0o010000) if kind != _FIFO]
    yield from ((errno.EPERM, "mknod", ((1, "=", 0o170000, kind),)) for kind in others)
    yield from ((errno.EPERM, "mknodat", ((2, "=", 0o170000, kind),)) for kind in others)


def _descriptors() -> Iterator[Rule]:
    """A process has one table of them, the one that /proc shows of it, and sockets of a known size."""
    yield errno.EPERM, "clone", ((0, "=", _THREAD | _FILES, _THREAD),)
    yield errno.EPERM, "close_range", ((2, "=", 2, 2),)
    yield from ((0, "setsockopt", ((1, "=", _WORD, 1), (2, "=", _WORD, option))) for option in BUFFERS)


def _only_known_calls() -> bytes:
    """BPF that answers ENOSYS to calls newer than these rules, to go before the filter."""
    if platform.machine() not in ("x86_64", "aarch64", "riscv64"):
        return b""
    load_number, jump_if_greater, give_back = 0x20, 0x25, 0x06
    errno_action = 0x00050000 | errno.ENOSYS
    lines = ((load_number, 0, 0, 0), (jump_if_greater, 0, 1, NEWEST), (give_back, 0, 0, errno_action))
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def readable_system() -> tuple[str, ...]:
    """Those of SYSTEM that are there."""
    return tuple(path for path in SYSTEM if Path(path).exists())
