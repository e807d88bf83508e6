"""The final state says what happened."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State

from flows import endings
from flows.adapters.backlog import Cooling, Waiting
from flows.adapters.looks import Look
from flows.run import Ending, Pulled
from flows.streaks import AWAY
from stages.errors import BudgetReached, Defect, EndpointDown, Misconfigured, OutOfCredits, Transient, Unusable
from stages.models import Finding, Grade, Source, Verdict, WorkItem
from stages.outcome import Outcome

ITEM = WorkItem(
    id="0" * 16, finding=Finding(title="t"), source=Source(dataset="d/a", revision="r", path="p", blob_id="b")
)
DONE = Outcome(item=ITEM, verdict=Verdict(grade=Grade.PROVEN), started="", finished="")


def ending(ends: Sequence[Ending], *, rows: int = 0, dry_run: bool = False, **pulled: Any) -> State[None]:
    given = {"waiting": Waiting(0, (), 0), **pulled}
    return endings.ending(Pulled(tuple([ITEM] * len(ends)), Look(), **given), ends, rows, dry_run)


def test_nothing_to_do_is_idle():
    state = ending([])
    assert (state.name, state.is_completed()) == ("Idle", True)
    assert state.message == "Nothing waits: every work item has an outcome."


def test_an_idle_run_says_what_waits_for_what():
    cooling = (Cooling("0" * 16, 1, "no JSON", 0.0),)
    state = ending([], waiting=Waiting(3, cooling, 0), notes=("The analysis dataset does not exist.",))
    assert state.name == "Idle"
    for words in ("1 items that broke off rest", "1970-01-01 00:00", "2 items wait that another", "does not exist"):
        assert words in (state.message or "")


def test_a_closed_purse_is_said_although_nothing_was_taken_up():
    closed = BudgetReached("The bound is reached.", scope="day")
    assert ending([], waiting=Waiting(3, (), 0), closed=closed).name == "Budget"


def test_why_nothing_could_be_taken_up_fails_the_run():
    state = ending([], waiting=Waiting(3, (), 0), closed=Transient("What was spent could not be told."))
    assert state.is_failed()
    assert "could not be told" in (state.message or "")


def test_one_item_over_its_own_bound_does_not_name_the_run():
    state = ending([DONE, BudgetReached("over", scope="item")], rows=1)
    assert state.name == "Published 1 of 2"


def test_what_was_published_is_counted():
    state = ending([DONE, DONE, DONE, Unusable("no JSON")], rows=3)
    assert state.name == "Published 3 of 4"
    assert "no JSON" in (state.message or "")


def test_rows_left_by_a_dead_run_are_counted_too():
    assert ending([], rows=2).name == "Published 2 of 2"
    state = ending([DONE], rows=3)
    assert (state.name, state.message) == (
        "Published 1 of 1",
        "1 of 1 items have an outcome. 2 more rows, of outcomes that were finished before, were committed.",
    )


def test_what_another_run_published_for_us_counts_as_published():
    assert ending([DONE], rows=0).name == "Published 1 of 1"


def test_no_credit_is_not_a_failure():
    state = ending([OutOfCredits("Add credit at the endpoint.")], rows=0)
    assert (state.name, state.is_completed()) == ("OutOfCredits", True)


def test_the_run_in_which_an_endpoint_breaks_down_failed_and_those_that_leave_it_alone_rest():
    down = EndpointDown("It failed again and again.", reopens=datetime.now(UTC))
    broke = ending([DONE, Transient("503"), down], rows=1)
    assert broke.is_failed()
    assert (broke.message or "").startswith("It failed again and again. 1 of 3 items have an outcome.")
    rests = ending([], waiting=Waiting(3, (), 0), closed=down)
    assert (rests.name, rests.is_completed()) == ("Resting", True)


def test_a_bound_on_spending_says_when_it_opens_again():
    error = BudgetReached("200,000 tokens of today are spent; open again at 00:00 UTC.", reopens=datetime.now(UTC))
    state = ending([error], rows=0)
    assert state.name == "Budget"
    assert "open again at" in (state.message or "")


def test_a_run_fails_only_when_the_worker_could_do_nothing():
    away = ending([Transient("The endpoint is away.")], rows=0)
    assert (away.is_failed(), away.name) == (True, AWAY)
    assert ending([Transient("The endpoint is away."), Defect("Ours.")], rows=0).name == "Failed"
    assert ending([Misconfigured("The key is wrong.")], rows=0).is_failed()
    assert ending([DONE, Transient("away")], rows=1).is_completed()


def test_a_dry_run_says_that_nothing_was_committed():
    state = ending([DONE], rows=0, dry_run=True)
    assert "in the dataset already" not in (state.message or "")
    assert state.name == "Tried 1 of 1"
