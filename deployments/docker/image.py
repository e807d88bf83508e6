"""`make image`: build the Dockerfiles with the engine that is here, and try each image from inside as uid 1000."""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deployments.docker.base import LOCAL, make_base, missing
from deployments.docker.engines import Engine, engine
from deployments.space.files import PROJECT, files
from stages.errors import Permanent, WorkerError

TAG, SPACE = "localhost/autocoder-implementation-worker", "localhost/autocoder-space"
BASE = "python:3.12-slim"
DOCKERFILE = PROJECT / "deployments" / "docker" / "Dockerfile"
NAMED_BY = {"pip": ("PIP_CONFIG_FILE",), "ca": ("PIP_CERT", "SSL_CERT_FILE")}
"""Variables by which this machine names its package index and its certificates; the build borrows the files."""


def say(line: str) -> None:
    """At once: the engine writes to the same screen."""
    print(line, flush=True)


def borrowed(environment: Mapping[str, str]) -> dict[str, Path]:
    """Secret of the build → file of this machine, where it has one."""
    found = {
        secret: Path(environment[name])
        for secret, names in NAMED_BY.items()
        for name in reversed(names)
        if environment.get(name)
    }
    return {secret: path for secret, path in found.items() if path.is_file()}


def build(with_: Engine, base: str, tag: str, folder: Path = PROJECT, dockerfile: Path = DOCKERFILE) -> None:
    """Build and say what came of it. Raises Permanent."""
    began = time.monotonic()
    secrets = borrowed(os.environ)
    with_.build(folder, dockerfile, tag, {"BASE": base}, secrets)
    image = with_.look(tag)
    say(f"built     {tag} from {base} in {time.monotonic() - began:.0f} s: "
        f"{image.megabytes:,.0f} MB, {image.layers} layers")  # fmt: skip
    if told := [name for name, path in secrets.items() if tells(image.description, path)]:
        raise Permanent(f"The image's description holds lines of the secret {', '.join(told)} of its build.")


def tells(description: str, secret: Path) -> bool:
    """Whether a line of the secret file stands in the description; lines of a few characters may by chance."""
    lines = (line.strip() for line in secret.read_text(encoding="utf-8").splitlines())
    return any(len(line) > 12 and line in description for line in lines)


def build_space(with_: Engine, base: str) -> None:
    """The image of a Space, of the very files that one gets. Raises Permanent, Misconfigured outside of a checkout."""
    with TemporaryDirectory(prefix="autocoder-space-") as name:
        folder = Path(name, "repository")
        for path, content in files().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        build(with_, base, SPACE, folder, folder / "Dockerfile")


def try_inside(with_: Engine, tag: str, program: str) -> None:
    """Run a program of ours in the image. Raises Permanent when it finds a fault."""
    began = time.monotonic()
    if with_.run(tag, ["python", "-m", program]):
        raise Permanent(f"{program} failed in {tag}: its words are above.")
    say(f"tried     {tag} by {program} in {time.monotonic() - began:.0f} s")


def choose_base(with_: Engine, given: str) -> str:
    """The base that was asked for, or one made here; empty, with the reason said, where none can be had.

    Raises Permanent.
    """
    if given:
        return given
    if with_.has(BASE):
        return BASE
    if lacking := missing():
        say(f"skipped   {BASE} cannot be fetched here, and {lacking}")
        return ""
    say(f"base      {BASE} cannot be fetched here: making {LOCAL} with debootstrap")
    return make_base(with_)


def main() -> int:
    """Exit code: 0 also when it was skipped, which is said with the reason."""
    parser = ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("--base", default="", help=f"base image; default {BASE}, or one made with debootstrap")
    parser.add_argument("--tag", default=TAG)
    given = parser.parse_args()
    found = engine()
    if isinstance(found, str):
        say(f"skipped   {found}")
        return 0
    say(f"engine    {found.name}")
    try:
        if base := choose_base(found, given.base):
            build(found, base, given.tag)
            try_inside(found, given.tag, "deployments.docker.rehearsal")
            build_space(found, base)
            try_inside(found, SPACE, "deployments.space.trial")
    except WorkerError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
