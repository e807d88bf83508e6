"""The program that builds and runs images here: docker, podman or buildah, whichever answers."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.errors import Permanent

GET_ONE = "Install one: Debian's `apt-get install buildah` needs no daemon."


@dataclass(frozen=True)
class Image:
    """What was built."""

    megabytes: float
    layers: int
    description: str
    """Its configuration and history, as JSON."""


@dataclass(frozen=True)
class Engine:
    """Docker, podman or buildah: the same words but for a few."""

    name: str

    @property
    def _alone(self) -> list[str]:
        """Buildah without a daemon, cgroups or a network namespace, for machines that give none."""
        return ["--isolation", "chroot"] if self.name == "buildah" else []

    def has(self, image: str) -> bool:
        """Whether the image is here, or can be fetched within three minutes."""
        if self._succeeds("inspect", "--type", "image", image):
            return True
        return self._succeeds("pull", image, seconds=180)

    def build(
        self, folder: Path, dockerfile: Path, tag: str, arguments: Mapping[str, str], secrets: Mapping[str, Path]
    ) -> None:
        """Build this folder. Raises Permanent; what the engine says is shown as it says it."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        given += [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        form = [] if self.name == "docker" else ["--format", "docker", "--layers"]  # OCI's own knows no health check
        command = [self.name, "build", *self._alone, *form, "--network", "host", "-f", str(dockerfile), "-t", tag]
        if subprocess.run([*command, *given, str(folder)], check=False).returncode:
            raise Permanent(f"{self.name} could not build {dockerfile}: its words are above.")

    def run(self, image: str, command: Sequence[str]) -> int:
        """Exit code of the command in a new container, as uid 1000 without capabilities."""
        if self.name != "buildah":
            bare = ["--rm", "--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
            program = ["--entrypoint", command[0], image, *command[1:]]
            return subprocess.run([self.name, "run", *bare, *program], check=False).returncode
        container = self._say("from", "--pull-never", image)
        try:
            there = ["run", *self._alone, "--cap-drop", "all", "--user", "1000:1000", container, "--", *command]
            return subprocess.run([self.name, *there], check=False).returncode
        finally:
            self._say("rm", container)

    def look(self, image: str) -> Image:
        """Size, layers and description of an image that is here."""
        if self.name == "buildah":
            told = json.loads(self._say("inspect", "--type", "image", image))
            size = json.loads(self._say("images", "--json", image))[0]["size"]
            number, unit = size.split()
            factor = {"KB": 0.001, "MB": 1.0, "GB": 1000.0}[unit]
            return Image(float(number) * factor, len(told["Docker"]["rootfs"]["diff_ids"]), json.dumps(told))
        (told,) = json.loads(self._say("image", "inspect", image))
        history = self._say("history", "--no-trunc", image)
        return Image(told["Size"] / 1e6, len(told["RootFS"]["Layers"]), json.dumps(told) + history)

    def adopt(self, root: Path, image: str) -> None:
        """Make an image of one layer from a folder."""
        if self.name != "buildah":
            with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as packed:
                subprocess.run([self.name, "import", "-", image], stdin=packed.stdout, check=True, capture_output=True)
            return
        container = self._say("from", "scratch")
        self._say("add", container, str(root), "/")
        self._say("commit", "--rm", container, image)

    def _succeeds(self, *arguments: str, seconds: float = 30) -> bool:
        try:
            done = subprocess.run([self.name, *arguments], capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _say(self, *arguments: str) -> str:
        done = subprocess.run([self.name, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Permanent(f"{self.name} {' '.join(arguments[:2])} failed: {done.stderr.strip()[-1000:]}")
        return done.stdout.strip()


def engine() -> Engine | str:
    """The first that works, or why there is none."""
    installed = [name for name in ("docker", "podman", "buildah") if shutil.which(name)]
    for name in installed:
        asked = [name, "version"] if name == "buildah" else [name, "info"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return Engine(name)
    if installed:
        return f"{' and '.join(installed)} cannot reach a daemon or cannot run here. {GET_ONE}"
    return f"there is neither docker nor podman nor buildah. {GET_ONE}"
