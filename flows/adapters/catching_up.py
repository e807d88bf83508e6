"""Learning what the results dataset says, and what to do when it says less than it did."""

from datetime import UTC, datetime

from flows.adapters.backlog import Backlog, attempts
from flows.adapters.results import Results, State

LASTING_S = 3_600.0
"""So long a loss must last before items are worked on, and paid for, again: a Hub may lag, a person may put it back."""


def catch_up(
    backlog: Backlog, results: Results, now: float, *, may_start_over: bool = True
) -> tuple[State, tuple[str, ...]]:
    """What is new in the results dataset, taken into the backlog; sentences on what it has lost. One request if idle.

    The dataset is the ledger: attempts decided here of which it has no row any more (it was deleted, begun anew or set
    back) wait again, once two looks `LASTING_S` apart miss them and no look between them sees them, and the Hub has let
    us make the dataset anew where it is missing: of one that is only hidden from the token it would refuse that. Then
    what was seen is read and told again, too; what waits stays. What is decided and was deleted upstream cannot.
    `now`: seconds since the epoch. `may_start_over`: False leaves the dataset and the items as they are.
    Raises Transient, Permanent.
    """
    state = results.state(*backlog.bookmark())
    lost = _decided(backlog) - {*attempts(state.decided)} if state.is_whole else set()
    due = _since(backlog, bool(lost), now) + LASTING_S
    if not lost:
        backlog.load_state(state.seen, state.decided, (state.upto, state.mark))
        return state, ()
    many = f"The outcomes of {len({item for item, _ in lost}):,} items"
    told = f"{many} are gone from {results.dataset}: it was deleted, set back or hidden."
    if now < due or not may_start_over:
        backlog.load_state(state.seen, state.decided, (0, ""))  # so that the next look compares again
        until = datetime.fromtimestamp(due, UTC)
        return state, (f"{told} From {until:%Y-%m-%d %H:%M} UTC on they are worked on again, unless they are back.",)
    results.make()
    backlog.start_over()
    backlog.load_state(state.seen, state.decided, (state.upto, state.mark))
    return state, (f"{told} They are worked on again.",)


def _decided(backlog: Backlog) -> set[tuple[str, int]]:
    with backlog.db.reading() as db:
        return {*db.execute("SELECT item, attempt FROM decided")}


def _since(backlog: Backlog, is_lost: bool, now: float) -> float:
    """When the loss was first seen; forgotten as soon as there is none."""
    with backlog.db.reading() as db:
        row = db.execute("SELECT since FROM lost").fetchone()
    if bool(row) is is_lost:
        return float(row[0]) if row else now
    with backlog.db.writing() as db:
        db.execute("DELETE FROM lost")
        if is_lost:
            db.execute("INSERT INTO lost VALUES (?)", (now,))
    return now
