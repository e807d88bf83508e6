"""The rehearsal as its README tells it: every draft and repair comes to its true verdict in the real flow."""

from pathlib import Path

import pytest

from deployments.rehearse import build
from flows.adapters.sandbox import choose
from flows.settings import Settings
from tests.flows.conftest import World

pytestmark = pytest.mark.skipif(isinstance(choose(), str), reason=f"nothing confines code here: {choose()}")

ACCEPTANCE, REGRESSION, OWN = "acceptance tests", "regression", "own tests"

STORIES = {
    "TL-1": [("failed", ACCEPTANCE), ("proven", ACCEPTANCE)],
    "TL-2": [("proven", ACCEPTANCE)],
    "TL-3": [("proven", ACCEPTANCE)],
    "TL-4": [("self-tested", OWN)],
    "TL-5": [("failed", REGRESSION), ("proven", ACCEPTANCE)],
    "TL-6": [("failed", ACCEPTANCE), ("failed", ACCEPTANCE), ("failed", ACCEPTANCE)],
    "TL-7": [("proven", ACCEPTANCE)],
    "": [("self-tested", OWN)],
}
"""Finding → grade of the draft and of each repair, and what decided."""


@pytest.fixture
def rehearsal(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The rehearsal's records on the local Hub, its recordings as the model."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "AUTOCODER_MODEL"):
        monkeypatch.delenv(name)
    build(Settings(), world.hub)
    return world


def test_the_rehearsal_comes_to_its_true_verdicts(rehearsal: World) -> None:
    assert rehearsal.run(limit=8).name == "Published 8 of 8"
    rows = {row["work_item"]["finding"]["id"]: row for row in rehearsal.rows()}
    found = {
        finding: [(a["verdict"]["grade"], a["verdict"]["by"]) for a in row["attempts"]] for finding, row in rows.items()
    }
    assert found == STORIES
    for finding, row in rows.items():
        last = row["attempts"][-1]
        assert row["verdict"] == last["verdict"], f"{finding}: every repair of the rehearsal comes closer"
        assert row["verdict"]["mechanism"]
        assert row["verdict"]["tests"]
        assert [a["step"] for a in row["attempts"]] == ["draft", "repair-1", "repair-2"][: len(row["attempts"])]
    (broken,) = rows["TL-5"]["attempts"][0]["verdict"]["broke"]
    assert broken == "tests/test_storage.py::test_no_file_yet_is_an_empty_book"
    assert "test_nine_people_in_three_groups_need_six_payments" in rows["TL-6"]["verdict"]["reason"]
    checks = [t for t in rows["TL-7"]["verdict"]["tests"] if t["id"].startswith("check: python -c")]
    assert [(t["before"], t["after"]) for t in checks] == [("failed", "passed")]
