"""One dataset in a folder, with its history. A commit is there whole or not at all, whoever is killed or competes.

main -> snapshots/<commit>   the newest files, for `load_dataset(path)`; swapping this link IS the commit
snapshots/<commit>/          hard links into blobs/; the newest few
commits/<commit>.json        parent, title, date
trees/<commit>.json          path -> [git sha1, size, sha256 if in LFS]
blobs/<git sha1 or sha256>   every file that ever was, but for what a squash forgot
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from functools import lru_cache
from hashlib import sha1
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from flows.adapters.local_hub_blobs import Blob, Blobs, Refused

SNAPSHOTS = 8  # a reader on `main` may still be at work in an older one
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


Tree = Mapping[str, Blob]


@dataclass(frozen=True)
class Dataset:
    """The history of one dataset. Any number of threads and processes may read and write it."""

    root: Path

    @classmethod
    def create(cls, root: Path, private: bool = False) -> "Dataset":
        """A new dataset with its first commit. Raises Refused (409) when it is there already."""
        draft = cls(root.parent / f".new-{uuid4().hex}")
        for folder in ("blobs", "commits", "trees", "snapshots"):
            (draft.root / folder).mkdir(parents=True)
        (draft.root / "settings.json").write_text(json.dumps({"private": private}))
        draft._publish({".gitattributes": draft.blobs.keep(ATTRIBUTES)}, None, "initial commit")
        try:
            draft.root.rename(root)
        except OSError:
            shutil.rmtree(draft.root)
            raise Refused(409, "", "You already created this dataset repo") from None
        return cls(root)

    @property
    def blobs(self) -> Blobs:
        """Every file that ever was."""
        return Blobs(self.root / "blobs")

    @property
    def exists(self) -> bool:
        """Whether it was ever created."""
        return (self.root / "main").is_symlink()

    @property
    def private(self) -> bool:
        """As its creator wanted it; a local Hub shows it to everybody all the same."""
        return bool(json.loads((self.root / "settings.json").read_text())["private"])

    def head(self) -> str:
        """The newest commit."""
        return (self.root / "main").readlink().name

    def resolve(self, revision: str) -> str:
        """Full name of the commit that `revision` (main, or a full name) means. Raises Refused (404)."""
        if revision == "main":
            return self.head()
        if len(revision) != 40 or not revision.isalnum() or not (self.root / "commits" / f"{revision}.json").exists():
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return revision

    def about(self, commit: str) -> dict[str, Any]:
        """`parent`, `title` and `date` of a commit."""
        found: dict[str, Any] = json.loads((self.root / "commits" / f"{commit}.json").read_text())
        return found

    def tree(self, commit: str) -> Tree:
        """Every file of a commit, sorted by path."""
        return _tree(self.root / "trees" / f"{commit}.json")

    def commit(self, changes: Mapping[str, Blob | None], parent: str, message: str) -> str:
        """Name of the commit that adds, replaces and deletes (None); the head's where nothing changes.

        Raises Refused: 412 when `parent` is given and is not the head, 404 or 400 for a path that cannot be.
        """
        with self._alone():
            head = self.head()
            if parent and not head.startswith(parent):
                raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
            before = self.tree(head)
            after = _changed(before, changes)
            return head if after == before else self._publish(after, head, message)

    def squash(self, message: str) -> str:
        """Name of a commit without a parent that has the head's files; every other commit is forgotten."""
        with self._alone():
            tree = self.tree(self.head())
            name = self._publish(tree, None, message)
            for about in [*(self.root / "commits").iterdir(), *(self.root / "trees").iterdir()]:
                if about.stem != name:
                    about.unlink()
            self.blobs.forget_all_but({blob.key for blob in tree.values()})
            return name

    def _publish(self, tree: Tree, parent: str | None, title: str) -> str:
        date = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        about = json.dumps({"parent": parent, "title": title, "date": date})
        listing = json.dumps(tree)
        name = sha1(f"{about}\n{listing}".encode(), usedforsecurity=False).hexdigest()
        self._link(tree, name)
        (self.root / "trees" / f"{name}.json").write_text(listing)
        (self.root / "commits" / f"{name}.json").write_text(about)
        link = self.root / f".main-{uuid4().hex}"
        link.symlink_to(f"snapshots/{name}")
        link.replace(self.root / "main")
        self._forget_old_snapshots()
        return name

    def _link(self, tree: Tree, name: str) -> None:
        draft = self.root / "snapshots" / f".{name}"
        shutil.rmtree(draft, ignore_errors=True)
        for folder in {"", *(path.rpartition("/")[0] for path in tree)}:
            (draft / folder).mkdir(parents=True, exist_ok=True)
        for path, blob in tree.items():
            try:
                os.link(f"{self.root}/blobs/{blob.key}", f"{draft}/{path}")
            except FileExistsError:
                raise Refused(400, "", f"Both a file and a folder: {path}") from None
        draft.rename(draft.with_name(name))

    def _forget_old_snapshots(self) -> None:
        others = [folder for folder in (self.root / "snapshots").iterdir() if folder.name != self.head()]
        others.sort(key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
        for old in others[SNAPSHOTS - 1 :]:
            shutil.rmtree(old)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.root / ".lock").open("w") as file:
            flock(file, LOCK_EX)
            yield


@lru_cache(maxsize=16)
def _tree(path: Path) -> Tree:
    return {name: Blob(*blob) for name, blob in json.loads(path.read_text()).items()}


def _changed(tree: Tree, changes: Mapping[str, Blob | None]) -> Tree:
    after = dict(tree)
    for path, blob in changes.items():
        parts = PurePosixPath(path).parts
        if not parts or path != "/".join(parts) or parts[0] == "/" or {".", "..", ".git"} & {*parts} or "\0" in path:
            raise Refused(400, "", f"Not a path in a repository: {path!r}")
        if blob is not None:
            after[path] = blob
        elif after.pop(path, None) is None:
            raise Refused(404, "EntryNotFound", f"A file with this name doesn't exist: {path}")
    return dict(sorted(after.items()))
