"""One Space of the Hub, through the Hub's own client."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flows.adapters.hub import Conflict
from flows.adapters.hub_session import PRODUCT, door

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KIND = "space"


class Space:
    """The Space `owner/name` of the Hub at this address.

    Every method raises Transient (transport, 408, 429, 5xx), Missing (404, hidden) or Permanent (401, 403, the rest).
    """

    def __init__(self, address: str, token: SecretStr, name: str) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self.name = name

    @property
    def url(self) -> str:
        """Where people look at it."""
        return f"{self._address}/spaces/{self.name}"

    def create(self, private: bool) -> bool:
        """Whether it was made now; one that is there stays as it is."""
        try:
            with door():
                self._api.create_repo(self.name, repo_type=KIND, space_sdk="docker", private=private)
        except Conflict:
            self.head()  # 409 is also said while another creation is under way
            return False
        return True

    def head(self) -> str:
        """Full sha of the newest commit."""
        with door():
            return self._api.space_info(self.name).sha or ""

    def files(self, revision: str) -> dict[str, str]:
        """Path → git sha1 of every file."""
        with door():
            found = self._api.list_repo_tree(self.name, recursive=True, revision=revision, repo_type=KIND)
            return {item.path: item.blob_id for item in found if hasattr(item, "blob_id")}

    def set_secret(self, name: str, value: SecretStr) -> None:
        """Its container gets this variable from the next start on, which the real Hub brings about at once."""
        with door():
            self._api.add_space_secret(self.name, name, value.get_secret_value())

    def commit(self, changes: Mapping[str, bytes | None], parent: str, message: str) -> str:
        """Sha of the commit that writes and deletes (None) files on top of `parent`. Raises Conflict."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations = [
            CommitOperationDelete(path, is_folder=False) if content is None else CommitOperationAdd(path, content)
            for path, content in changes.items()
        ]
        with door():
            made = self._api.create_commit(
                self.name, operations, commit_message=message, parent_commit=parent, repo_type=KIND
            )
            return made.oid

    @cached_property
    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi(endpoint=self._address, token=self._token.get_secret_value(), library_name=PRODUCT)
