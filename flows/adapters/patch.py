"""A draft as git's own unified diff: made in an index of its own, beside a mirror that nothing is written to."""

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from flows.adapters import git
from stages.errors import Unusable
from stages.models import Draft

NEW_FILE = "100644"
_NOTHING = "0" * 40


def unified(mirror: Path, revision: str, modes: Mapping[str, str], draft: Draft) -> str:
    """The patch that turns `revision` into the draft, checked to apply to it.

    `modes`: path → git's mode of every entry of the tree. Raises Unusable, as a sentence for the model.
    """
    texts = {file.path: file.content for file in (*draft.files, *draft.tests)}
    _refuse_strange(texts, modes, draft.deleted)
    with tempfile.TemporaryDirectory() as scratch:
        env = {
            "GIT_INDEX_FILE": f"{scratch}/index",
            "GIT_OBJECT_DIRECTORY": f"{scratch}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror / "objects"),
        }
        Path(scratch, "objects").mkdir()
        git.local(mirror, "read-tree", revision, env=env)
        entries = [f"0 {_NOTHING}\t{path}" for path in draft.deleted]
        for path, text in texts.items():
            blob = git.local(mirror, "hash-object", "-w", "--stdin", stdin=text.encode(), env=env).decode().strip()
            entries.append(f"{modes.get(path, NEW_FILE)} {blob}\t{path}")
        _stage(mirror, entries, env)
        patch = _text(git.local(mirror, "diff-index", *_DIFF, revision, env=env))
        if not patch:
            raise Unusable(
                "The draft changes nothing: every file in it is as it was. Give the files as they should become."
            )
        _check(mirror, revision, patch, env | {"GIT_INDEX_FILE": f"{scratch}/clean"})
    return patch


_DIFF = (
    *("--cached", "--patch", "--text", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv", "--full-index"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
)


def _refuse_strange(texts: Mapping[str, str], modes: Mapping[str, str], deleted: tuple[str, ...]) -> None:
    for path in (*texts, *deleted):
        if modes.get(path, NEW_FILE) not in ("100644", "100755"):
            raise Unusable(f"{path} is a symbolic link or a submodule: leave it as it is.")
    for path in deleted:
        if path not in modes:
            raise Unusable(f"{path} is to be deleted but does not exist.")
        if path in texts:
            raise Unusable(f"{path} is both written and deleted: decide for one.")
    kept = modes.keys() - set(deleted)
    for path, text in texts.items():
        above = {str(folder) for folder in PurePosixPath(path).parents} & kept
        if above or any(other.startswith(f"{path}/") for other in kept):  # git would drop one for the other
            raise Unusable(f"{path} would stand where the tree has {', '.join(above) or 'a folder'}: use another path.")
        if "\0" in text:
            raise Unusable(f"{path} holds a NUL character: write plain text.")


def _stage(mirror: Path, entries: list[str], env: Mapping[str, str]) -> None:
    stdin = "".join(f"{entry}\0" for entry in entries).encode()
    done = git.attempt(mirror, "update-index", "-z", "--index-info", stdin=stdin, env=env)
    if done.returncode or done.stderr:  # git ignores a bad path with a complaint only
        raise Unusable(f"The draft's paths cannot stand in this tree: {git.tail(done.stderr)}. Use other paths.")


def _text(patch: bytes) -> str:
    try:
        return patch.decode()
    except UnicodeDecodeError:
        raise Unusable("The draft changes a file that is not UTF-8 text: leave it as it is.") from None


def _check(mirror: Path, revision: str, patch: str, env: Mapping[str, str]) -> None:
    git.local(mirror, "read-tree", revision, env=env)
    done = git.attempt(
        mirror, "apply", "--check", "--cached", "--whitespace=nowarn", "-", stdin=patch.encode(), env=env
    )
    if done.returncode:
        raise Unusable(f"The draft makes no patch that applies: {git.tail(done.stderr)}.")
