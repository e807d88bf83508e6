"""An outcome becomes a row that any reader can take."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stages.card import yaml_lines
from stages.columns import Progress, Row, features
from stages.models import Draft, File, Finding
from stages.outcome import Outcome
from stages.rows import number, row
from tests.outcomes import full, small

SCHEMA = Path(__file__).with_name("columns.yaml")


def drafted(*files: File, patch: str = "", tests: tuple[File, ...] = ()) -> dict[str, Any]:
    return row(small().model_copy(update={"draft": Draft(files=files, patch=patch, tests=tests)}))


def test_a_row_has_every_column_but_the_two_that_the_commit_assigns() -> None:
    assert set(row(small())) == set(Row.model_fields) - {"iteration", "cumulative_progress"}
    assert list(number([row(small())], 1, Progress(), set())[0]) == list(Row.model_fields)


def test_the_columns_are_as_they_were() -> None:
    # A new column or field is added here and raises SCHEMA; none is renamed, retyped or dropped: old shards have it.
    assert list(yaml_lines(features(), "")) == SCHEMA.read_text().splitlines()


def test_what_grows_with_its_content_cannot_become_a_column() -> None:
    class Open(BaseModel):
        anything: dict[str, str]

    with pytest.raises(TypeError, match="JSON string"):
        features(Open)


def test_any_row_is_printed_by_a_plain_json_dumps() -> None:
    for outcome in (full(), small()):
        assert json.loads(json.dumps(row(outcome), allow_nan=False)) == row(outcome)


def test_the_stage_is_the_implementation_plan() -> None:
    made = row(full())
    assert (made["stage_number"], made["stage_name"]) == (6, "Implementation Plan")
    assert made["analysis"]["stage"] == "Implementation Plan"
    assert made["analysis"]["phases"] == ["Phase 1: import", "Phase 2: floor"]


def test_code_changes_tell_the_findings_file_its_added_import_where_and_its_new_code() -> None:
    changes = row(full())["analysis"]["code_changes"]
    assert changes == {
        "file": "durations/parse.py",
        "import_add": "import math",
        "location": "durations/parse.py, parse()",
        "code": 'def parse(text: str) -> timedelta:\n    """The duration."""\n'
        "    return timedelta(seconds=math.floor(float(text) * UNIT))",
    }


def test_of_a_new_file_all_imports_are_added_and_all_code_is_new() -> None:
    text = "from a import (\n    b,\n    c,\n)\nimport d\n\nX = b + c\n"
    changes = drafted(File(path="new.py", content=text))["analysis"]["code_changes"]
    assert (changes["import_add"], changes["code"]) == ("from a import b, c\nimport d", text)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("app.ts", 'import { x } from "./x";'),
        ("app.js", 'const x = require("x");'),
        ("main.c", "#include <x.h>"),
        ("lib.rs", "use x::y;"),
        ("App.java", "import x.Y;"),
    ],
)
def test_imports_of_other_languages_are_found_by_line(path: str, line: str) -> None:
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,3 @@\n // first\n+{line}\n code()\n"
    changes = drafted(File(path=path, content=f"// first\n{line}\ncode()\n"), patch=patch)["analysis"]["code_changes"]
    assert changes["import_add"] == line


def test_python_that_does_not_parse_is_given_whole() -> None:
    changes = drafted(File(path="broken.py", content="import a\ndef (:\n"))["analysis"]["code_changes"]
    assert (changes["import_add"], changes["code"]) == ("import a", "import a\ndef (:\n")


def test_without_answers_and_draft_the_columns_are_empty_and_still_there() -> None:
    made = row(small())
    assert made["analysis"]["code_changes"] == {"file": "", "import_add": "", "location": "", "code": ""}
    assert made["deep_understanding"] is None
    assert (made["implementation"], made["patch"], made["attempts"]) == ([], "", [])


def test_text_is_valid_utf8_without_nul_whatever_a_model_said() -> None:
    said = "a\0b \ud800 \ud83d\ude00"
    outcome = small().model_copy(update={"notes": (said,), "draft": Draft(files=(File(path="a.txt", content=said),))})
    made = row(outcome)
    assert made["notes"] == ["a\ufffdb \ufffd 😀"] == [made["implementation"][0]["content"]]
    json.dumps(made, ensure_ascii=False).encode()


def test_numbers_are_finite_and_fit_into_64_bits() -> None:
    outcome = full()
    item = outcome.item.model_copy(update={"finding": Finding(title="t", line=10**30)})
    usage = outcome.usage.model_copy(update={"seconds": math.nan, "cost": math.inf})
    made = row(outcome.model_copy(update={"item": item, "usage": usage}))
    assert made["work_item"]["finding"]["line"] == 2**63 - 1
    assert (made["usage"]["seconds"], made["usage"]["cost"]) == (None, None)


def test_what_is_open_ended_upstream_is_a_json_string() -> None:
    made = row(full())["work_item"]
    assert json.loads(made["finding"]["extra"]) == {"quality_score": 0.86}
    assert json.loads(made["plans"][0]["body"]) == {"edge_cases": ["zero"]}
    assert made["finding"]["files"] == [{"path": "notes.txt", "content": "see above"}]


def test_provenance_names_the_bytes_of_every_input() -> None:
    made = row(full())["provenance"]
    assert [(i["kind"], i["path"], i["blob_id"], i["revision"]) for i in made["inputs"]] == [
        ("finding", "iteration_1.json", "b" * 40, "a" * 40),
        ("plan", "test_plan_iteration_2.json", "b" * 40, "a" * 40),
    ]
    assert (made["templates"], made["code_version"], made["schema_version"]) == ("c" * 16, "0.1.0", 1)


def test_a_rehearsal_is_marked_as_one() -> None:
    assert row(full())["model"] == "replay:rehearsal/model-30b"


def test_rows_are_numbered_on_without_a_gap() -> None:
    rows = number([row(small(n)) for n in range(3)], 41, Progress(), set())
    assert [r["iteration"] for r in rows] == [41, 42, 43]


def test_progress_grows_by_drafts_test_functions_and_items_that_are_new() -> None:
    outcomes: list[Outcome] = [small(1), full(), small(2), small(1, attempt=2), small(2, attempt=2)]
    before = Progress(implementations_generated=10, tests_written=20, issues_discovered=30)
    rows = number([row(outcome) for outcome in outcomes], 1, before, {small(2).item.id})
    assert [tuple(r["cumulative_progress"].values()) for r in rows] == [
        (10, 20, 31),
        (11, 22, 32),
        (11, 22, 32),
        (11, 22, 32),
        (11, 22, 32),
    ]


def test_a_file_of_tests_in_another_language_counts_as_one_test() -> None:
    made = drafted(
        tests=(File(path="a.test.ts", content="it('a'); it('b')"), File(path="tests/conftest.py", content=""))
    )
    assert number([made], 1, Progress(), set())[0]["cumulative_progress"]["tests_written"] == 1
