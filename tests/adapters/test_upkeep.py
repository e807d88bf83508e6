"""What housekeeping changes, and that nobody who works beside it notices."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from datasets import disable_progress_bars, load_dataset
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.adapters.hub import Hub
from flows.adapters.inspection import inspect
from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import Refused
from flows.adapters.results import Results
from flows.adapters.upkeep import Keep, rebuild, retain
from stages.errors import Permanent
from tests.adapters.faults import Fault, Faults, answer, applied_but, reset
from tests.outcomes import full, small
from tests.results import DATASET

KEYS = [small(n).item.key for n in range(40)]
COMMIT = r"POST .*/commit/main"
SQUASH = r"POST .*/super-squash/main"

disable_progress_bars()


@pytest.fixture
def results(hub: Hub, hub_server: LocalHub, three_shards: dict[str, bytes], tmp_path: Path) -> Results:
    """24 rows in three shards of 8, all of it known in this home."""
    hub_server.put(DATASET, three_shards)
    made = Results(hub, DATASET, home=tmp_path / "home", sleep=lambda s: None)
    made.state()
    return made


def shards(server: LocalHub) -> list[str]:
    return [path for path in server.files(DATASET) if path.startswith("data/")]


def iterations(server: LocalHub, cache: Path) -> list[int]:
    found: list[int] = load_dataset(str(server.path(DATASET)), cache_dir=str(cache))["train"]["iteration"][:]
    return found


# --- retention ---------------------------------------------------------------------------------------


def test_old_rows_go_and_are_not_worked_on_again(results: Results, hub: Hub, hub_server: LocalHub, tmp_path: Path):
    assert retain(results, Keep(rows=10)) == (1, 8)
    assert iterations(hub_server, tmp_path) == list(range(9, 25))
    newcomer = Results(hub, DATASET).state()
    assert newcomer.decided == tuple(KEYS[1:25]), "the state knows them all the same"
    assert len(newcomer.seen) == 3
    assert results.append([small(1), small(30)]).rows == 1
    assert results.append([small(31)]).last == 26, "numbering goes on"
    assert json.loads(hub_server.files(DATASET)["latest.json"])["cumulative_progress"]["issues_discovered"] == 26
    assert "| all | 18 |" in hub_server.files(DATASET)["README.md"].decode(), "the card counts what is there"
    assert inspect(hub, DATASET).faults == ()


def test_at_least_as_many_rows_stay_as_were_asked_for_and_the_newest_shard_always(
    results: Results, hub_server: LocalHub
):
    assert retain(results, Keep(rows=17)) is None
    assert retain(results, Keep(rows=16)) == (1, 8)
    assert retain(results, Keep(rows=1)) == (9, 16)
    assert retain(results, Keep(rows=1)) is None
    assert len(shards(hub_server)) == 1


def test_rows_go_by_age(results: Results):
    assert retain(results, Keep(since=datetime(2026, 11, 24, 10, 0, tzinfo=UTC))) is None
    assert retain(results, Keep(since=datetime(2026, 11, 24, 10, 2, tzinfo=UTC))) == (1, 16)


def test_without_bounds_nothing_is_asked_and_nothing_goes(results: Results, faults: Faults):
    faults.forget()
    assert retain(results, Keep()) is None
    assert len(faults.seen) == 1


@pytest.mark.parametrize("fault", [answer(412), applied_but(reset)])
def test_a_commit_that_fails_or_whose_answer_is_lost_removes_the_same_rows(
    results: Results, hub_server: LocalHub, faults: Faults, fault: Fault
):
    faults.on(COMMIT, fault)
    assert retain(results, Keep(rows=10)) == (1, 8)
    assert len(shards(hub_server)) == 2


def test_a_shard_that_is_due_and_cannot_be_read_is_named(results: Results, hub_server: LocalHub):
    hub_server.put(DATASET, {"data/000000000001-000000000008.parquet": b"garbage"})
    with pytest.raises(Permanent, match=r"data/000000000001-000000000008\.parquet is due to be removed"):
        retain(results, Keep(rows=10))


def test_removed_rows_stay_known_when_the_state_is_lost_in_part(results: Results, hub: Hub, hub_server: LocalHub):
    retain(results, Keep(rows=10))
    hub_server.put(DATASET, {"_state/worker.json": None})
    newcomer = Results(hub, DATASET)
    assert newcomer.append([small(1), small(30)]).rows == 1
    assert Results(hub, DATASET).state().decided == (*KEYS[1:25], KEYS[30])
    assert inspect(hub, DATASET).faults == ()


def lose_the_state(server: LocalHub) -> None:
    server.put(DATASET, {path: None for path in server.files(DATASET) if path.startswith("_state/")})


def test_without_any_state_what_was_removed_is_not_worked_on_again_unasked(
    results: Results, hub: Hub, hub_server: LocalHub
):
    retain(results, Keep(rows=10))
    lose_the_state(hub_server)
    newcomer = Results(hub, DATASET, sleep=lambda s: None)
    refusal = r"Iterations 1 to 8 are missing, and so is the state .* those items are worked on, and paid for, again"
    for _ in range(2):
        with pytest.raises(Permanent, match=refusal):
            newcomer.state()
    assert re.search(refusal, inspect(hub, DATASET).faults[0])
    rebuild(newcomer)
    assert newcomer.append([small(1), small(9)]).rows == 1
    assert newcomer.state().upto == 26
    found = inspect(hub, DATASET)
    assert (found.faults, len(found.notes)) == ((), 1)
    assert found.notes[0].startswith("Iterations 1 to 8 are lost, which was accepted")


def test_a_machine_that_knows_what_was_removed_puts_the_state_back(results: Results, hub: Hub, hub_server: LocalHub):
    results.append([small(25)], spent={"2026-11-23": {"a": 5}})
    retain(results, Keep(rows=10))
    results.state()
    lose_the_state(hub_server)
    assert results.append([small(1), small(30)]).last == 26
    newcomer = Results(hub, DATASET).state()
    assert newcomer.decided == (*KEYS[1:26], KEYS[30])
    assert newcomer.spent == {"2026-11-23": {"a": 5}}
    assert inspect(hub, DATASET).faults == ()


def test_the_copy_of_another_dataset_is_not_believed(results: Results, hub: Hub, hub_server: LocalHub, tmp_path: Path):
    with LocalHub(tmp_path / "hub") as elsewhere:
        others = Results(Hub(elsewhere.address), DATASET)
        others.append([small(n) for n in range(30, 38)])
        others.append([small(n) for n in range(38, 40)])
        files = elsewhere.files(DATASET)
    replaced = {path: content for path, content in files.items() if path.startswith("data/00")}
    hub_server.put(DATASET, dict.fromkeys(hub_server.files(DATASET)) | replaced)
    assert results.state().decided == tuple(small(n).item.key for n in range(30, 40))


# --- the state ---------------------------------------------------------------------------------------


def test_a_rebuilt_state_says_what_the_rows_say_and_keeps_what_was_seen(
    results: Results, hub: Hub, hub_server: LocalHub
):
    before = results.state()
    state = "_state/000000000001-000000000008.jsonl"
    wrong = hub_server.files(DATASET)[state].replace(KEYS[3].encode(), b"another-1")
    hub_server.put(DATASET, {state: wrong, "latest.json": b"{}", "README.md": None})
    assert len(inspect(hub, DATASET).faults) == 3
    rebuild(results)
    assert inspect(hub, DATASET).faults == ()
    after = results.state(before.upto, before.mark)
    assert after.is_whole
    assert after.decided == before.decided
    assert after.seen == before.seen
    assert [p for p in hub_server.files(DATASET) if p.startswith("_state/0")] == [
        "_state/000000000001-000000000024.jsonl"
    ]
    assert results.append([small(3), small(30)]).rows == 1


@pytest.mark.parametrize("shard", [0, 1, 2])
def test_a_shard_that_is_lost_stays_a_fault_until_its_loss_is_accepted_and_no_number_is_given_out_twice(
    results: Results, hub: Hub, hub_server: LocalHub, shard: int
):
    first = 1 + 8 * shard
    damaged = {shards(hub_server)[shard]: None, "_state/000000000009-000000000016.jsonl": b"garbage"}
    hub_server.put(DATASET, damaged)
    assert results.append([small(first), small(30)]).last == 25
    gap = f"Iterations {first} to {first + 7} are missing: put the shard back"
    assert [gap in fault for fault in inspect(hub, DATASET).faults] == [True]
    rebuild(results)
    assert inspect(hub, DATASET).faults == ()
    assert inspect(hub, DATASET).notes[0].startswith(f"Iterations {first} to {first + 7} are lost, which was accepted")
    assert results.append([small(first), small(30)]).last == 26


def test_numbers_go_on_after_the_loss_of_the_newest_rows_was_accepted(results: Results, hub: Hub, hub_server: LocalHub):
    hub_server.put(DATASET, {shards(hub_server)[2]: None})
    rebuild(results)
    assert inspect(hub, DATASET).faults == ()
    assert Results(hub, DATASET).append([small(17)]).first == 25
    assert json.loads(hub_server.files(DATASET)["latest.json"])["cumulative_progress"]["issues_discovered"] == 17


# --- squashing ---------------------------------------------------------------------------------------


def test_after_a_squash_readers_and_writers_go_on(results: Results, hub: Hub, hub_server: LocalHub, tmp_path: Path):
    other = Results(hub, DATASET, home=tmp_path / "other", sleep=lambda s: None)
    other.state()
    before = hub_server.files(DATASET)
    results.squash()
    assert hub_server.files(DATASET) == before
    assert other.append([small(30)]).last == 25
    assert results.append([full()]).last == 26
    assert iterations(hub_server, tmp_path) == list(range(1, 27))
    assert inspect(hub, DATASET).faults == ()


def test_a_squash_between_reading_the_head_and_committing_is_a_conflict_and_the_row_lands(
    results: Results, hub_server: LocalHub, faults: Faults
):
    async def squashed_first(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        hub_server.squash(DATASET)
        await app(scope, receive, send)

    faults.on(COMMIT, squashed_first)
    assert results.append([small(30)]).last == 25
    assert len([asked for asked in faults.seen if re.search(COMMIT, asked)]) == 2


def test_a_head_that_is_squashed_away_while_it_is_read_is_looked_for_again(
    results: Results, hub: Hub, hub_server: LocalHub, faults: Faults
):
    gone = answer(404, code="RevisionNotFound")
    faults.on("paths-info", gone)
    assert Results(hub, DATASET).state().rows == 24
    faults.on(f"tree/{hub_server.head(DATASET)}", gone)
    assert inspect(hub, DATASET).rows == 24


@pytest.mark.parametrize("fault", [answer(503), reset, applied_but(reset)])
def test_a_squash_that_fails_or_whose_answer_is_lost_is_done_again(
    results: Results, hub_server: LocalHub, faults: Faults, fault: Fault
):
    old = hub_server.head(DATASET)
    faults.on(SQUASH, fault)
    results.squash()
    with pytest.raises(Refused, match=old):
        hub_server.files(DATASET, old)


def test_a_squash_that_the_token_may_not_do_is_an_error(results: Results, faults: Faults):
    faults.on(SQUASH, answer(403))
    with pytest.raises(Permanent, match="token"):
        results.squash()
