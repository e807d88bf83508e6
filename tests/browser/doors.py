"""Where a browser finds the Prefect UI of a `make up`: at its plain local address, or behind https, with a password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.https import certificate, https
from tests.deployments.make_up import Up, running

PASSWORD = "ada:planted-password-of-the-server"


@dataclass(frozen=True)
class Door:
    """A `make up`, and the way to it."""

    up: Up
    address: str
    password: str = ""
    """Empty: none is asked for."""


@contextmanager
def plain(folder: Path) -> Iterator[Door]:
    """As the README has it."""
    with running(folder / "home") as up:
        yield Door(up, f"http://127.0.0.1:{up.ports[1]}")


@contextmanager
def behind_https(folder: Path) -> Iterator[Door]:
    """As for other machines: a proxy speaks TLS, the server asks for a password."""
    asked = {f"PREFECT_{side}API_AUTH_STRING": PASSWORD for side in ("SERVER_", "")}
    relative = {"PREFECT_UI_API_URL": "/api", "PREFECT_UI_STATIC_DIRECTORY": str(folder / "ui")}
    with running(folder / "home", asked | relative) as up, https(certificate(folder), up.ports[1]) as (port,):
        yield Door(up, f"https://127.0.0.1:{port}", PASSWORD)
