"""Mounts that only a run sees: its own shared memory, and a file system that is read-only outside of its folders.

Needs root, or user namespaces. Standard library only; all raise OSError.
"""

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flows.adapters.sandbox.kernel import done, libc

SHARED_MEMORY = "/dev/shm"  # noqa: S108
INODES_PER_MB = 4
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID_NODEV_NOEXEC, _MS_BIND, _MS_REC_PRIVATE = 2 | 4 | 8, 0x1000, 0x4000 | 0x40000
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1
"""The same numbers on every architecture."""
_NO_ACCESS_TIMES, _ACCESS_TIMES = 0x10, 0x70


def private_mounts() -> bool:
    """Whether this process and its descendants now have mounts of their own, a /dev/shm among them.

    Without them nobody is given shared memory, and changes of modes and times are pretended.
    """
    with suppress(OSError):
        if os.geteuid() == 0:
            done(libc.unshare(_CLONE_NEWNS), "unshare")
        else:
            _own_user_namespace()
        _mount(None, "/", _MS_REC_PRIVATE)
        _mount("tmpfs", SHARED_MEMORY, _MS_NOSUID_NODEV_NOEXEC, "size=1m")
        with suppress(OSError):  # where the machine locks them, one run could tell the next by access times
            _set_attributes("/", on=_NO_ACCESS_TIMES, off=_ACCESS_TIMES, flags=_AT_RECURSIVE)
        return True
    return False


def fresh_shared_memory(megabytes: int) -> None:
    """In place of what a run before may have left in /dev/shm, which must be a private one: nothing, and bounded."""
    done(libc.umount2(SHARED_MEMORY.encode(), _MNT_DETACH), f"umount {SHARED_MEMORY}")
    size = f"mode=1777,size={megabytes}m,nr_inodes={1000 + INODES_PER_MB * megabytes}"
    _mount("tmpfs", SHARED_MEMORY, _MS_NOSUID_NODEV_NOEXEC, size)


def write_only_to(folders: Sequence[str]) -> None:
    """Everything but these folders and shared memory becomes read-only, for this process and its descendants.

    Changes of modes, owners and times are held back by it, which Landlock does not know. Devices can still be written
    to. Paths that are open, and the current folder, stay as they were: enter it again.
    """
    done(libc.unshare(_CLONE_NEWNS), "unshare")
    for folder in folders:
        _mount(folder, folder, _MS_BIND)
    _set_attributes("/", on=_READ_ONLY, flags=_AT_RECURSIVE)
    for folder in (*folders, SHARED_MEMORY):
        _set_attributes(folder, off=_READ_ONLY)


def _mount(source: str | None, target: str, flags: int, options: str = "") -> None:
    kind = b"tmpfs" if source == "tmpfs" else None
    words = (source.encode() if source else None, target.encode(), kind, ctypes.c_ulong(flags), options.encode())
    done(libc.mount(*words), f"mount {target}")


def _set_attributes(path: str, *, on: int = 0, off: int = 0, flags: int = 0) -> None:
    attributes = (ctypes.c_uint64 * 4)(on, off, 0, 0)
    words = (_AT_FDCWD, path.encode(), flags, ctypes.byref(attributes), ctypes.sizeof(attributes))
    done(libc.syscall(_SYS_MOUNT_SETATTR, *words), f"mount_setattr {path}")


def _own_user_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    done(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
