"""Linux calls that Python has no function for. Standard library only; all raise OSError."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 8, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
CAP_DAC_READ_SEARCH = 2
_SECCOMP_MODE_FILTER, _CAP_AMBIENT_RAISE, _CAPABILITY_VERSION_3 = 2, 2, 0x20080522
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID_NODEV_NOEXEC, _MS_REC_PRIVATE = 2 | 4 | 8, 0x4000 | 0x40000

_MOUNT_SETATTR, _AT_RECURSIVE, _NOATIME, _ATIME_BITS = 442, 0x8000, 0x10, 0x70

_libc = ctypes.CDLL(None, use_errno=True)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def _done(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, argument: int, further: int = 0) -> None:
    """Set an attribute of this process."""
    words = (ctypes.c_ulong(n) for n in (argument, further, 0, 0))
    _done(_libc.prctl(option, *words), f"prctl({option})")


def load_filter(program: bytes) -> None:
    """Judge every system call of this process and its children by a seccomp filter; needs no-new-privileges."""
    attribute = _FilterProgram(len(program) // 8, program)
    words = (ctypes.c_ulong(0), ctypes.c_ulong(0))
    _done(_libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(attribute), *words), "seccomp")


def keep_capabilities(wanted: int) -> None:
    """Hold this bit set of capabilities and no other, over exec too."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    _done(_libc.capset(header, sets), "capset")
    for bit in range(32):
        if wanted >> bit & 1:
            prctl(PR_CAP_AMBIENT, _CAP_AMBIENT_RAISE, bit)


def private_shared_memory(megabytes: int) -> bool:
    """Whether /dev/shm is now one that only this process and its descendants see, empty and bounded.

    Needs root, or user namespaces; without it nobody is given any.
    """
    with suppress(OSError):
        if os.geteuid() == 0:
            _done(_libc.unshare(_CLONE_NEWNS), "unshare")
        else:
            _own_user_namespace()
        _done(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None), "mount")
        size = f"mode=1777,size={megabytes}m".encode()
        _done(_libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", ctypes.c_ulong(_MS_NOSUID_NODEV_NOEXEC), size), "mount")
        return True
    return False


def freeze_access_times() -> bool:
    """Whether no file's access time changes any more in this process's own mounts: one run could tell another by it.

    mount_setattr(2), recursive, from the root; an unprivileged user may not where the machine locks these attributes.
    """
    attributes = (ctypes.c_uint64 * 4)(_NOATIME, _ATIME_BITS, 0, 0)
    words = (ctypes.c_long(_MOUNT_SETATTR), ctypes.c_long(-1), b"/", ctypes.c_ulong(_AT_RECURSIVE))
    status: int = _libc.syscall(*words, ctypes.byref(attributes), ctypes.c_size_t(32))
    return status == 0


def _own_user_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    _done(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
