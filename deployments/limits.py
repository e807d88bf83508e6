"""Global limits of Prefect's in place."""

from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from flows.pace import LIMIT, slots


def put_in_place(prefect: SyncPrefectClient, calls_per_minute: int | None) -> None:
    """The limit on the endpoint's rate as the settings say; none, and no limit, where they say nothing."""
    if calls_per_minute:
        at_once, in_a_second = slots(calls_per_minute)
        prefect.upsert_global_concurrency_limit_by_name(LIMIT, at_once, in_a_second)
        return
    try:
        prefect.delete_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        return
