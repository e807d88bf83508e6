"""What the repository of a Space holds: this project's code, and at its root the Space's own card and Dockerfile."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from stages.errors import Misconfigured

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
FOLDERS = ("deployments", "flows", "stages", "templates")
ROOT = ("LICENSE", "constraints.txt", "prefect.yaml", "pyproject.toml")
OWN = ("Dockerfile", "README.md")
REHEARSAL = "deployments/rehearsal/"
"""Records and conversations for a worker without account: a Space without a token does no work."""


def files(project: Path = PROJECT) -> dict[str, bytes]:
    """Path in the Space → content. Raises Misconfigured outside of a git checkout."""
    return {path: place.read_bytes() for path, place in sorted(_places(project))}


def is_ours(path: str) -> bool:
    """Whether a file of the Space is this project's to replace and delete; others are its owner's."""
    return path.partition("/")[0] in FOLDERS or path in ROOT + OWN


def _places(project: Path) -> Iterator[tuple[str, Path]]:
    yield from ((name, project / "deployments" / "space" / name) for name in OWN)
    for path in _tracked(project):
        if not path.startswith(REHEARSAL) and (project / path).is_file():
            yield path, project / path


def _tracked(project: Path) -> list[str]:
    """Paths that git tracks; all else in these folders, tokens and passwords among it, is the owner's and stays here.

    Raises Misconfigured.
    """
    command = ["git", "ls-files", "-z", "--", *FOLDERS, *ROOT]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise Misconfigured(
            f"{project} is no git checkout of the project, which says what may be uploaded: clone it, and call this "
            f"command there. {done.stderr.strip()}".strip()
        )
    return done.stdout.split("\0")[:-1]
