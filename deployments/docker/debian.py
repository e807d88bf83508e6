"""Debian's PostgreSQL, Redis and HAProxy in the place of the three images of compose.yaml that are somebody else's."""

import os
import shutil
import subprocess
from pathlib import Path

from deployments.docker.compose import Service
from deployments.docker.containers import NETWORK, RUN, SRV
from stages.errors import Permanent

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
    data = SRV / "postgres"
    for place in (data, RUN / "postgresql"):
        place.mkdir()
        shutil.chown(place, "postgres", "postgres")
    password = f"--pwfile={RUN}/secrets/postgres_password"
    how = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    _as_postgres("initdb", "-D", str(data), "-U", "prefect", password, *how)
    _as_postgres("postgres", "--single", "-D", str(data), "postgres", stdin="CREATE DATABASE prefect;\n")
    with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
        rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")


def _as_postgres(program: str, *arguments: str, stdin: str = "") -> None:
    """Run a program of PostgreSQL's. Raises Permanent with what it said when it fails."""
    path = POSTGRES[-1].with_name(program)
    done = subprocess.run(
        [*AS_POSTGRES, str(path), *arguments], input=stdin, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise Permanent(f"PostgreSQL's {program} failed: {done.stderr.strip()[-1000:]}")
