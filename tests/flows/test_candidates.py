"""Several drafts of one item, written side by side."""

import pytest

from flows.adapters.sandbox import choose
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_replies import says
from tests.flows.conftest import World, record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(isinstance(choose(), str), reason=f"nothing confines code here: {choose()}"),
]


@pytest.fixture
def three(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AUTOCODER_CANDIDATES", "3")
    world.publish(record("a"))
    return world


def test_the_best_of_three_drafts_is_published_and_the_row_tells_how_it_was_chosen(three: World) -> None:
    usual = three.odd
    usual["draft"] = lambda call: says(answer_for("draft", item=call.item).replace("* 2", "* 3"))
    assert three.run().name == "Published 1 of 1"
    asked = (step for step in three.asked() if "draft" in step or "repair" in step)
    assert sorted(asked) == ["draft", "draft-2", "draft-3"]
    (row,) = three.rows()
    assert [attempt["step"] for attempt in row["attempts"]] == ["draft", "draft-2", "draft-3"]
    assert row["verdict"]["grade"] == "self-tested", "the wrong one is not chosen, and no repair is asked for"
    (note,) = row["notes"]
    assert note.startswith("draft-2 was chosen of 3 drafts. draft: failed, ")
    assert "compare" in {task.name.split(" ")[0] for task in three.task_runs()}


@pytest.mark.slow
def test_a_draft_that_is_not_to_be_had_leaves_the_others(three: World) -> None:
    three.odd["draft-2"] = lambda call: says("I would rather not.")
    assert three.run().name == "Published 1 of 1"
    (row,) = three.rows()
    assert [attempt["step"] for attempt in row["attempts"]] == ["draft", "draft-3"]
    assert row["usage"]["requests"] == 6 + 4, "what it cost is told"


def test_where_none_is_to_be_had_the_item_is_left_for_later(three: World) -> None:
    for step in ("draft", "draft-2", "draft-3"):
        three.odd[step] = lambda call: says("I would rather not.")
    state = three.run()
    assert state.name == "Published 0 of 1"
    assert "Your answer holds no file" in (state.message or "")
