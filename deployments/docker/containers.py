"""Containers without an engine: Linux namespaces, made by `ip` and `unshare` (Debian: iproute2, util-linux).

To be used within namespaces of network, mounts and processes of its own (`inside`): whatever is made here, mounts,
addresses and processes, is gone when the first process of those ends, however it ends.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deployments.processes import Child

BRIDGE, NETWORK = "autocoder", "10.77.0"
SRV, RUN = Path("/srv"), Path("/run")
RUN_ID = "PREFECT__FLOW_RUN_ID"
"""In the environment of a run's process."""
START = 'for folder in $1; do mkdir -p "$folder"; mount -t tmpfs -o mode=1777 none "$folder"; done; shift; exec "$@"'


def inside(command: Sequence[str]) -> list[str]:
    """The command, in namespaces of its own; all that it starts dies with it, and it with whoever starts it."""
    alone = ["setpriv", "--pdeathsig", "KILL", "--"]
    return [*alone, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", *command]


@dataclass
class Container:
    """A process tree with a network address of its own; what compose.yaml calls a container."""

    name: str
    child: Child
    restarted: bool

    def kill(self) -> None:
        """SIGKILL to everything in it, at once."""
        self.child.process.kill()  # `unshare --kill-child`: the namespace's first process goes with it, and so do all
        self.child.process.wait()

    def runs(self) -> set[str]:
        """Ids of the flow runs that are under way in it."""
        found = set()
        with suppress(psutil.NoSuchProcess):
            for process in self.child.identity.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    found.add(process.environ().get(RUN_ID, ""))
        return found - {""}


class Host:
    """This machine as a host of containers: names that resolve, /srv and /run of their own."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self._addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate(names, start=11)}

    def set_up(self, secrets: Path) -> None:
        """Mount and connect. /srv is a folder of `folder`; /run/secrets holds a copy of the secrets."""
        srv, hosts, nobody = (self.folder / name for name in ("srv", "hosts", "no name servers"))
        srv.mkdir(parents=True)
        nobody.touch()
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self._addresses.items())]
        hosts.write_text("\n".join(lines) + "\n", encoding="ascii")
        _do("mount", "--bind", str(srv), str(SRV))
        _do("mount", "--bind", str(hosts), "/etc/hosts")
        _do("mount", "--bind", str(nobody), "/etc/resolv.conf")
        _do("mount", "-t", "tmpfs", "none", str(RUN))
        (RUN / "netns").mkdir()
        shutil.copytree(secrets, RUN / "secrets")
        (RUN / "secrets").chmod(0o755)
        _do("ip", "link", "set", "lo", "up")
        _do("ip", "link", "add", BRIDGE, "type", "bridge")
        _do("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _do("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(self._addresses):
            self._connect(name, f"port{number}")

    def _connect(self, name: str, port: str) -> None:
        _do("ip", "netns", "add", name)
        _do("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        _do("ip", "link", "set", port, "master", BRIDGE, "up")
        _do("ip", "-n", name, "address", "add", f"{self._addresses[name]}/24", "dev", "eth0")
        _do("ip", "-n", name, "link", "set", "eth0", "up")
        _do("ip", "-n", name, "link", "set", "lo", "up")

    def container(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], own: Sequence[str], restarted: bool
    ) -> Container:
        """A started container; `own` are folders below /srv that it shares with none."""
        folders = " ".join(folder for folder in own if folder.startswith(f"{SRV}/"))
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-ec", START, "sh", folders]
        argv = ["ip", "netns", "exec", name, *alone, *command]
        child = Child(name, argv, self.folder / "logs" / f"{name}.log", {**_bare(), **environment})
        child.start()
        return Container(name, child, restarted)

    def succeeds(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a command ends well in the container's network: how a health check is asked."""
        done = subprocess.run(
            ["ip", "netns", "exec", name, *command],
            env={**_bare(), **environment}, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode == 0


def _bare() -> dict[str, str]:
    """What every container has of this machine: where programs lie."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def _do(*command: str) -> None:
    subprocess.run(command, check=True)
