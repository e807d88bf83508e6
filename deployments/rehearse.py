"""The rehearsal: a small library and findings about it, for a worker that has no account and no model yet.

`python -m deployments.rehearse` puts it into the local Hub that AUTOCODER_LOCAL_HUB names; `make up` does so by itself.
What it is made of lies in `deployments/rehearsal/`: library, analysis, test plans, and the conversations for all of it.
"""

import sys
import tempfile
from pathlib import Path

from flows.adapters import git
from flows.adapters.hub import Hub
from flows.environment import load
from flows.preflight import check_local_hub
from flows.settings import Settings
from stages.errors import Permanent, WorkerError

FOLDER = Path(__file__).parent / "rehearsal"
REPOSITORY = "rehearsal/tally.git"
"""Relative to the worker's home, so that the items have the same ids on every machine."""
CACHES = {"__pycache__", ".pytest_cache"}
WHEN = "2026-11-21T18:00:00+00:00"
BY = {
    **{f"GIT_{role}_NAME": "Tally Maintainers" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "tally@example.org" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_DATE": WHEN for role in ("AUTHOR", "COMMITTER")},
}


def build(settings: Settings, hub: Hub) -> str:
    """Sha of the library's one commit, the same everywhere; its repository and the upstream records are in place.

    Files that the two upstream datasets have already are left alone. Raises WorkerError.
    """
    if settings.on_real_hub:
        raise Permanent(f"The rehearsal's records are not for {settings.hub_address}: set AUTOCODER_LOCAL=1.")
    sha = make_repository(settings.home / REPOSITORY)
    for dataset, folder in zip(settings.datasets, ("analysis", "test_plans"), strict=False):
        seed(hub, dataset, FOLDER / folder)
    return sha


def make_repository(place: Path) -> str:
    """Sha of the commit that holds the library, in a bare repository; nothing in it depends on this machine."""
    library = FOLDER / "library"
    paths = sorted(p for p in library.rglob("*") if p.is_file() and CACHES.isdisjoint(p.parts))
    place.parent.mkdir(parents=True, exist_ok=True)
    git.local(place, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(place))
    names = "".join(f"{path}\n" for path in paths).encode()
    blobs = git.local(place, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names).decode().split()
    entries = [f"100644 {blob}\t{p.relative_to(library)}\0" for blob, p in zip(blobs, paths, strict=True)]
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        git.local(place, "update-index", "-z", "--index-info", stdin="".join(entries).encode(), env=index)
        tree = git.local(place, "write-tree", env=index).decode().strip()
    sha = git.local(place, "commit-tree", "-m", "tally 0.4.0", tree, env=BY).decode().strip()
    git.local(place, "update-ref", "refs/heads/main", sha)
    return sha


def seed(hub: Hub, dataset: str, folder: Path) -> None:
    """Every record of the folder is in the dataset, in one commit."""
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    hub.create(dataset, private=False)
    head = hub.head(dataset)
    there = {entry.path for entry in hub.entries(dataset, head, list(files))}
    missing = {name: content for name, content in files.items() if name not in there}
    if missing:
        hub.commit(dataset, missing, head, "Records of the rehearsal")


def main() -> None:
    try:
        settings = load()
        check_local_hub(settings)
        sha = build(settings, Hub(settings.hub_address))
    except WorkerError as error:
        sys.exit(str(error))
    print(f"The rehearsal is in place: {settings.hub_address}, and the library's commit {sha[:12]} in {settings.home}.")


if __name__ == "__main__":
    main()
