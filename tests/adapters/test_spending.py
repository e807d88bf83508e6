import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.adapters.bounds import Bound, Bounds, bounds
from flows.adapters.spending import Spending
from flows.settings import ROUTER
from stages.errors import BudgetReached, Misconfigured, Transient
from stages.models import Usage
from tests.adapters.asking import settings

ROOT = Path(__file__).parents[2]
NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)
EXPECTED = Usage(prompt_tokens=300, completion_tokens=100, requests=1)
ACTUAL = Usage(prompt_tokens=290, completion_tokens=60, requests=1)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def journal(home: Path, name: str = "run-1", clock: Clock | None = None, **bound: Bound) -> Spending:
    """A journal at noon with these bounds only."""
    return Spending(home, bound, name, clock or Clock())


def spend(spending: Spending, item: str = "item", tokens: int = 350, cost: float | None = None) -> None:
    """One call that came to so much."""
    usage = Usage(prompt_tokens=tokens, requests=1, cost=cost)
    spending.settle(spending.reserve(item, EXPECTED), usage)


def test_what_was_spent_while_no_dataset_could_be_told_is_told_days_later(tmp_path: Path) -> None:
    clock = Clock()
    spending = journal(tmp_path, clock=clock)
    for _ in range(9):
        spend(spending)
        clock.now += timedelta(days=1)
    assert list(spending.unpublished()) == [f"2030-05-{day}" for day in range(20, 26)]


def test_a_call_in_flight_counts_as_expected_and_a_settled_one_as_what_it_was(tmp_path: Path) -> None:
    spending = journal(tmp_path)
    reservation = spending.reserve("item", EXPECTED)
    assert spending.today().tokens == 400
    spending.settle(reservation, ACTUAL)
    assert spending.today() == (350, 0.0, 1)


@pytest.mark.parametrize("scope", ["item", "run", "day"])
def test_each_bound_holds_and_names_its_setting(tmp_path: Path, scope: str) -> None:
    spending = journal(tmp_path, **{scope: Bound(1_000)})
    for _ in range(3):
        spend(spending)
    with pytest.raises(BudgetReached, match=f"AUTOCODER_TOKENS_PER_{scope.upper()}") as caught:
        spending.reserve("item", EXPECTED)
    assert f"per {scope}" in str(caught.value)
    assert "1,050 of 1,000" in str(caught.value)
    assert caught.value.reopens == (datetime(2030, 5, 18, tzinfo=UTC) if scope == "day" else None)


@pytest.mark.parametrize("scope", ["item", "run", "day"])
def test_each_bound_in_dollars_holds(tmp_path: Path, scope: str) -> None:
    spending = journal(tmp_path, **{scope: Bound(dollars=0.10)})
    spend(spending, cost=0.06)
    spend(spending, cost=0.06)
    with pytest.raises(BudgetReached, match=f"AUTOCODER_DOLLARS_PER_{scope.upper()}"):
        spending.reserve("item", EXPECTED)


def test_one_item_or_run_at_its_bound_does_not_stop_another(tmp_path: Path) -> None:
    spending = journal(tmp_path, item=Bound(300), run=Bound(600))
    spend(spending, "one")
    spend(spending, "two")
    with pytest.raises(BudgetReached):
        spending.reserve("three", EXPECTED)
    spend(journal(tmp_path, name="run-2", item=Bound(300), run=Bound(600)), "three")


def test_a_bound_smaller_than_a_call_lets_one_call_in(tmp_path: Path) -> None:
    spending = journal(tmp_path, day=Bound(10))
    reservation = spending.reserve("item", EXPECTED)
    with pytest.raises(BudgetReached):
        spending.reserve("item", EXPECTED)
    spending.settle(reservation, Usage(requests=1))
    spending.reserve("item", EXPECTED)


def test_calls_in_flight_overrun_a_bound_by_themselves_at_most(tmp_path: Path) -> None:
    spending = journal(tmp_path, day=Bound(4_000))
    in_flight = [spending.reserve("item", EXPECTED) for _ in range(10)]
    with pytest.raises(BudgetReached):
        spending.reserve("item", EXPECTED)
    for reservation in in_flight:
        spending.settle(reservation, Usage(prompt_tokens=300, completion_tokens=800))
    assert spending.today().tokens - 4_000 <= len(in_flight) * 1_100


def test_what_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    spending = journal(tmp_path, day=Bound(300))
    spend(spending)
    with pytest.raises(BudgetReached):
        spending.reserve("item", EXPECTED)
    assert spending.today().tokens == 350


def test_midnight_in_utc_opens_the_day_again_but_not_the_item(tmp_path: Path) -> None:
    clock = Clock()
    spending = journal(tmp_path, clock=clock, day=Bound(300), item=Bound(600))
    spend(spending)
    clock.now = NOON + timedelta(hours=12)
    assert spending.today().tokens == 0
    spend(spending)
    clock.now += timedelta(days=1)
    with pytest.raises(BudgetReached, match="PER_ITEM"):
        spending.reserve("item", EXPECTED)


def test_a_call_counts_for_the_day_it_began(tmp_path: Path) -> None:
    clock = Clock()
    spending = journal(tmp_path, clock=clock)
    reservation = spending.reserve("item", EXPECTED)
    clock.now = NOON + timedelta(hours=12, minutes=1)
    spending.settle(reservation, ACTUAL)
    assert spending.today().tokens == 0
    assert list(spending.unpublished()) == ["2030-05-17"]


def test_an_item_that_is_asked_for_by_name_gets_its_bound_again(tmp_path: Path) -> None:
    spending = journal(tmp_path, item=Bound(300))
    spend(spending)
    spending.start_over("item")
    spend(spending)
    assert spending.today().tokens == 700


def test_what_a_killed_process_had_in_flight_stays_counted(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.adapters.test_spending import *\n"
        "spending = journal(Path(sys.argv[1]))\n"
        "spend(spending); spending.reserve('item', EXPECTED)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    spending = journal(tmp_path, name="run-2")
    assert spending.today().tokens == 750
    assert list(spending.unpublished()["2030-05-17"].values()) == [750], "the dead do not hold back what they cost"
    assert spending.today().tokens == 750


def test_what_a_dead_process_had_in_flight_is_told_once_whoever_dies_in_telling_it(tmp_path: Path) -> None:
    dead = journal(tmp_path)
    dead.reserve("item", EXPECTED)
    dead.close()
    script = (
        "import os, signal, sys; from pathlib import Path; from tests.adapters.test_spending import *\n"
        "spending = journal(Path(sys.argv[1])); spending.today()\n"
        "spending._db.set_trace_callback(lambda said: 'DELETE' in said and os.kill(os.getpid(), signal.SIGKILL))\n"
        "spending.unpublished()"
    )
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
        assert ended.returncode == -9
    assert list(journal(tmp_path).unpublished()["2030-05-17"].values()) == [400]


def test_what_a_living_run_has_in_flight_is_told_when_it_is_settled(tmp_path: Path) -> None:
    clock, other = Clock(), journal(tmp_path, name="run-2")
    spending = journal(tmp_path, clock=clock)
    reservation = other.reserve("item", EXPECTED)
    spend(spending)
    clock.now += timedelta(minutes=59)
    assert list(spending.unpublished()["2030-05-17"].values()) == [350]
    other.settle(reservation, ACTUAL)
    assert list(spending.unpublished()["2030-05-17"].values()) == [700]


def test_a_call_that_settles_after_it_was_given_up_counts_once(tmp_path: Path) -> None:
    clock = Clock()
    spending = journal(tmp_path, clock=clock)
    reservation = spending.reserve("item", EXPECTED)
    clock.now += timedelta(hours=2)
    spending.unpublished()
    spending.settle(reservation, ACTUAL)
    assert spending.today() == (350, 0.0, 1)


def test_several_processes_share_a_journal(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.adapters.test_spending import *\n"
        "spending = journal(Path(sys.argv[1]))\n"
        "for n in range(100): spend(spending, str(n % 3))"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert journal(tmp_path).today() == (300 * 350, 0.0, 300)


def test_days_travel_through_the_datasets_state_to_other_homes(tmp_path: Path) -> None:
    here, there = journal(tmp_path / "here"), journal(tmp_path / "there", day=Bound(1_000))
    for _ in range(3):
        spend(here, cost=0.5)
    for _ in range(2):  # told twice is as told once
        there.load(here.unpublished())
    assert there.today() == (1_050, 1.5, 0)
    assert there.unpublished() == here.unpublished(), "whoever is told passes it on"
    with pytest.raises(BudgetReached):
        there.reserve("item", EXPECTED)


def test_a_lost_disk_forgets_nothing_that_was_published(tmp_path: Path) -> None:
    clock = Clock()
    before = journal(tmp_path, clock=clock)
    spend(before)
    published = before.unpublished()
    spend(before)
    before.load(published)
    assert before.today().tokens == 700
    before.close()
    for file in tmp_path.glob("spending.db*"):
        file.unlink()
    after = journal(tmp_path, clock=clock)
    after.load(published)
    spend(after)
    assert after.today().tokens == 700
    assert list(after.unpublished()["2030-05-17"].values()) == [350, 350], "of the lost journal, and of the new one"


def test_yesterdays_total_is_still_told_and_last_months_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    spending = journal(tmp_path, clock=clock, item=Bound(300))
    spend(spending)
    spending.close()
    clock.now += timedelta(days=1)
    assert list(spending.unpublished()) == ["2030-05-17"]
    spending.close()
    clock.now += timedelta(days=31)
    spend(spending)
    assert list(spending.unpublished()) == ["2030-06-18"]


def test_a_damaged_journal_stops_spending_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "spending.db").write_bytes(b"no database " * 1_000)
    with pytest.raises(Misconfigured, match=r"spending\.db"):
        journal(tmp_path).reserve("item", EXPECTED)


def test_a_journal_that_cannot_be_written_stops_spending_for_now(tmp_path: Path) -> None:
    (tmp_path / "spending.db").mkdir()
    with pytest.raises(Transient, match=r"spending\.db"):
        journal(tmp_path).reserve("item", EXPECTED)


def test_the_days_bound_depends_on_the_address(tmp_path: Path) -> None:
    def day(**chosen: object) -> Bound:
        found: Bounds = bounds(settings(tmp_path, **chosen))
        return found["day"]

    assert day(HF_TOKEN="hf_0123456789") == Bound(200_000)
    assert day(OPENAI_BASE_URL=ROUTER, OPENAI_API_KEY="hf_0123456789") == Bound(200_000)
    assert day(OPENAI_BASE_URL="http://127.0.0.1:1/v1") == Bound(20_000_000)
    assert day(HF_TOKEN="hf_0123456789", tokens_per_day=5_000) == Bound(5_000)
    assert day(price_prompt=1, price_completion=1, dollars_per_day=2) == Bound(20_000_000, 2)
