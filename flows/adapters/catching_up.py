"""Learning what the results dataset says, and what to do when it says less than it did."""

from datetime import UTC, datetime

from flows.adapters.known import Known, attempts
from flows.adapters.results import Results, State

LASTING_S = 3_600.0
"""So long a loss must last before items are worked on, and paid for, again: a Hub may lag, a person may put it back."""


def catch_up(
    known: Known, results: Results, now: float, *, may_start_over: bool = True
) -> tuple[State, tuple[str, ...]]:
    """What is new in the results dataset, taken in; sentences on what it has lost. One request if idle.

    The dataset is the ledger: attempts decided here of which it has no row any more (it was deleted, begun anew or set
    back) wait again, once two looks `LASTING_S` apart miss them and no look between them sees them, and the Hub has let
    us make the dataset anew where it is missing: of one that is only hidden from the token it would refuse that. Then
    what was seen is read and told again, too; what waits stays. What is decided and was deleted upstream cannot.
    `now`: seconds since the epoch. `may_start_over`: False leaves the dataset and the items as they are.
    Raises Transient, Permanent.
    """
    state = results.state(*known.bookmark())
    lost = known.all_decided() - {*attempts(state.decided)} if state.is_whole else set()
    due = known.lost_since(bool(lost), now) + LASTING_S
    if not lost:
        known.load(state.seen, state.decided, (state.upto, state.mark))
        return state, ()
    many = f"The outcomes of {len({item for item, _ in lost}):,} items"
    told = f"{many} are gone from {results.dataset}: it was deleted, set back or hidden."
    if now < due or not may_start_over:
        known.load(state.seen, state.decided, (0, ""))  # so that the next look compares again
        until = datetime.fromtimestamp(due, UTC)
        return state, (f"{told} From {until:%Y-%m-%d %H:%M} UTC on they are worked on again, unless they are back.",)
    results.make()
    known.start_over()
    known.load(state.seen, state.decided, (state.upto, state.mark))
    return state, (f"{told} They are worked on again.",)
