"""Finished outcomes wait on disk, whole or not at all."""

import pytest

from flows.adapters.outbox import Outbox
from stages.models import Finding, Grade, Source, Verdict, WorkItem
from stages.outcome import Outcome


def outcome(number: int) -> Outcome:
    source = Source(dataset="d/a", revision="r", path="p", blob_id="b")
    item = WorkItem(id=f"{number:016x}", finding=Finding(title="t"), source=source)
    return Outcome(
        item=item, verdict=Verdict(grade=Grade.PROVEN), started="", finished=f"2026-01-01T00:00:{60 - number}Z"
    )


def test_outcomes_come_back_whole_and_in_order(tmp_path):
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.waiting() == []
    for number in (1, 2):
        outbox.put(outcome(number))
    assert outbox.waiting() == [outcome(2), outcome(1)]
    assert set(outbox) == {outcome(1).item.key, outcome(2).item.key}


def test_a_committed_outcome_is_forgotten_and_forgetting_twice_is_harmless(tmp_path):
    outbox = Outbox(tmp_path)
    outbox.put(outcome(1))
    for _ in range(2):
        outbox.drop({outcome(1).item.key})
    assert len(outbox) == 0
    assert outcome(1).item.key not in outbox


def test_one_that_cannot_be_read_is_put_aside_and_stops_nobody(tmp_path):
    outbox = Outbox(tmp_path)
    outbox.put(outcome(1))
    (tmp_path / "broken-1.json").write_text('{"item": 3}')
    assert outbox.waiting() == [outcome(1)]
    assert (tmp_path / "broken-1.unreadable").read_text() == '{"item": 3}'


def test_one_under_a_name_that_is_not_its_own_is_put_aside_and_told(tmp_path):
    outbox = Outbox(tmp_path)
    outbox.put(outcome(1))
    (tmp_path / f"{outcome(1).item.key}.json").rename(tmp_path / "renamed-1.json")
    assert outbox.unreadable() == ()
    assert outbox.waiting() == []
    assert len(outbox) == 0, "it takes no room for good"
    (told,) = outbox.unreadable()
    assert f"{tmp_path}/renamed-1.unreadable cannot be published" in told


def test_a_write_that_fails_leaves_nothing_half_done(tmp_path, mocker):
    mocker.patch("os.fsync", side_effect=OSError(28, "No space left on device"))
    outbox = Outbox(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        outbox.put(outcome(1))
    assert list(tmp_path.iterdir()) == []
