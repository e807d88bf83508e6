"""The bytes of every file that ever was in a dataset, each under its hash, written once."""

import os
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1, sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

YOUNG_S = 3_600  # so long bytes that no commit names may still be on their way into one


class Refused(Exception):
    """What the Hub answers instead: a status, its code for it, a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Blob(NamedTuple):
    """One file's bytes."""

    oid: str
    """git sha1, of the LFS pointer where there is one."""
    size: int
    lfs: str | None = None
    """sha256 of the bytes that the pointer points at."""

    @property
    def key(self) -> str:
        """Name in blobs/."""
        return self.lfs or self.oid


@dataclass(frozen=True)
class Blobs:
    """A folder of them. Any number of threads and processes may read and write it."""

    folder: Path

    def file(self, blob: Blob) -> Path:
        """Where the bytes are."""
        return self.folder / blob.key

    def storage(self) -> int:
        """Bytes of all files that ever were, as far as they are kept."""
        return sum(blob.stat().st_size for blob in self._all())

    def keep(self, content: bytes) -> Blob:
        """Store a file's bytes; they are part of nothing until a commit names them."""
        blob = Blob(git_sha1(content), len(content))
        if not self._renewed(blob.key):
            part = self.part()
            part.write_bytes(content)
            self._settle(part, blob.key)
        return blob

    def keep_large(self, part: Path, expected: str) -> None:
        """Take over an uploaded LFS object. Raises Refused (400) when its bytes are not those announced."""
        with part.open("rb") as file:
            digest = sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != expected:
            raise Refused(400, "", f"The bytes sent have another hash than {expected}")
        self._settle(part, expected)

    def large(self, oid: str) -> Blob | None:
        """An LFS object that was uploaded, with the pointer that git would keep; None if it was not."""
        path = self.folder / oid
        if len(oid) != 64 or not self._renewed(oid):
            return None
        size = path.stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
        return Blob(git_sha1(pointer.encode()), size, oid)

    def forget_all_but(self, keys: Collection[str]) -> None:
        """Remove the others, but for bytes that may be on their way into a commit."""
        for blob in self._all():
            if blob.name not in keys and time.time() - blob.stat().st_mtime > YOUNG_S:
                blob.unlink()

    def part(self) -> Path:
        """A new path for bytes that are still arriving."""
        return self.folder / f".{uuid4().hex}"

    def _settle(self, part: Path, key: str) -> None:
        part.chmod(0o444)  # the snapshots share it: who writes into one would change history
        if not self._renewed(key):
            with suppress(FileExistsError):  # never replaced: another commit may be linking to what is there
                os.link(part, self.folder / key)
        part.unlink()

    def _all(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if not path.name.startswith(".")]

    def _renewed(self, key: str) -> bool:
        """Whether these bytes are here; they are young again then, so that no squash takes them away under a commit."""
        try:
            os.utime(self.folder / key)
        except FileNotFoundError:
            return False
        return True


def git_sha1(content: bytes) -> str:
    """Name of a blob, as `git hash-object` gives it."""
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
