"""Where things are in a home: what belongs to one Hub and its three datasets has a folder of its own."""

import hashlib
from contextlib import closing, suppress
from pathlib import Path

from flows.adapters.backlog import Backlog
from flows.adapters.outbox import Outbox
from flows.settings import Settings
from stages.errors import WorkerError


def place_of(chosen: Settings) -> Path:
    """The folder of one Hub and its three datasets; nothing in it may reach another."""
    address = hashlib.sha256("\n".join((chosen.hub_address, *chosen.datasets)).encode()).hexdigest()
    return chosen.home / "at" / address[:8]


def outbox_of(chosen: Settings) -> Outbox:
    """Where finished outcomes wait for that Hub."""
    return Outbox(place_of(chosen) / "outbox")


def begun(home: Path) -> set[str]:
    """Keys of what was taken up in this home and is not decided, for whatever Hub."""
    keys: set[str] = set()
    for file in home.glob("at/*/worker.db"):
        with suppress(WorkerError), closing(Backlog(file.parent)) as backlog:  # of a damaged one nothing is known
            keys |= backlog.begun()
    return keys
