from collections.abc import Sequence
from pathlib import Path

import pytest

from stages.drafting import draft_question, write
from stages.models import Brief, CodeView, Finding, Source, TestPlan, WorkItem
from stages.outcome import STAGES, Dossier
from stages.patching import Guards
from stages.stage import Answer
from stages.templates import Templates
from stages.thinking import think
from tests.adapters.asking import model_at
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel, flow_script

SOURCE = Source(dataset="a/b", revision="0" * 40, path="x.json", blob_id="1")


def brief(cases: tuple[str, ...], paths: tuple[str, ...]) -> Brief:
    """A brief with those upstream cases and a tree of those files."""
    plan = TestPlan(cases=cases, why="same file", source=SOURCE)
    item = WorkItem(id="0" * 16, finding=Finding(title="Slow"), plans=(plan,), source=SOURCE)
    return Brief(item=item, code=CodeView(paths=paths))


@pytest.mark.parametrize("cases", [(), ("first", "second")])
@pytest.mark.parametrize("paths", [(), ("README.md", "tests/test_a.py")])
def test_the_fakes_answers_keep_every_rule(cases: tuple[str, ...], paths: tuple[str, ...]) -> None:
    given = brief(cases, paths)
    prompt = "Test cases:\n" + "\n".join(f"- T{n}: {case}" for n, case in enumerate(cases, 1)) + "\nlabels: T1, T2, …"
    earlier: list[Answer] = []
    for stage in STAGES:
        answer = stage.model_validate_json(answer_for(stage.step, prompt, "00ff"))
        assert list(answer.faults(given, earlier)) == []
        earlier.append(answer)


def test_the_fakes_draft_passes_its_own_test() -> None:
    code, test = (part.split("```")[0] for part in answer_for("repair-1", "", "00ff").split("```python\n")[1:])
    scope: dict[str, object] = {}
    exec(code, scope)
    exec(test.replace("from fake_00ff import double", "") + "\ntest_double()", scope)


@pytest.mark.parametrize("cases", [(), ("first", "second")])
async def test_a_whole_item_can_be_thought_through_against_the_fake(tmp_path: Path, cases: tuple[str, ...]) -> None:
    given, templates = brief(cases, ()), Templates()
    earlier: list[Answer] = []
    with FakeModel(flow_script(delay=0, pieces=4)) as fake:
        async with model_at(fake, tmp_path) as model:
            for stage in STAGES:
                earlier.append((await think(stage, given, earlier, model.ask, templates)).answer)
            dossier = Dossier(**{answer.step: answer for answer in earlier})
            question = draft_question(given, dossier, templates, Guards())
            drafted = await write(question, given, dossier, model.ask, templates, Guards(), no_files)
    assert [file.path for file in drafted.draft.files] == [f"fake_{given.item.id}.py"]
    assert [file.path for file in drafted.draft.tests] == [f"tests/test_fake_{given.item.id}.py"]
    assert [(call.step, call.turn) for call in fake.calls] == [*((s.step, "1") for s in STAGES), ("draft", "1")]


async def no_files(paths: Sequence[str]) -> dict[str, str]:
    """The old texts where there is no repository."""
    return {}
