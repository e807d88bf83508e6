"""`python -m flows.maintain`: the housekeeping without a deployment; `--check` without Prefect, too."""

import argparse
import asyncio
import os
import sys
from typing import Any, cast

from prefect import tags
from prefect.client.schemas.objects import State

from flows.adapters.hub import Hub
from flows.adapters.inspection import inspect
from flows.environment import load
from flows.maintain import CHECKED, maintain, quota_of
from flows.orphans import TAG
from flows.places import outbox_of
from flows.preflight import check_prefect
from flows.settings import Settings
from stages.condition import text_report
from stages.errors import WorkerError


def main() -> None:
    """Exit 0: sound. Exit 1: not sound, or the worker could not do its work."""
    parser = argparse.ArgumentParser(prog="python -m flows.maintain", description="What the daily run does, once.")
    parser.add_argument("--check", action="store_true", help="only print the report: nothing is changed")
    parser.add_argument("--squash", action="store_true", help="replace the history by one commit, if all is sound")
    parser.add_argument("--rebuild-state", action="store_true", help="first work the state out anew from the rows")
    asked = parser.parse_args()
    try:
        settings = load()
        if asked.check:
            sys.exit(check(settings))
        if address := os.environ.get("PREFECT_API_URL"):
            check_prefect(address)
    except WorkerError as error:
        sys.exit(str(error))
    state = asyncio.run(_run(asked.squash, asked.rebuild_state))
    print(f"{state.name}: {state.message}")  # noqa: T201
    sys.exit(0 if state.is_completed() else 1)


def check(settings: Settings) -> int:
    """Print the report: the exit code. Raises WorkerError."""
    hub = Hub(settings.hub_address, settings.hf_token if settings.on_real_hub else None)
    found = inspect(hub, settings.datasets[2], settings.home / CHECKED)
    found = found.model_copy(update={"notes": (*found.notes, *outbox_of(settings).unreadable())})
    print(text_report(found, quota_of(settings)))  # noqa: T201
    return 1 if found.faults else 0


async def _run(squash: bool, rebuild_state: bool) -> State[None]:
    with tags(TAG):
        state: Any = await maintain(squash, rebuild_state, return_state=True)
    return cast("State[None]", state)
