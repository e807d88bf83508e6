"""Which process works on which run, as far as a worker beneath this process started it: seen, and remembered.

A run takes its lock (`flows.presence`) some seconds after its process began, and Prefect tells of that process a bare
id, which may be another machine's. What this process saw beneath itself is no guess; nothing of it is written down.
"""

from collections.abc import Collection
from uuid import UUID

import psutil

RUN_ID = "PREFECT__FLOW_RUN_ID"
"""The variable by which a worker tells the process which run it is; all that the process starts inherits it."""


class Sightings:
    """Run → its process, held by id and time of start."""

    def __init__(self) -> None:
        self._seen: dict[UUID, psutil.Process] = {}

    def look(self) -> None:
        """Remember what has begun beneath this process since the last look."""
        me = psutil.Process()
        for process in me.children(recursive=True):
            run, parent = run_of(process), _parent(process)
            if run and parent not in (me, None) and run != run_of(parent):  # what a dead run left may become our child
                self._seen[run] = process

    def __contains__(self, run: UUID) -> bool:
        """Whether its process was seen."""
        return run in self._seen

    def is_there(self, run: UUID) -> bool:
        """Whether the process that was seen still is."""
        try:
            return self._seen[run].is_running() and self._seen[run].status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def keep(self, runs: Collection[UUID]) -> None:
        """Forget all other runs."""
        self._seen = {run: process for run, process in self._seen.items() if run in runs}


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.NoSuchProcess:
        return None


def run_of(process: psutil.Process | None) -> UUID | None:
    """The run whose process this is, or whose process started it; None where there is none, or we may not know."""
    try:
        return UUID(process.environ()[RUN_ID]) if process else None
    except (psutil.Error, KeyError, ValueError):
        return None
