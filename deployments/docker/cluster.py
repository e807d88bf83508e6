"""compose.yaml's processes on this machine: ours as they stand there, Debian's in the place of three images."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.docker import debian
from deployments.docker.compose import ENTRY, Service, services
from deployments.docker.containers import Container, Host
from stages.errors import Permanent

HEALTHY_S, DONE_S = 300.0, 300.0
"""How long a service may take to be well, and one that ends by itself to end; the machine may be busy."""


@dataclass
class Cluster:
    """All containers of compose.yaml, started in its order, started again as it says."""

    host: Host
    services: Mapping[str, Service]
    containers: dict[str, Container] = field(default_factory=dict)

    def start(self, service: Service) -> None:
        """Start its containers once what it needs is there. Raises Permanent."""
        for needed, condition in service.needs.items():
            self.wait_for(self.services[needed], condition)
        for name in names(service):
            command = [*ENTRY, *service.command] if service.is_ours else debian.command(service)
            given = self.host.container(name, command, service.environment, service.tmpfs, service.restarted)
            self.containers[name] = given

    def revive(self) -> Iterator[str]:
        """A line for each container that ended and is started again. Raises Permanent when one does so for ever."""
        for container in self.containers.values():
            if container.restarted and container.child.ended:
                container.child.start_again()
                yield f"restart   {container.name}"

    def is_well(self, service: Service) -> bool:
        """Whether each of its containers runs and answers its health check."""
        return all(
            not self.containers[name].child.ended
            and (not service.health or self.host.succeeds(name, service.health, service.environment))
            for name in names(service)
        )

    def wait_for(self, service: Service, condition: str) -> None:
        """Until it is as one of compose.yaml's conditions says. Raises Permanent."""
        child = self.containers[names(service)[0]].child
        if condition == "service_healthy":
            child.wait_until(lambda: self.is_well(service), HEALTHY_S)
        elif condition == "service_completed_successfully":
            wait_until(lambda: child.ended, DONE_S, f"{service.name} has not ended")
            if child.process.returncode:
                child.check()


def cluster(folder: Path, secrets: Path, environment: Mapping[str, str]) -> Cluster:
    """Of the file as it is, its host set up and nothing started; call it within `containers.inside`."""
    known = services(environment)
    host = Host(folder, [name for service in known.values() for name in names(service)])
    host.set_up(secrets)
    debian.prepare()
    return Cluster(host, known)


def wait_until(reached: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Return once it is so. Raises Permanent with these words when it takes too long."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise Permanent(f"{otherwise} after {seconds:.0f} s.")
        time.sleep(0.5)


def names(service: Service) -> list[str]:
    """Of its containers."""
    return [service.name] if service.replicas == 1 else [f"{service.name}-{n + 1}" for n in range(service.replicas)]
