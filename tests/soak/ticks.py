"""`python -m tests.soak.ticks`: the flow, once for each line on stdin, all in this one process.

A line is the value of AUTOCODER_LISTING_MINUTES for that tick; the answer is a line of JSON on what the process has
come to. A worker starts a process for each tick, so what grows here shows a leak sooner than it hurts.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import psutil

from flows.implement import implement


async def main() -> None:
    process = psutil.Process()
    while line := await asyncio.to_thread(sys.stdin.readline):
        os.environ["AUTOCODER_LISTING_MINUTES"] = line.strip()
        began = time.monotonic()
        state: Any = await implement(return_state=True)
        told = {
            "state": state.name,
            "failed": "" if state.is_completed() else str(state.message),
            "seconds": time.monotonic() - began,
            "memory": process.memory_info().rss / 1e6,
            "files": process.num_fds(),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
