"""A Space that loses its disk goes on from what the dataset knows; one without a token says what it lacks."""

import json
import shutil
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.deployments.space_up import SECRETS, login, space, until, world

pytestmark = pytest.mark.slow

FINDINGS = [f"Finding number {n}" for n in range(1, 7)]
"""More than the four that a run takes up."""


def test_with_every_local_file_deleted_between_two_ticks_nothing_is_done_twice(tmp_path: Path):
    home = tmp_path / "home"
    with world(tmp_path / "hub") as around:
        around.publish(*FINDINGS)
        with space(home, around.settings()):
            until(lambda: around.count() > 0)
        first = around.rows()
        shutil.rmtree(home)
        with space(home, around.settings()):
            until(lambda: around.count() == len(FINDINGS))
        rows = around.rows()
    assert rows[: len(first)] == first
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert sorted(row["work_item"]["finding"]["title"] for row in rows) == FINDINGS
    done = {row["id"].rpartition("-")[0] for row in first}
    asked = Counter((call.item, call.step) for call in around.model.calls if call.item in done)
    assert asked
    assert set(asked.values()) == {1}


def test_without_a_token_it_starts_says_what_to_add_and_publishes_nothing(tmp_path: Path):
    with world(tmp_path / "hub") as around:
        around.publish("A finding")
        settings = {**around.settings(), "AUTOCODER_PASSWORD": "", "HF_TOKEN": ""}
        with space(tmp_path / "home", settings, until="The secret HF_TOKEN is missing") as up:
            (line,) = [line for line in up.lines if line.startswith("password  ")]
            password = line.split()[1]
            assert "The secret HF_TOKEN is missing" in up.status()
            assert httpx.post(f"{up.address}/api/flow_runs/filter", json={}).status_code == 401
            runs = httpx.post(f"{up.address}/api/flow_runs/filter", json={}, headers=login(password), timeout=30)
            assert runs.json() == []
            names = {child for child, _, _ in json.loads((up.home / "up.json").read_text())}
        assert names == {"The Prefect server", "The front"}
        assert list((around.hub.folder / "datasets" / "autocoder").iterdir()) == [
            around.hub.folder / "datasets" / "autocoder" / "autocoder-analysis-results"
        ]
        assert not around.model.calls
    assert password not in SECRETS.values()
