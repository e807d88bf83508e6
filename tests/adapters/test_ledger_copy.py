"""The copy of the ledger that all runs of a home share: none of them spoils it for another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.adapters import ledger_copy
from flows.adapters.hub import Hub
from flows.adapters.ledger import Ledger, Line, read_lines
from flows.adapters.ledger_copy import LedgerCopy
from flows.adapters.local_hub import LocalHub
from flows.adapters.results import Results
from flows.adapters.shards import Span, span
from stages.errors import Permanent, Transient
from tests.adapters.faults import Fault, Faults, says_head
from tests.outcomes import small
from tests.results import DATASET, rows


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a turn gives up soon."""
    monkeypatch.setattr(ledger_copy, "PATIENCE_S", 0.05)


def run(hub: Hub, home: Path) -> Results:
    return Results(hub, DATASET, home=home, sleep=lambda seconds: None)


def answered_after(act: Callable[[], object]) -> Fault:
    """The Hub does what was asked, and answers when `act` is over."""

    async def late(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        await app(scope, receive, keep)
        await asyncio.to_thread(act)
        for message in said:
            await send(message)

    return late


def test_an_older_head_that_another_run_is_told_during_our_commit_costs_the_copy_no_line(
    hub: Hub, hub_server: LocalHub, faults: Faults, tmp_path: Path, caplog: pytest.LogCaptureFixture, impatient: None
) -> None:
    one, other, elsewhere = (run(hub, tmp_path / home) for home in ("home", "home", "elsewhere"))
    one.append([small(1)])
    older = elsewhere.append([small(2)]).commit
    elsewhere.append([small(3)])
    one.state()

    def look() -> None:
        faults.on(rf"GET /api/datasets/{DATASET}$", says_head(DATASET, older))
        with suppress(Transient):
            other.state()
        faults.forget()

    faults.on(r"POST .*/commit/main", answered_after(look))
    one.append([small(4)])
    assert other.append([small(3)]).rows == 0, "that it was published is still known"
    other.append([small(n) for n in range(5, 9)])
    assert [row["id"] for row in rows(hub)] == [small(n).item.key for n in range(1, 9)]
    state = {path: content for path, content in hub_server.files(DATASET).items() if path.endswith(".jsonl")}
    assert all(read_lines(content, span(path) or Span(0, 0)) for path, content in state.items())
    assert not caplog.records, "no state was damaged and worked out anew"


def test_nothing_is_read_or_committed_while_another_run_is_at_it(hub: Hub, tmp_path: Path, impatient: None) -> None:
    results = run(hub, tmp_path)
    results.append([small(1)])
    (file,) = (tmp_path / "ledger").glob("*.db")
    for act in (results.state, lambda: results.append([small(2)]), lambda: results.revise(lambda *ledger: None)):
        with LedgerCopy(file).alone(), ThreadPoolExecutor(1) as pool, pytest.raises(Transient, match="Another run"):
            pool.submit(act).result()
    assert results.append([small(2)]).rows == 1


def test_a_commit_on_another_head_than_the_copys_begins_the_copy_anew() -> None:
    copy, ledger = LedgerCopy(None), Ledger(epoch="e", first=1, next=2)
    copy.take("a", ledger, {"_state/a": "1"}, [(Span(1, 1), [Line(1, "one-1", None)])])
    copy.take("c", ledger.model_copy(update={"next": 4}), {}, [(Span(3, 3), [Line(3, "three-1", None)])], parent="b")
    assert (copy.head(), copy.shards(), copy.lines(0, 9)) == (None, {}, [])


def test_a_disk_that_is_full_is_a_sentence(tmp_path: Path) -> None:
    copy = LedgerCopy(tmp_path / "copy.db")
    copy.head()
    assert copy._opened is not None
    pages = copy._opened.execute("PRAGMA page_count").fetchone()[0]
    copy._opened.execute(f"PRAGMA max_page_count = {pages}")
    lines = [(Span(1, 999), [Line(n, f"{n:016x}-1", None) for n in range(1, 1000)])]
    with pytest.raises(Permanent, match=r"copy\.db cannot be written .*: make room"):
        copy.take("a" * 40, Ledger(epoch="e", first=1, next=1000), {}, lines)
    assert copy.head() is None, "nothing of it was taken"
    copy.close()
