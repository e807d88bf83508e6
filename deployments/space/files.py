"""What the repository of a Space holds: this project's code, and at its root the Space's own card and Dockerfile."""

from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
FOLDERS = ("deployments", "flows", "stages", "templates")
ROOT = ("LICENSE", "constraints.txt", "prefect.yaml", "pyproject.toml")
OWN = ("Dockerfile", "README.md")
LEFT_OUT = {"__pycache__", "rehearsal"}
"""Bytecode, and records and conversations for a worker without account: a Space without a token does no work."""


def files() -> dict[str, bytes]:
    """Path in the Space → content."""
    return {path: place.read_bytes() for path, place in sorted(_places())}


def is_ours(path: str) -> bool:
    """Whether a file of the Space is this project's to replace and delete; others are its owner's."""
    return path.partition("/")[0] in FOLDERS or path in ROOT + OWN


def _places() -> Iterator[tuple[str, Path]]:
    yield from ((name, PROJECT / name) for name in ROOT)
    yield from ((name, HERE / name) for name in OWN)
    for folder in FOLDERS:
        for place in (PROJECT / folder).rglob("*"):
            path = place.relative_to(PROJECT)
            if place.is_file() and LEFT_OUT.isdisjoint(path.parts):
                yield path.as_posix(), place
