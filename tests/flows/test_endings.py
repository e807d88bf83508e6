"""The final state says what happened."""

from datetime import UTC, datetime

from flows.endings import ending
from stages.errors import BudgetReached, Misconfigured, OutOfCredits, Transient, Unusable
from stages.models import Finding, Grade, Source, Verdict, WorkItem
from stages.outcome import Outcome

ITEM = WorkItem(
    id="0" * 16, finding=Finding(title="t"), source=Source(dataset="d/a", revision="r", path="p", blob_id="b")
)
DONE = Outcome(item=ITEM, verdict=Verdict(grade=Grade.PROVEN), started="", finished="")


def test_nothing_to_do_is_idle():
    state = ending([], [], rows=0, dry_run=False)
    assert (state.name, state.is_completed()) == ("Idle", True)


def test_what_was_published_is_counted():
    state = ending([ITEM] * 4, [DONE, DONE, DONE, Unusable("no JSON")], rows=3, dry_run=False)
    assert state.name == "Published 3 of 4"
    assert "no JSON" in (state.message or "")


def test_rows_left_by_a_dead_run_are_counted_too():
    assert ending([], [], rows=2, dry_run=False).name == "Published 2 of 2"
    state = ending([ITEM], [DONE], rows=3, dry_run=False)
    assert (state.name, state.message) == (
        "Published 1 of 1",
        "1 of 1 items have an outcome. 2 more that another run had finished.",
    )


def test_what_another_run_published_for_us_counts_as_published():
    assert ending([ITEM], [DONE], rows=0, dry_run=False).name == "Published 1 of 1"


def test_no_credit_is_not_a_failure():
    state = ending([ITEM], [OutOfCredits("Add credit at the endpoint.")], rows=0, dry_run=False)
    assert (state.name, state.is_completed()) == ("OutOfCredits", True)


def test_a_bound_on_spending_says_when_it_opens_again():
    error = BudgetReached("200,000 tokens of today are spent; open again at 00:00 UTC.", reopens=datetime.now(UTC))
    state = ending([ITEM], [error], rows=0, dry_run=False)
    assert state.name == "Budget"
    assert "open again at" in (state.message or "")


def test_a_run_fails_only_when_the_worker_could_do_nothing():
    assert ending([ITEM], [Transient("The endpoint is away.")], rows=0, dry_run=False).is_failed()
    assert ending([ITEM], [Misconfigured("The key is wrong.")], rows=0, dry_run=False).is_failed()
    assert ending([ITEM, ITEM], [DONE, Transient("away")], rows=1, dry_run=False).is_completed()


def test_a_dry_run_says_that_nothing_was_committed():
    state = ending([ITEM], [DONE], rows=0, dry_run=True)
    assert state.name == "Tried 1 of 1"
