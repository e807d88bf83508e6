"""The flow that a tick is measured against: it notes when it began, and ends."""

import time
from pathlib import Path

from prefect import flow


@flow(name="nothing", persist_result=False)
async def nothing(note: str) -> None:
    """Write the time of the first line (seconds since the epoch) to the file `note`."""
    Path(note).write_text(str(time.time()))
