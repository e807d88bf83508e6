"""`python -m deployments.space owner/name`: the Space, its secrets and its files, every time with the same result."""

import argparse
import os
import re
import sys
from collections.abc import Mapping

from pydantic import SecretStr

from deployments.space.files import files, is_ours
from flows.adapters.local_hub_blobs import git_sha1
from flows.adapters.space import Space
from flows.environment import load
from flows.settings import Settings
from stages.errors import Misconfigured, WorkerError

SECRETS = (
    "HF_TOKEN", "HF_USERNAME", "OPENAI_BASE_URL", "OPENAI_API_KEY", "AUTOCODER_MODEL", "AUTOCODER_REPOSITORY",
    "AUTOCODER_PASSWORD", "AUTOCODER_WEBHOOK_SECRET", "AUTOCODER_PRIVATE",
)  # fmt: skip
"""Set in the Space when they are set here. Everything as a secret: variables of a Space are open to the world."""


def put_in_place(space: Space, secrets: Mapping[str, SecretStr], *, private: bool) -> list[str]:
    """Lines that tell what was done; where nothing differs, nothing is committed. Raises WorkerError."""
    made = space.create(private)
    for name, value in secrets.items():
        space.set_secret(name, value)
    return [
        f"space     {space.url} ({'made' if made else 'was there'})",
        f"secrets   {', '.join(secrets)}",
        f"files     {_upload(space)}",
    ]


def _upload(space: Space) -> str:
    head = space.head()
    there, ours = space.files(head), files()
    changes: dict[str, bytes | None] = {p: c for p, c in ours.items() if there.get(p) != git_sha1(c)}
    changes |= dict.fromkeys(path for path in there if is_ours(path) and path not in ours)
    if not changes:
        return f"{len(ours)}, all as they are here: nothing to commit"
    commit = space.commit(changes, head, "The worker as it is in its own repository")
    return f"{len(ours)}, of which {len(changes)} differed: commit {commit[:12]}"


def _given(settings: Settings, environment: Mapping[str, str]) -> dict[str, SecretStr]:
    if settings.hf_token is None:
        raise Misconfigured("Set HF_TOKEN to a token that may write the Space; the Space gets it as its secret.")
    return {name: SecretStr(environment[name].strip()) for name in SECRETS if environment.get(name, "").strip()}


def main() -> None:
    """Exit 0 with what was done, or 1 with a sentence."""
    parser = argparse.ArgumentParser(prog="python -m deployments.space", description="Creates or updates a Space.")
    parser.add_argument("space", type=_name, help="owner/name")
    parser.add_argument("--private", action="store_true", help="seen by its owner alone, when it is first made")
    asked = parser.parse_args()
    try:
        settings = load()
        secrets = _given(settings, os.environ)
        space = Space(settings.hub_address, secrets["HF_TOKEN"], asked.space)
        print(*put_in_place(space, secrets, private=asked.private), sep="\n")
    except WorkerError as error:
        sys.exit(str(error))


def _name(given: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", given):
        raise argparse.ArgumentTypeError("expected owner/name")
    return given


if __name__ == "__main__":
    main()
