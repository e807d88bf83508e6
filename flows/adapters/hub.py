"""The Hub, through its own client: real or local, the same calls. Nothing here tries twice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from stages.errors import Permanent, Transient

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from flows.adapters.hub_session import Door

WRITING_ROLES = ("admin", "write", "contributor")


class Conflict(Transient):
    """The head is no longer where we thought it was: read it again and decide again."""


class Missing(Permanent):
    """No such dataset or file, or none that this token may see; the message says which."""


class Squashed(Missing):
    """The dataset is there, and this revision of it is not, or no more."""


class Gated(Missing):
    """The dataset is there, and this token has not been let in to its files."""


@dataclass(frozen=True)
class Entry:
    """One file of a dataset at one revision."""

    path: str
    blob_id: str
    """git sha1; of the pointer where the file is in LFS, so it changes when the bytes do."""
    size: int
    lfs: bool = False


@dataclass(frozen=True)
class Info:
    """What is known of a dataset without listing it."""

    id: str
    """Canonical; another one than asked for when the dataset was renamed."""
    sha: str
    private: bool
    gated: bool
    last_modified: datetime | None


@dataclass(frozen=True)
class Account:
    """Whose token it is, and where it may write."""

    name: str
    writable: tuple[str, ...]
    """Accounts and organisations, and single datasets where the token is confined to them."""

    def may_write(self, dataset: str) -> bool:
        """Whether this token may commit to `owner/name`."""
        return dataset in self.writable or dataset.split("/")[0] in self.writable


class Hub:
    """A Hub at an address, with or without a token. Cheap to make; safe to share between threads.

    Every method raises Transient (transport, 408, 429, 5xx), Missing (404, hidden; Gated where access must be asked
    for) or Permanent (401, 403, the rest).
    """

    def __init__(self, address: str, token: SecretStr | None = None) -> None:
        self.address = address.rstrip("/")
        self._token: str | bool = token.get_secret_value() if token else False
        # False, not None: None would send whatever token lies in the user's home

    def head(self, dataset: str) -> str:
        """Full sha of the newest commit. ONE small request, whatever the dataset's size."""
        return self._info(dataset, ["sha"]).sha

    def info(self, dataset: str) -> Info:
        """Head, visibility and canonical id. ONE small request."""
        return self._info(dataset, ["sha", "private", "gated", "lastModified"])

    def tree(self, dataset: str, revision: str, path: str = "") -> Iterator[Entry]:
        """Every file below `path`. One request per 1,000."""
        with self._door():
            found = self._api.list_repo_tree(
                dataset, path or None, recursive=True, revision=revision, repo_type="dataset"
            )
            yield from _entries(found)

    def entries(self, dataset: str, revision: str, paths: Sequence[str]) -> list[Entry]:
        """Those of `paths` that exist. ONE request."""
        if not paths:
            return []
        with self._door():
            found = self._api.get_paths_info(dataset, list(paths), revision=revision, repo_type="dataset")
            return list(_entries(found))

    def read(self, dataset: str, revision: str, path: str, limit: int | None = None) -> bytes:
        """The file's bytes, from no cache. Over `limit` bytes it stops reading and raises Permanent."""
        from huggingface_hub import hf_hub_url

        with self._door() as door:
            url = hf_hub_url(dataset, path, repo_type="dataset", revision=revision, endpoint=self.address)
            return door.download(url, self._token, limit)

    def create(self, dataset: str, private: bool) -> None:
        """The dataset is there, whoever made it."""
        try:
            with self._door():
                self._api.create_repo(dataset, repo_type="dataset", private=private)
        except Conflict as conflict:
            try:
                self.head(dataset)  # 409 is also said while another creation is under way
            except Missing:
                raise conflict from None

    def commit(self, dataset: str, operations: Mapping[str, bytes | None], parent: str, message: str) -> str:
        """Sha of the new commit on top of `parent`; None deletes a path. Raises Conflict when the head is elsewhere.

        After a Transient that is no Conflict the commit may have been applied all the same: look before trying again.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        changes = [
            CommitOperationDelete(path, is_folder=False) if content is None else CommitOperationAdd(path, content)
            for path, content in operations.items()
        ]
        with self._door():
            return self._api.create_commit(
                dataset, changes, commit_message=message, parent_commit=parent, repo_type="dataset"
            ).oid

    def squash(self, dataset: str, message: str) -> None:
        """One commit with today's files stands in place of the whole history, for ever. Once more does no harm.

        Every earlier commit is gone: who reads one finds it Missing, who commits on top of one meets a Conflict.
        """
        with self._door():
            self._api.super_squash_history(dataset, commit_message=message, repo_type="dataset")

    def storage(self, dataset: str) -> int | None:
        """Bytes that the dataset takes with its history; None where the Hub does not tell. ONE small request."""
        with self._door():
            return self._api.dataset_info(dataset, expand=["usedStorage"]).used_storage

    def account(self) -> Account:
        """Whose token this is. The real Hub allows few of these requests: ask once per start."""
        with self._door() as door:
            return _account(door.get_json(f"{self.address}/api/whoami-v2", self._token))

    def url(self, dataset: str, revision: str | None = None) -> str:
        """Where people look at the dataset, or at one commit of it."""
        return f"{self.address}/datasets/{dataset}" + (f"/commit/{revision}" if revision else "")

    def _info(self, dataset: str, expand: list[Any]) -> Info:
        with self._door():
            found = self._api.dataset_info(dataset, expand=expand)
            if not found.sha:
                raise Missing(f"{self.url(dataset)} has no commit yet: it is being made, or was left empty.")
            return Info(found.id, found.sha, bool(found.private), bool(found.gated), found.last_modified)

    def _door(self) -> AbstractContextManager["Door"]:
        from flows.adapters.hub_session import door  # here, so that a run that asks no Hub does not pay for the client

        return door()

    @cached_property
    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        from flows.adapters.hub_session import PRODUCT

        return HfApi(endpoint=self.address, token=self._token, library_name=PRODUCT)


def _entries(found: Iterable[Any]) -> Iterator[Entry]:
    """The files among what the client lists; folders have no size."""
    for item in found:
        if hasattr(item, "size"):
            yield Entry(item.path, item.blob_id, item.size, lfs=item.lfs is not None)


def _account(said: Mapping[str, Any]) -> Account:
    """Where a token may write, from the answer of /api/whoami-v2."""
    name = str(said["name"])
    token = said.get("auth", {}).get("accessToken", {})
    if token.get("role") == "read":
        return Account(name, ())
    if token.get("role") == "fineGrained":
        scopes = token.get("fineGrained", {}).get("scoped", [])
        return Account(name, tuple(s["entity"]["name"] for s in scopes if "repo.write" in s["permissions"]))
    orgs = (org["name"] for org in said.get("orgs", []) if org.get("roleInOrg") in WRITING_ROLES)
    return Account(name, (name, *orgs))
