"""What can be known to be wrong before anything is started."""

import socket
from urllib.parse import urlsplit

from flows.preflight import answers, check_prefect
from flows.settings import Settings
from stages.errors import Permanent
from stages.templates import Templates


def check(settings: Settings, environment: dict[str, str]) -> None:
    """Raises Permanent, before anything is started, for a template, or a Prefect server, that cannot be used."""
    Templates(settings.templates)
    if address := environment.get("PREFECT_API_URL"):
        check_prefect(address)
    elif not free(port := prefect_port(environment)):
        address = f"http://127.0.0.1:{port}/api"
        who = "A Prefect server already runs" if answers(f"{address}/health") else "Another program listens"
        raise Permanent(
            f"{who} on port {port}. Set PREFECT_API_URL={address} to use it if it is Prefect's, "
            f"or PREFECT_SERVER_API_PORT={port + 1} to start one beside it."
        )


def check_hub_port(settings: Settings) -> None:
    """Raises Permanent when the local Hub is wanted and cannot be started."""
    port = urlsplit(settings.local_hub).port or 0
    if not settings.on_real_hub and not free(port):
        raise Permanent(
            f"Port {port}, which the local Hub wants, is in use by another program. Stop that, or set "
            f"AUTOCODER_LOCAL_HUB to another address, such as http://127.0.0.1:{port + 1}."
        )


def prefect_port(environment: dict[str, str]) -> int:
    """Of the server to be started. Raises Permanent."""
    given = environment.get("PREFECT_SERVER_API_PORT", "4200")
    if not (given.isdecimal() and 0 < int(given) < 65_536):
        raise Permanent(f"PREFECT_SERVER_API_PORT: expected a port from 1 to 65535, not {given!r}.")
    return int(given)


def free(port: int) -> bool:
    """Whether nothing listens on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
