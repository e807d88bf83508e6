"""Whom confined code runs as: another uid where we may choose one."""

import os
from collections.abc import Iterable
from functools import cache
from itertools import count
from pathlib import Path

FIRST_UID, UIDS = 60706, 478
"""A range that systemd's UIDS-GIDS page lists as unused by anybody."""
_NEEDED = (0, 5, 6, 7)
"""CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID."""
_runs = count()


def spare_uid() -> int | None:
    """A uid for one run, None where we may not change to another."""
    return FIRST_UID + (os.getpid() * 31 + next(_runs)) % UIDS if may_change() else None


def is_ours(uid: int) -> bool:
    """Whether a uid is the worker's, or one of those that its runs have."""
    return uid == os.geteuid() or (may_change() and FIRST_UID <= uid < FIRST_UID + UIDS)


@cache
def may_change() -> bool:
    """Whether we are root, and one that may become somebody else."""
    if os.geteuid() != 0:
        return False
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    held = int(status["CapEff"], 16)
    return all(held >> bit & 1 for bit in _NEEDED) and _mapped("uid_map") and _mapped("gid_map")


def _mapped(table: str) -> bool:
    """Whether the whole range exists in our user namespace."""
    rows = [list(map(int, line.split())) for line in Path(f"/proc/self/{table}").read_text().splitlines()]
    return any(first <= FIRST_UID and first + length >= FIRST_UID + UIDS for first, _, length in rows)


def all_reachable(read: Iterable[Path], enter: Iterable[Path]) -> bool:
    """Whether a uid that owns nothing may read the first, and get to the second."""
    return all(_open_to_all(path, 4) for path in read) and all(_open_to_all(path.parent, 1) for path in enter)


def _open_to_all(path: Path, bits: int) -> bool:
    for way in {path.absolute(), path.resolve()}:
        if way.stat().st_mode & bits != bits or any(not parent.stat().st_mode & 1 for parent in way.parents):
            return False
    return True


def give(folder: Path, uid: int | None) -> None:
    """Make a uid the owner of a folder and all in it. None: leave it."""
    if uid is None:
        return
    os.chown(folder, uid, uid)
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(f"{here}/{name}", uid, uid, follow_symlinks=False)
