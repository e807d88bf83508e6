"""`make image`: build the Dockerfile with the engine that is here, and run the rehearsal in the image as uid 1000."""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from deployments.docker.base import LOCAL, make_base, missing
from deployments.docker.engines import Engine, engine
from stages.errors import Permanent, WorkerError

DOCKERFILE = Path(__file__).with_name("Dockerfile")
TAG = "localhost/autocoder-implementation-worker"
BASE = "python:3.12-slim"
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


def build(with_: Engine, base: str, tag: str) -> None:
    """Build and say what came of it. Raises Permanent."""
    began = time.monotonic()
    secrets = borrowed(os.environ)
    with_.build(DOCKERFILE, tag, {"BASE": base}, secrets)
    image = with_.look(tag)
    say(f"built     {tag} from {base} in {time.monotonic() - began:.0f} s: "
        f"{image.megabytes:,.0f} MB, {image.layers} layers")  # fmt: skip
    if told := [name for name, path in secrets.items() if tells(image.description, path)]:
        raise Permanent(f"The image's description holds lines of the secret {', '.join(told)} of its build.")


def tells(description: str, secret: Path) -> bool:
    """Whether a line of the secret file stands in the description; lines of a few characters may by chance."""
    lines = (line.strip() for line in secret.read_text(encoding="utf-8").splitlines())
    return any(len(line) > 12 and line in description for line in lines)


def rehearse(with_: Engine, tag: str) -> None:
    """The rehearsal inside. Raises Permanent when it does not come to its verdicts."""
    began = time.monotonic()
    if with_.run(tag, ["python", "-m", "deployments.docker.rehearsal"]):
        raise Permanent(f"The rehearsal in {tag} failed: its words are above.")
    say(f"rehearsed in the image in {time.monotonic() - began:.0f} s")


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
            rehearse(found, given.tag)
    except WorkerError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
