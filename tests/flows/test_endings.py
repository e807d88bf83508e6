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
    state = ending([], [], published=0, dry_run=False)
    assert (state.name, state.is_completed()) == ("Idle", True)


def test_what_was_published_is_counted():
    state = ending([ITEM] * 4, [DONE, DONE, DONE, Unusable("no JSON")], published=3, dry_run=False)
    assert state.name == "Published 3 of 4"
    assert "no JSON" in (state.message or "")


def test_rows_left_by_a_dead_run_are_counted_too():
    assert ending([], [], published=2, dry_run=False).name == "Published 2 of 2"


def test_no_credit_is_not_a_failure():
    state = ending([ITEM], [OutOfCredits("Add credit at the endpoint.")], published=0, dry_run=False)
    assert (state.name, state.is_completed()) == ("OutOfCredits", True)


def test_a_bound_on_spending_says_when_it_opens_again():
    error = BudgetReached("200,000 tokens of today are spent; open again at 00:00 UTC.", reopens=datetime.now(UTC))
    state = ending([ITEM], [error], published=0, dry_run=False)
    assert state.name == "Budget"
    assert "open again at" in (state.message or "")


def test_a_run_fails_only_when_the_worker_could_do_nothing():
    assert ending([ITEM], [Transient("The endpoint is away.")], published=0, dry_run=False).is_failed()
    assert ending([ITEM], [Misconfigured("The key is wrong.")], published=0, dry_run=False).is_failed()
    assert ending([ITEM, ITEM], [DONE, Transient("away")], published=1, dry_run=False).is_completed()


def test_a_dry_run_says_that_nothing_was_committed():
    state = ending([ITEM], [DONE], published=0, dry_run=True)
    assert state.name == "Tried 1 of 1"
