"""The endpoint's rate: a global limit of Prefect's, which all runs of a server keep together."""

from stages.errors import Transient

LIMIT = "autocoder-model-calls"


def slots(calls_per_minute: int) -> tuple[int, float]:
    """The limit's slots, and how many become free in a second: no minute sees more calls than that.

    A tenth of them may begin at once, so that a run is not held up by its own first calls.
    """
    at_once = max(1, calls_per_minute // 10)
    return at_once, (calls_per_minute - at_once) / 60


async def turn() -> None:
    """Wait until another call may begin. Raises Transient where the server cannot tell."""
    from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, rate_limit

    try:
        await rate_limit(LIMIT, strict=True)
    except ConcurrencySlotAcquisitionError as error:
        raise Transient(
            f"AUTOCODER_CALLS_PER_MINUTE is kept by the limit {LIMIT} of the Prefect server ({error}): "
            "`make deploy` makes it."
        ) from error
