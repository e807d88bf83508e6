"""The rehearsal is what it says: the same everywhere, and its recorded drafts come to their true results."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.rehearse import FOLDER, REPOSITORY, build, main, make_repository
from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from flows.adapters.repository import Repositories
from flows.settings import Settings
from stages import drafting, thinking
from stages.errors import Permanent
from stages.matching import work_item
from stages.models import Brief, Grade, Question, Reply, Source, Verdict, WorkItem
from stages.outcome import STAGES, Dossier
from stages.patching import Guards
from stages.records import Kind, read_record
from stages.stage import Answer
from stages.templates import Templates
from tests.deployments.workbench import Workbench

SHA = "6e9ede1cf827201d59daef62c149ab019fb121f2"
SOURCE = Source(dataset="autocoder/x", revision="0" * 40, path="x.json", blob_id="0" * 40)

STORIES: dict[str, tuple[list[str], set[str]]] = {
    "TL-1": (["acceptance", ""], set()),
    "TL-2": ([""], set()),
    "TL-3": ([""], {"implementation_plan"}),
    "TL-4": ([""], set()),
    "TL-5": (["suite", ""], set()),
    "TL-6": (["acceptance", "acceptance", "acceptance"], set()),
    "TL-7": ([""], {"draft"}),
    "": ([""], {"deep_understanding"}),
}
"""Finding → which tests fail for the draft and for each repair, and the steps whose first reply is shown back."""


def records(folder: str) -> list[dict[str, object]]:
    """The upstream records, oldest first."""
    read = [json.loads(path.read_text()) for path in (FOLDER / folder).glob("*.json")]
    return sorted(read, key=lambda record: record["iteration"])


def items() -> list[WorkItem]:
    """The rehearsal's work items."""
    found = [f for r in records("analysis") for f in read_record(Kind.ANALYSIS, r, SOURCE).found]
    plans = [p for r in records("test_plans") for p in read_record(Kind.PLANS, r, SOURCE).planned]
    return [work_item(each, plans) for each in found]


ITEMS = items()
RECORDED = {
    (call["item"], call["step"], call["turn"]): call
    for path in (FOLDER / "conversations").glob("*.jsonl")
    for call in map(json.loads, path.read_text().splitlines())
}


@pytest.fixture
def hub_server(tmp_path: Path) -> Iterator[LocalHub]:
    """A local Hub over an empty folder."""
    with LocalHub(tmp_path / "hub") as server:
        yield server


@pytest.fixture
def hub(hub_server: LocalHub) -> Hub:
    """The worker's client of `hub_server`."""
    return Hub(hub_server.address)


class Recordings:
    """Answers with what was recorded, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str, int]] = set()

    async def ask(self, question: Question) -> Reply:
        """The recorded reply. Raises KeyError where there is none."""
        key = (question.item, question.step, question.turn)
        self.asked.add(key)
        return Reply(text=RECORDED[key]["text"])


# --- what it is made of ----------------------------------------------------------------------------


def test_the_repository_is_the_same_everywhere(tmp_path: Path) -> None:
    assert make_repository(tmp_path / "a" / "tally.git") == SHA
    assert make_repository(tmp_path / "a" / "tally.git") == SHA
    repositories = Repositories(tmp_path / "mirrors", tmp_path / "a")
    assert repositories.pin("tally.git") == repositories.pin("tally.git", SHA) == SHA


def test_building_twice_changes_nothing(tmp_path: Path, hub_server: LocalHub, hub: Hub) -> None:
    settings = Settings(home=tmp_path / "home", local=True)
    upstream = settings.datasets[:2]
    assert build(settings, hub) == SHA
    heads = [hub_server.head(dataset) for dataset in upstream]
    assert build(settings, hub) == SHA
    assert [hub_server.head(dataset) for dataset in upstream] == heads
    for dataset, folder in zip(upstream, ("analysis", "test_plans"), strict=True):
        assert {p.name for p in (FOLDER / folder).iterdir()} <= hub_server.files(dataset).keys()


def test_a_record_that_is_there_already_is_left_alone(tmp_path: Path, hub_server: LocalHub, hub: Hub) -> None:
    settings = Settings(home=tmp_path / "home", local=True)
    hub_server.put(settings.datasets[0], {"iteration_1.json": b"{}"})
    build(settings, hub)
    files = hub_server.files(settings.datasets[0])
    assert files["iteration_1.json"] == b"{}"
    assert "iteration_2.json" in files


def test_the_real_hub_is_never_seeded(tmp_path: Path, hub: Hub) -> None:
    with pytest.raises(Permanent, match=r"not for https://huggingface\.co"):
        build(Settings(home=tmp_path, HF_TOKEN="hf_planted"), hub)


def test_every_finding_names_the_commit_it_is_about() -> None:
    assert {(item.repository, item.revision) for item in ITEMS} == {(REPOSITORY, SHA), ("", "")}


def test_a_finding_with_nothing_to_act_on_is_among_them() -> None:
    passed_over = [p for r in records("analysis") for p in read_record(Kind.ANALYSIS, r, SOURCE).passed_over]
    assert [p.what for p in passed_over] == ["finding 1 (Security Audit)"]


# --- what is recorded ------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ITEMS, ids=[item.finding.id or "fleet" for item in ITEMS])
@pytest.mark.slow
async def test_an_item_goes_its_recorded_way(tmp_path: Path, item: WorkItem) -> None:
    recordings, workbench = Recordings(), Workbench(tmp_path, item)
    failing, shown_back = STORIES[item.finding.id]
    settings, templates = Settings(home=tmp_path), Templates()
    guards = Guards(settings.protected, settings.patch_files, settings.patch_lines)
    brief = Brief(item=item, code=workbench.view())
    answers: list[Answer] = []
    for stage in STAGES:
        thought = await thinking.think(stage, brief, answers, recordings.ask, templates)
        answers.append(thought.answer)
    dossier = Dossier(**{answer.step: answer for answer in answers})
    case, means = (brief, dossier), (recordings.ask, templates, guards, workbench.old)
    draft = (await drafting.write(drafting.draft_question(*case, templates, guards), *case, *means)).draft
    assert workbench.failing_before(draft) == "own" + (" acceptance" if workbench.acceptance else "")
    for number, fails in enumerate(failing, start=1):
        assert workbench.failing_after(draft, number) == fails
        if number < len(failing):
            verdict = Verdict(grade=Grade.FAILED, by=fails)
            question = await drafting.repair_question(*case, draft, verdict, number, *means[1:])
            draft = (await drafting.repair(question, *case, draft, *means)).draft
    assert workbench.checks() == ([False, *[True] * len(failing)] if item.finding.check else [])
    assert {step for _, step, turn in recordings.asked if turn == 2} == shown_back
    assert recordings.asked == {key for key in RECORDED if key[0] == item.id}


def test_nothing_is_recorded_for_items_that_do_not_exist() -> None:
    assert {item for item, _, _ in RECORDED} == {item.id for item in ITEMS}


def test_every_call_has_believable_usage() -> None:
    for call in RECORDED.values():
        assert call["usage"]["completion_tokens"] == len(call["text"]) // 4
        assert 1_000 < call["usage"]["prompt_tokens"] < 12_000


def test_the_rehearsal_is_put_into_a_local_hub_that_runs_already(
    hub_server: LocalHub, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AUTOCODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUTOCODER_LOCAL_HUB", hub_server.address)
    main()
    assert capsys.readouterr().out.startswith(f"The rehearsal is in place: {hub_server.address}")
    dataset = "autocoder/autocoder-analysis-results"
    there = {entry.path for entry in hub.tree(dataset, hub.head(dataset))}
    assert {record.name for record in (FOLDER / "analysis").iterdir()} <= there
    assert (tmp_path / "home" / REPOSITORY).is_dir()
