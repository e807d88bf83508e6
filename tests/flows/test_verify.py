"""Verification within a run: what is told, and what becomes of an item whose sandbox broke."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from flows import policy
from flows.adapters import verification
from flows.adapters.repository import Repositories
from flows.adapters.verification import Verification
from stages.errors import SandboxBroken, Unusable
from tests.adapters import git_repositories
from tests.flows.conftest import World, record


def test_a_broken_sandbox_postpones_the_item_and_is_blamed_on_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise SandboxBroken("The sandbox is out of order.")

    monkeypatch.setattr(policy, "_named", lambda name: policy._stored.with_options(name=name, retries=0))
    monkeypatch.setattr(Verification, "verify", break_down)
    world.publish(record("a"))
    state = world.run()
    assert state.is_failed(), "the worker could not do its work"
    assert "The sandbox is out of order." in (state.message or "")
    world.asked()
    assert world.run().name == "Idle", "it waits a while"
    assert world.asked() == []


def test_without_a_confinement_the_row_and_the_log_say_why(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(verification, "choose", lambda: "No Landlock here. Get a newer kernel.")
    world.publish(record("a", "b"))
    with caplog.at_level(logging.INFO):
        assert world.run().name == "Published 2 of 2"
    assert {row["verdict"]["grade"] for row in world.rows()} == {"unverified"}
    assert all("Get a newer kernel." in row["verdict"]["reason"] for row in world.rows())
    told = [message for message in caplog.messages if "Get a newer kernel." in message]
    assert told == ["generated code is confined by: No Landlock here. Get a newer kernel."], "once for the run"


@pytest.mark.slow
def test_a_draft_that_git_refuses_is_shown_back_once(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = ["The draft makes no patch that applies."]
    diff = Repositories.diff

    def refuse_once(*given: Any) -> str:
        if told:
            raise Unusable(told.pop())
        return diff(*given)

    monkeypatch.setattr(Repositories, "diff", refuse_once)
    monkeypatch.setattr(verification, "choose", lambda: "No Landlock here.")
    monkeypatch.setenv("AUTOCODER_REPOSITORY", str(git_repositories.make(tmp_path / "code", {"a.py": "A = 1\n"})))
    world.publish(record("a"))
    assert world.run().name == "Published 1 of 1"
    assert world.asked().count("draft") == 2
    (row,) = world.rows()
    assert "makes no patch that applies" in json.dumps(row)
    assert "diff --git a/notes/" in json.dumps(row)
