"""`python -m flows.implement --once`: one run without a deployment."""

import argparse
import asyncio
import os
import sys
from typing import Any, cast

from prefect import tags
from prefect.client.schemas.objects import State

from flows.adapters.hub import Hub
from flows.environment import load
from flows.implement import implement
from flows.orphans import TAG
from flows.preflight import check_local_hub, check_prefect, preflight
from stages.errors import WorkerError


def main() -> None:
    """Exit 0: published, idle, or at a bound of ours. Exit 1: the worker could not do its work."""
    parser = argparse.ArgumentParser(prog="python -m flows.implement", description="One run without a deployment.")
    parser.add_argument("--once", action="store_true", required=True, help="do one run, then end")
    parser.add_argument("--limit", type=_limit, default=4, help="the most work items to take up, 1 to 1024")
    parser.add_argument("--item", help="work on this one item, again if it has an outcome already")
    parser.add_argument("--dry-run", action="store_true", help="do everything but the commit")
    asked = parser.parse_args()
    try:
        settings = load()
        if address := os.environ.get("PREFECT_API_URL"):
            check_prefect(address)
        check_local_hub(settings)
        hub = Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)
        print(*preflight(settings, hub, asked.dry_run), sep="\n", flush=True)  # noqa: T201
    except WorkerError as error:
        sys.exit(str(error))
    state = asyncio.run(_run(asked.limit, asked.item, asked.dry_run))
    print(f"{state.name}: {state.message}")  # noqa: T201
    sys.exit(0 if state.is_completed() else 1)


async def _run(limit: int, item: str | None, dry_run: bool) -> State[None]:
    with tags(TAG):
        state: Any = await implement(limit, item, dry_run, return_state=True)
    return cast("State[None]", state)


def _limit(given: str) -> int:
    limit = int(given)
    if not 1 <= limit <= 1024:
        raise argparse.ArgumentTypeError("expected a number from 1 to 1024")
    return limit
