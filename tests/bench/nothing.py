"""Flows that ours are measured against: one that ends at once, one whose tasks only sleep."""

import asyncio
import time
from pathlib import Path

from prefect import flow
from prefect.utilities.annotations import opaque

from flows.policy import _stored


@flow(name="nothing", persist_result=False)
async def nothing(note: str) -> None:
    """Write the time of the first line (seconds since the epoch) to the file `note`."""
    Path(note).write_text(str(time.time()))


@flow(name="sleep", persist_result=False)
async def sleep(items: int, in_a_row: int, in_flight: int, delay: float, note: str) -> None:
    """Task runs that only sleep, each one's result persisted as a thought's is; notes the seconds and CPU seconds."""
    gate, admission = asyncio.Semaphore(in_flight), asyncio.Semaphore(in_flight * 2)

    async def job() -> dict[str, str]:
        await asyncio.sleep(delay)
        return {"text": "x" * 2_000}

    async def item(number: int) -> None:
        async with admission:
            for place in range(in_a_row):
                async with gate:
                    await _stored(f"sleep · {number}", f"{Path(note).name}/{number}-{place}", opaque(job))

    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(item(number) for number in range(items)))
    Path(note).write_text(f"{time.monotonic() - began} {time.process_time() - cpu}")
