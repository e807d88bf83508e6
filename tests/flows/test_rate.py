"""No minute sees more model calls than the settings say, whoever makes them."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from deployments import limits
from flows import pace
from stages.errors import Transient


@pytest.mark.parametrize("calls", [2, 9, 10, 60, 5_000])
def test_what_may_begin_at_once_and_what_becomes_free_in_a_minute_are_as_many_as_the_settings_say(calls: int):
    at_once, in_a_second = pace.slots(calls)
    assert at_once >= 1
    assert in_a_second > 0
    assert at_once + 60 * in_a_second == pytest.approx(calls)


@pytest.fixture
def prefect(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as made:
        yield made
        limits.put_in_place(made, None)


@pytest.mark.slow
def test_calls_wait_for_their_turn_all_together(prefect: SyncPrefectClient):
    limits.put_in_place(prefect, 60)
    limits.put_in_place(prefect, 120)  # again, with another figure

    async def turns() -> float:
        began = time.monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(16)))
        return time.monotonic() - began

    at_once, in_a_second = pace.slots(120)
    assert asyncio.run(turns()) >= (16 - at_once) / in_a_second * 0.9


@pytest.mark.slow
def test_a_rate_without_a_limit_is_told(prefect: SyncPrefectClient):
    limits.put_in_place(prefect, None)
    with pytest.raises(Transient, match=r"the limit autocoder-model-calls of the Prefect server .* `make deploy`"):
        asyncio.run(pace.turn())
