"""What people see of a run, and what it must not cost."""

import asyncio

import httpx
import pytest
from pytest_mock import MockerFixture

from flows import views
from flows.progress import Progress
from tests.flows.conftest import World, record

API = (
    "acreate_markdown_artifact", "acreate_link_artifact", "acreate_progress_artifact", "aupdate_progress_artifact",
    "get_client",
)  # fmt: skip
"""What the views ask of the server."""


async def test_a_run_that_is_told_to_stop_does_not_wait_for_its_progress_to_be_shown(mocker: MockerFixture) -> None:
    mocker.patch.object(views, "acreate_progress_artifact")
    shown = mocker.patch.object(views, "aupdate_progress_artifact")
    with pytest.raises(SystemExit):
        async with views.moving(Progress(items=1)):
            raise SystemExit
    shown.assert_not_called()
    async with views.moving(Progress(items=1)):
        pass
    shown.assert_awaited_once()


def test_a_server_that_is_away_for_every_view_costs_the_views_and_nothing_else(
    world: World, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOCODER_TRIES", "1")
    world.publish(record("a"))
    asked = [mocker.patch.object(views, name, side_effect=httpx.ConnectError("away")) for name in API]
    assert world.run().name == "Published 1 of 1"
    (row,) = world.rows()
    assert row["implementation"], "its outcome is what was worked out, not that it was set aside"
    assert [each.called for each in asked] == [True, True, True, False, True], "no artifact, no update of it"


def test_an_outcome_that_is_kept_is_not_replaced_by_one_that_sets_the_item_aside(
    world: World, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOCODER_TRIES", "1")
    world.publish(record("a"))
    mocker.patch.object(views, "show_item", side_effect=RuntimeError("a fault of ours, after the outcome was kept"))
    world.run()
    (row,) = world.rows()
    assert row["implementation"]
    assert "Set aside" not in row["verdict"]["reason"]


async def test_progress_is_shown_again_after_a_fault(mocker: MockerFixture) -> None:
    mocker.patch.object(views, "EVERY_S", 0)
    mocker.patch.object(views, "AFTER_A_FAULT_S", 0)
    mocker.patch.object(views, "acreate_progress_artifact")
    again = asyncio.Event()

    async def update(artifact: object, progress: float) -> None:
        if shown.call_count > 1:
            again.set()
        raise httpx.ConnectError("away")

    shown = mocker.patch.object(views, "aupdate_progress_artifact", side_effect=update)
    async with views.moving(Progress(items=1)):
        await again.wait()


async def test_a_run_that_is_told_to_stop_is_stopped_in_a_view(mocker: MockerFixture) -> None:
    mocker.patch.object(views, "acreate_link_artifact", side_effect=asyncio.CancelledError)
    with pytest.raises(asyncio.CancelledError):
        await views.show_commit("http://hub/commit", "row 1")
