"""What compose.yaml says, for those who start the same processes without Docker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("compose.yaml")
ENTRY = ("python", "-m", "deployments.docker.entry")
"""The image's entry point."""
OURS = "autocoder-implementation-worker"


@dataclass(frozen=True)
class Service:
    """One service of the file."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    tmpfs: tuple[str, ...]
    """Folders of the container's own."""
    needs: Mapping[str, str]
    """Service → condition that holds before this one starts."""
    health: tuple[str, ...]
    """A command that ends with 0 when it is well; empty: it is not asked."""
    restarted: bool
    """Whether it is started again however it ended."""
    replicas: int

    @property
    def is_ours(self) -> bool:
        """Whether it runs the image of this project."""
        return self.image == OURS


def services(environment: Mapping[str, str], file: Path = FILE) -> dict[str, Service]:
    """All services of the file, those of profiles too, by name, each after those that it needs."""
    document = yaml.safe_load(_filled_in(file.read_text(encoding="utf-8"), environment))
    known = {name: _service(name, said) for name, said in document["services"].items()}
    ordered: dict[str, Service] = {}
    while len(ordered) < len(known):
        ready = [s for s in known.values() if s.name not in ordered and s.needs.keys() <= ordered.keys()]
        if not ready:
            raise ValueError(f"{file}: services need each other in a circle")
        ordered |= {service.name: service for service in ready}
    return ordered


def _service(name: str, said: Mapping[str, Any]) -> Service:
    health = said.get("healthcheck", {}).get("test", [])
    return Service(
        name=name,
        image=said["image"],
        command=tuple(said.get("command", ())),
        environment=said.get("environment", {}),
        tmpfs=tuple(entry.partition(":")[0] for entry in said.get("tmpfs", ())),
        needs={needed: how["condition"] for needed, how in said.get("depends_on", {}).items()},
        health=tuple(health[1:]),
        restarted=said["restart"] == "unless-stopped",
        replicas=int(said.get("deploy", {}).get("replicas", 1)),
    )


def _filled_in(text: str, environment: Mapping[str, str]) -> str:
    """The text with `${NAME:-default}` replaced, the only form that the file uses."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], text)
