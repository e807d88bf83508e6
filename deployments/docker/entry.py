"""The image's entry point: secrets come as files, programs read the environment.

`NAME_FILE=/run/secrets/name` becomes `NAME=content`, as the images of Postgres and others do; an empty file leaves NAME
unset. Then the command takes this process's place.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PREFIXES = ("PREFECT_", "AUTOCODER_", "HF_", "OPENAI_")
"""What is ours: other variables that end in _FILE are none of our business."""
REQUIRED = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_SERVER_DATABASE_PASSWORD")


def with_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with secrets in the place of the files that hold them.

    Raises ValueError when a file cannot be read, or is empty where a password is required.
    """
    found = dict(environment)
    for name in [n for n in environment if n.startswith(PREFIXES) and n.endswith("_FILE")]:
        secret, path = name.removesuffix("_FILE"), Path(found.pop(name))
        try:
            content = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{name}: {path} cannot be read ({error.strerror}).") from None
        if content:
            found[secret] = content
        elif secret in REQUIRED:
            raise ValueError(f"{name}: {path} is empty. `python -m deployments.docker.passwords` makes passwords.")
    return found


def main(command: list[str]) -> None:
    """Become the command."""
    try:
        environment = with_secrets(os.environ)
    except ValueError as error:
        sys.exit(str(error))
    os.execvpe(command[0], command, environment)  # noqa: S606  # that is its task


if __name__ == "__main__":
    main(sys.argv[1:])
