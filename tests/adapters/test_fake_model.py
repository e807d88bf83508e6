import json

import pytest

from stages.models import Brief, CodeView, Finding, Source, TestPlan, WorkItem
from stages.outcome import STAGES
from stages.stage import Answer
from tests.adapters.fake_answers import answer_for

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


def test_a_thought_is_json() -> None:
    assert json.loads(answer_for("risk_analysis"))["risks"]
