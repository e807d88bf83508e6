"""Planted secrets are nowhere that anybody can look: not even where a finding and the model's answers hold them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.docker.base import LOCAL
from deployments.docker.engines import engine
from deployments.docker.image import BASE, build
from flows.adapters.local_hub import LocalHub
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import says
from tests.deployments.space_up import PASSWORD, SECRETS, Space, World, login, space, until

pytestmark = pytest.mark.slow

TOLD = " ".join(SECRETS.values())
WRITTEN = ("analysis", "test-planning")
"""Datasets that the siblings wrote: what they plant there is theirs."""


def planted(text: str) -> list[str]:
    """The names of the secrets in it, however JSON or Python would write them."""
    return [name for name, secret in SECRETS.items() if secret in text.replace("\\", "")]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Space]]:
    """A Space that published one row and set one item aside, with secrets in all that came in."""
    folder = tmp_path_factory.mktemp("space")

    def answer(call: Any) -> Any:
        said = answer_for(call.step, call.prompt, call.item)
        return says(said.replace("Numbers are not doubled", f"Numbers are not doubled {TOLD}") + f"\n{TOLD}\n")

    with LocalHub(folder / "hub") as hub, FakeModel(answer) as model:
        around = World(hub, model)
        around.publish(f"Hard-coded {TOLD}", "Another finding")
        hub.put("autocoder/autocoder-analysis-results", {"iteration_2.json": f'{{"findings": [{TOLD}'.encode()})
        with space(folder / "home", around.settings()) as running:
            until(lambda: around.count() == 2)
            until(lambda: 'Iterations: <b id="iterations">2' in running.status())
            yield around, running


def answers(up: Space) -> Iterator[tuple[str, str]]:
    """Every answer that the API gives without a name of something, and then of everything that those name."""
    paths: dict[str, Any] = up.ask("/openapi.json", method="GET")["paths"]
    plain = {path.removeprefix("/api"): methods for path, methods in paths.items()}
    with httpx.Client(base_url=f"{up.address}/api", headers=login(PASSWORD), timeout=60) as owner:
        for path, methods in plain.items():
            if "{" in path or not ("get" in methods or path.endswith(("/filter", "/paginate", "/history"))):
                continue
            asked = owner.get(path) if "get" in methods else owner.post(path, json={})
            yield path, asked.text
            found = asked.json() if asked.status_code == 200 and "json" in asked.headers["content-type"] else None
            of_one = [p for p, m in plain.items() if "get" in m and p.startswith(f"{path.removesuffix('/filter')}/{{")]
            for one in found if isinstance(found, list) else []:
                for each in of_one:
                    if isinstance(one, dict) and "id" in one and each.count("{") == 1:
                        name = each[each.index("{") : each.index("}") + 1]
                        key = one.get("name") if "name" in name else one["id"]
                        yield each, owner.get(each.replace(name, str(key))).text


def test_no_answer_of_the_api_holds_one(there: tuple[World, Space]):
    said = list(answers(there[1]))
    assert not [(path, names) for path, text in said if (names := planted(text))]
    whole = "".join(text for _, text in said)
    assert "Another finding" in whole, "artifacts and names of task runs are among what was searched"
    assert "[secret]" in whole
    asked = {path for path, _ in said}
    kinds = ("flow_runs", "task_runs", "artifacts", "logs", "deployments", "work_pools", "automations", "block_types")
    assert not [kind for kind in kinds if not any(path.startswith(f"/{kind}/") for path in asked)]
    assert len([path for path in asked if "{" in path]) > 5
    assert not planted(there[1].status())


def test_no_file_that_it_leaves_and_no_line_that_it_prints_holds_one(there: tuple[World, Space]):
    _, up = there
    files = [path for path in up.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert not [path for path in files if planted(path.read_bytes().decode("latin-1"))]
    assert not planted("\n".join(up.lines))


def test_no_row_and_no_file_of_the_dataset_holds_one(there: tuple[World, Space]):
    around, _ = there
    rows = around.rows()
    assert len(rows) == 2
    assert not planted(json.dumps(rows))
    assert "[secret]" in json.dumps(rows)
    files = [
        path for path in around.hub.folder.rglob("*") if path.is_file() and not any(w in str(path) for w in WRITTEN)
    ]
    assert files
    assert not [path for path in files if planted(path.read_bytes().decode("latin-1"))]


def test_no_description_of_an_image_holds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = engine()
    if isinstance(found, str):
        pytest.skip(found)
    base = next((base for base in (BASE, LOCAL) if found.has(base)), None)
    if base is None:
        pytest.skip(f"neither {BASE} nor {LOCAL} is here: make image makes it")
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    tag = "localhost/autocoder-planted"
    build(found, base, tag)
    assert not planted(found.look(tag).description)
