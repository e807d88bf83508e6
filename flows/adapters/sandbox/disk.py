"""What is in a folder that hostile code wrote to, and its removal. Follows no link, survives any depth.

Runs in the supervisor too: standard library only.
"""
# ruff: noqa: PTH101, PTH106, PTH116, PTH123, PTH208 (descriptors, not paths that may be exchanged)

import os
import stat
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import count

ENTRY = 4096
"""Bytes that a name counts at least: a million empty files are no small thing."""


DEEPEST = 100
"""Folders in folders; a look into deeper ones takes ever longer."""


class Unfathomable(Exception):
    """Folders that cannot be listed: closed by their owner, or too deep."""


def used(folder: str, enough: float = float("inf")) -> int:
    """Bytes in a folder, or as soon as there are more than enough: it may grow as fast as it is read.

    Raises Unfathomable.
    """
    total, waiting = 0, [(folder, 0)]
    while waiting:
        path, depth = waiting.pop()
        if depth > DEEPEST:
            raise Unfathomable
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    total += _size(entry)
                    if total > enough:
                        return total
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone or replaced while we looked
        except OSError as error:
            raise Unfathomable from error
    return total


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return max(entry.stat(follow_symlinks=False).st_blocks * 512, ENTRY)
    except FileNotFoundError:
        return 0


def deleted(folder: str, processes: Iterable[str]) -> int:
    """Bytes in files of that folder that have no name any more, and that these processes still hold open or mapped.

    processes: their folders in /proc. Raises Unfathomable.
    """
    found: dict[int, int] = {}
    for process in processes:
        found |= _mapped(process, folder) | _opened(process)
    return sum(found.values())


def _opened(process: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for way in ("exe", *_descriptors(process)):
        with suppress(OSError):
            status = os.stat(f"{process}/{way}")
            if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                found[status.st_ino] = status.st_blocks * 512
    return found


def _descriptors(process: str) -> list[str]:
    """Raises Unfathomable for a process that became one of a program which may be executed and not read."""
    try:
        return [f"fd/{name}" for name in os.listdir(f"{process}/fd")]
    except PermissionError as error:
        with suppress(OSError), open(f"{process}/statm", "rb") as file:
            if not file.read().startswith(b"0 "):  # else it is about to end
                raise Unfathomable from error
    except OSError:
        pass
    return []


def _mapped(process: str, folder: str) -> dict[int, int]:
    exact: dict[int, int] = {}
    extents: Counter[int] = Counter()
    with suppress(OSError), open(f"{process}/maps", "rb") as file:
        for line in file:
            if line.endswith(b" (deleted)\n") and folder.encode() in line:
                extent, _, _, _, inode = line.split(maxsplit=5)[:5]
                first, last = (int(end, 16) for end in extent.split(b"-"))
                extents[int(inode)] += last - first
                with suppress(OSError):  # for root: all of the file, of which a part may be mapped
                    exact[int(inode)] = os.stat(f"{process}/map_files/{first:x}-{last:x}").st_blocks * 512
    return extents | exact


def remove(folder: str) -> None:
    """Remove a folder and all in it, once nobody writes to it any more."""
    with suppress(OSError):
        os.chmod(folder, 0o700)
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        token, numbers = os.urandom(8).hex(), count()
        waiting = _move_up(".", root, token, numbers)
        while waiting:
            name = waiting.pop()
            waiting += _move_up(name, root, token, numbers)
            os.rmdir(name, dir_fd=root)
    finally:
        os.close(root)
    os.rmdir(folder)


def _move_up(name: str, root: int, token: str, numbers: "count[int]") -> list[str]:
    """Empty a folder right under the root: files go, folders move up under new names, which are returned."""
    here = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
    moved = []
    try:
        with os.scandir(here) as entries:
            for entry in list(entries):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=here)
                    continue
                os.chmod(entry.name, 0o700, dir_fd=here)  # a folder that may not be written to cannot be moved
                moved.append(f"{token}-{next(numbers)}")
                os.rename(entry.name, moved[-1], src_dir_fd=here, dst_dir_fd=root)
    finally:
        os.close(here)
    return moved
