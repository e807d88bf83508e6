"""Target repositories: mirrored, pinned, read and diffed by git's plumbing; nothing is checked out to be read."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from flows.adapters import code_view, git, tree
from flows.adapters.patch import unified
from flows.addresses import address, scrub
from stages.errors import Permanent, Transient, Unusable
from stages.models import CodeView, Draft, Finding

WANTED = "refs/worker/wanted"
PINNED = "refs/worker/pinned"
_SHA = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"(?!.*(?:\.\.|@\{|//))[A-Za-z0-9_][\w./+-]{0,199}")
_EVERYTHING = 2**31 - 1
"""git's word for no depth at all."""


class Repositories:
    """Bare, shallow mirrors in a folder, one for each repository.

    `base` is where relative paths begin; `known` an address with credentials, for use where its scrubbed name is given.
    Every method raises Permanent (no such repository or revision, not let in) and Transient (network, timeout).
    """

    def __init__(self, folder: Path, base: Path, timeout: float = 300, known: str = "") -> None:
        self._folder = folder
        self._base = base.absolute()
        self._timeout = timeout
        self._known = {scrub(known): known}

    def pin(self, repository: str, revision: str = "") -> str:
        """The full sha of a revision (a sha, branch or tag; empty: the default branch), kept from now on."""
        origin = address(self._known.get(repository, repository), self._base)
        if revision and not _REVISION.fullmatch(revision):
            raise Permanent(f"{revision!r} is no name of a revision of {scrub(repository)}.")
        mirror = self._mirror(origin)
        with self._locked(mirror):
            if (mirror / "HEAD").exists():
                os.utime(mirror)  # in use: no cache to be tidied away
            else:
                git.local(self._folder, "init", "--quiet", "--bare", "--template=", str(mirror))
            if _SHA.fullmatch(revision) and self._has(mirror, revision):
                return revision
            sha = self._fetch(mirror, origin, revision)
            git.local(mirror, "update-ref", f"{PINNED}/{sha}", sha)
        return sha

    def view(self, repository: str, revision: str, finding: Finding, budget_tokens: int) -> CodeView:
        """What a model is shown of the repository for a finding, in about `budget_tokens` tokens.

        Its `links` are symbolic links and submodules: paths that nothing may be written to or below.
        """
        mirror = self._at(repository, revision)
        found = tree.entries(mirror, revision)
        paths = tuple(sorted(e.path for e in found))
        links = tuple(sorted(e.path for e in found if not e.is_file))
        about = code_view.focus(finding, paths)
        texts = {p: t for p, t in tree.read(mirror, tree.worth_reading(found, about)).items() if t is not None}
        return code_view.build(paths, links, texts, finding, budget_tokens)

    def texts(self, repository: str, revision: str, paths: Sequence[str]) -> dict[str, str]:
        """Path → text, line ends as they are, of those files that exist. Raises Unusable for one that is not UTF-8."""
        mirror = self._at(repository, revision)
        wanted = set(paths)
        found = tree.read(mirror, [e for e in tree.entries(mirror, revision) if e.path in wanted and e.is_file])
        strange = sorted(p for p, text in found.items() if text is None)
        if strange:
            raise Unusable(f"{', '.join(strange)}: not UTF-8 text, so it cannot be edited here. Leave it as it is.")
        return {p: text for p, text in found.items() if text is not None}

    def diff(self, repository: str, revision: str, draft: Draft) -> str:
        """The draft as a unified diff that `git apply` takes on a clean checkout, held against one.

        Raises Unusable where the draft changes nothing or cannot be a patch. Write it to a file as UTF-8 bytes: it may
        hold carriage returns.
        """
        mirror = self._at(repository, revision)
        return unified(mirror, revision, {e.path: e.mode for e in tree.entries(mirror, revision)}, draft)

    def checkout(self, repository: str, revision: str, folder: Path) -> None:
        """Write the revision's files into a folder (made, or empty). Links that lead out of it are left out."""
        mirror = self._at(repository, revision)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            env = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_WORK_TREE": str(folder)}
            git.local(mirror, "read-tree", revision, env=env)
            git.local(mirror, "checkout-index", "--all", "--quiet", env=env, timeout=self._timeout)
        root = folder.resolve()
        for entry in tree.entries(mirror, revision):
            link = folder / entry.path
            if entry.mode == "120000" and link.is_symlink() and not link.resolve().is_relative_to(root):
                link.unlink()

    def _at(self, repository: str, revision: str) -> Path:
        """The mirror, with that revision in it."""
        mirror = self._mirror(address(self._known.get(repository, repository), self._base))
        if not _SHA.fullmatch(revision) or not self._has(mirror, revision):
            found = self.pin(repository, revision)
            if found != revision:
                raise Permanent(f"{revision!r} is no full sha: read {scrub(repository)} at what `pin` gave.")
        return mirror

    def _mirror(self, origin: str) -> Path:
        name = PurePosixPath(origin.rstrip("/")).name.removesuffix(".git")
        readable = re.sub(r"[^\w.-]", "_", name)[-40:]
        return self._folder / f"{readable}-{hashlib.sha256(scrub(origin).encode()).hexdigest()[:16]}.git"

    @contextmanager
    def _locked(self, mirror: Path) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(mirror.with_suffix(".lock"), timeout=self._timeout):
                _clear_locks(mirror)
                yield
        except Timeout:
            raise Transient(f"Another run is still fetching into {mirror} after {self._timeout:g} s.") from None

    def _has(self, mirror: Path, sha: str) -> bool:
        if not (mirror / "HEAD").exists():
            return False
        return git.attempt(mirror, "rev-parse", "--verify", "--quiet", f"{PINNED}/{sha}^{{tree}}").returncode == 0

    def _fetch(self, mirror: Path, origin: str, revision: str) -> str:
        name = scrub(origin)
        try:
            self._fetch_one(mirror, origin, revision or "HEAD")
        except git.NoRevision:
            if not revision:
                raise Permanent(
                    f"{name} has no commit on its default branch yet: there is no code to work on."
                ) from None
            if not self._fetch_abbreviated(mirror, origin, revision):
                raise Permanent(
                    f"{name} has no revision {revision}: its history was rewritten (squashed, force-pushed), "
                    "or the name is wrong. Give one that exists, or none for the default branch."
                ) from None
        done = git.attempt(mirror, "rev-parse", "--verify", "--quiet", f"{WANTED}^{{commit}}")
        if done.returncode:
            raise Permanent(f"{revision} of {name} is not a commit.")
        return done.stdout.decode().strip()

    def _fetch_one(self, mirror: Path, origin: str, revision: str) -> None:
        try:
            git.fetch(mirror, origin, f"+{revision}:{WANTED}", depth=1, timeout=self._timeout)
        except Transient as error:
            if "shallow" not in str(error):  # a server of plain files cannot cut history off
                raise
            git.fetch(mirror, origin, f"+{revision}:{WANTED}", depth=None, timeout=self._timeout)

    def _fetch_abbreviated(self, mirror: Path, origin: str, revision: str) -> bool:
        """Whether the revision begins a sha in the history of a branch; it takes the whole history to know."""
        if not re.fullmatch(r"[0-9a-f]{7,39}", revision):
            return False
        git.fetch(mirror, origin, "+refs/heads/*:refs/worker/heads/*", depth=_EVERYTHING, timeout=self._timeout)
        done = git.attempt(mirror, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if done.returncode == 0:
            git.local(mirror, "update-ref", WANTED, done.stdout.decode().strip())
        return done.returncode == 0


def _clear_locks(mirror: Path) -> None:
    """Remove what a fetch left that was killed: we hold the lock, so nobody is using them."""
    for stale in [*mirror.glob("*.lock"), *mirror.glob("refs/**/*.lock")]:
        stale.unlink(missing_ok=True)
