"""What `make up` started, written down: a killed one stops nothing, so the next one does it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deployments.processes import Child, stop

CLOCK_S = 2.0
"""By how much a start that the system tells again may differ: it is counted from a clock that may be set right."""


@dataclass
class Started:
    """The children in the order of their start; `record` names them before they begin, and while they live."""

    record: Path
    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> None:
        def known() -> None:
            self.children.append(child)
            self._write_down()

        child.start(known)

    def revive(self) -> Iterator[str]:
        """A line for each that has ended and is started again. Raises Permanent when one ends again and again."""
        for child in self.children:
            if child.ended:
                line = f"restart   {child.name} ended (exit code {child.process.returncode}), and is started again"
                child.start_again(self._write_down)
                yield line

    def _write_down(self) -> None:
        told = [[c.name, c.identity.pid, c.identity.create_time()] for c in self.children]
        draft = self.record.with_suffix(".part")
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.replace(self.record)

    def stop(self) -> None:
        """The last first: each needs those before it."""
        stop(reversed(self.children))
        self.record.unlink(missing_ok=True)


def leftovers(record: Path) -> dict[str, psutil.Process]:
    """Those of the record that still live, by name, in the order to stop them."""
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # the second: emptied by a power cut, after which nothing of it lives
        return {}
    found = {}
    for name, pid, created in reversed(told):
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < CLOCK_S:
                found[name] = process
        except psutil.NoSuchProcess:
            continue
    return found
