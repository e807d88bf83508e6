"""Debian's PostgreSQL, Redis and HAProxy in the place of the three images of compose.yaml that are somebody else's."""

import os
import shutil
import subprocess
from pathlib import Path

from deployments.docker.compose import Service
from deployments.docker.containers import RUN, SRV

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
PACKAGES = {
    "postgresql": bool(POSTGRES),
    "redis-server": shutil.which("redis-server"),
    "haproxy": shutil.which("haproxy"),
    "iproute2": shutil.which("ip"),
    "util-linux": shutil.which("unshare"),
}
"""Debian package → whether it is here."""
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def missing() -> str:
    """What this machine lacks to run them, and how to get it; empty when nothing."""
    if os.getuid():
        return "it needs root, for each container gets a network of its own: sudo make ha"
    lacking = [package for package, is_here in PACKAGES.items() if not is_here]
    return f"{', '.join(lacking)} missing: apt-get install {' '.join(lacking)}" if lacking else ""


def command(service: Service) -> list[str]:
    """What runs in the place of the service's image."""
    if service.name == "postgres":
        return [*AS_POSTGRES, str(POSTGRES[-1]), "-D", f"{SRV}/postgres", "-h", "*", "-k", f"{RUN}/postgresql"]
    if service.name == "redis":  # the image has it hear other containers, too
        return ["env", "-C", f"{SRV}/redis", *service.command, "--protected-mode", "no"]
    return list(service.command)


def prepare() -> None:
    """A database with its password, a folder for Redis, the balancer's configuration where compose.yaml has it."""
    (SRV / "redis").mkdir()
    (SRV / "haproxy.cfg").symlink_to(Path(__file__).with_name("haproxy.cfg"))
    for place in (SRV / "postgres", RUN / "postgresql"):
        place.mkdir()
        shutil.chown(place, "postgres", "postgres")
    _postgres("initdb", "-U", "prefect", "--auth=scram-sha-256", f"--pwfile={RUN}/secrets/postgres_password",
              "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip
    _postgres("postgres", "--single", "postgres", stdin="CREATE DATABASE prefect;\n")
    with (SRV / "postgres" / "pg_hba.conf").open("a", encoding="ascii") as rules:
        rules.write("host all all 10.77.0.0/24 scram-sha-256\n")


def _postgres(program: str, *arguments: str, stdin: str = "") -> None:
    path = str(POSTGRES[-1].with_name(program))
    where = ["--single", "-D", f"{SRV}/postgres"] if program == "postgres" else ["-D", f"{SRV}/postgres"]
    rest = [argument for argument in arguments if argument != "--single"]
    subprocess.run([*AS_POSTGRES, path, *where, *rest], input=stdin, text=True, check=True, capture_output=True)
