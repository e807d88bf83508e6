import json
from pathlib import Path
from typing import Any

from tests.chaos.endpoint import is_stored
from tests.chaos.verdict import held_against

TITLES = {"a": "one", "b": "two"}


def row(item: str, iteration: int, attempt: int = 1) -> dict[str, Any]:
    time = "2026-01-01T00:00:00.000+00:00"
    return {"id": f"{item}-{attempt}", "iteration": iteration, "timestamp": time, "work_item": {"id": item}}


def call(item: str, event: str, at: float, **more: Any) -> dict[str, Any]:
    what = {"item": item, "step": "draft", "turn": "1", "prompt": "p", "run": "run-1"}
    return {"event": event, "at": at, **what, **more}


def test_nothing_is_said_where_every_item_has_its_row() -> None:
    calls = [call("a", "asked", 1, stored=False), call("a", "answered", 2), call("a", "asked", 3, stored=False)]
    assert not [*held_against(TITLES, [row("b", 1), row("a", 2)], calls)]


def test_what_is_lost_double_or_missing_in_between_is_said() -> None:
    said = "\n".join(held_against(TITLES, [row("a", 1), row("a", 3)], []))
    assert "Lost: work item b (two)" in said
    assert "Double: a-1 has 2 rows" in said
    assert "Gap: `iteration` is 3 where 2 is due" in said


def test_an_item_decided_twice_is_said() -> None:
    assert "Decided twice" in "\n".join(held_against({"a": ""}, [row("a", 1), row("a", 2, 2)], []))


def test_a_call_whose_result_was_stored_is_said() -> None:
    calls = [call("a", "answered", 1), call("a", "asked", 2, stored=True)]
    said = "\n".join(held_against({"a": ""}, [row("a", 1)], calls))
    assert "a draft was asked by run-1 though stored; the same prompt was answered before" in said


def test_a_call_for_an_item_that_is_decided_is_said() -> None:
    calls = [call("a", "asked", 2e9, stored=False)]
    assert "after the item was decided" in "\n".join(held_against({"a": ""}, [row("a", 1)], calls))


def test_a_result_counts_as_stored_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a-1" / "draft-0123456789abcdef"
    file.parent.mkdir()
    for content, stored in (("", False), ('{"result": "\\"', False), (json.dumps({"result": "1"}), True)):
        file.write_text(content)
        assert is_stored(tmp_path, "a", "draft") is stored
    assert not is_stored(tmp_path, "a", "draft-2")
