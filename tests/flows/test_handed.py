"""What travels between a dispatcher and the run of an item comes back as it was."""

from datetime import UTC, datetime

import pytest

from flows.handed import Ended, Fault
from flows.storage_names import folder, is_block
from stages import errors
from stages.errors import Defect, WorkerError
from stages.models import Usage
from stages.stage import Thought
from tests.outcomes import full

AT = datetime(2030, 5, 17, tzinfo=UTC)
ERRORS = [
    errors.Transient("later", retry_after=7.0),
    errors.SandboxBroken("no room"),
    errors.Permanent("no such file"),
    errors.Misconfigured("no token"),
    errors.Defect("a fault"),
    errors.OutOfCredits("no money"),
    errors.BudgetReached("enough", scope="day", reopens=AT),
    errors.EndpointDown("away", reopens=AT),
    errors.Unusable("no JSON", usage=Usage(prompt_tokens=3, requests=1)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_with_its_kind_and_all_that_it_says(error: WorkerError):
    ended = Ended.as_told(full().item, error, [], {})
    back = Ended.model_validate_json(ended.model_dump_json()).end()
    assert isinstance(back, WorkerError)
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_every_kind_of_error_travels():
    kinds = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, WorkerError)}
    assert {type(error) for error in ERRORS} == kinds - {WorkerError}


def test_an_error_of_a_newer_worker_is_a_defect_with_its_words():
    error = Fault(kind="Astonished", words="who knows").error()
    assert (type(error), str(error)) == (Defect, "who knows")


def test_an_outcome_comes_back_whole():
    outcome = full()
    ended = Ended.as_told(outcome.item, outcome, [], {"2030-05-17": {"abc": 7}})
    assert Ended.model_validate_json(ended.model_dump_json()) == ended
    assert ended.end() == outcome


def test_what_was_thought_before_it_broke_off_comes_back_in_order():
    answers = full().dossier.answers()
    thoughts = [Thought[type(a)](answer=a, usage=Usage(requests=n), model="m") for n, a in enumerate(answers)]  # type: ignore[misc]
    ended = Ended.as_told(full().item, Defect("a fault"), reversed(thoughts), {})
    assert Ended.model_validate_json(ended.model_dump_json()).thought() == thoughts


@pytest.mark.parametrize(
    ("name", "block"), [("s3-bucket/ours", True), ("./s3-bucket/ours", False), ("/mnt/ours", False), ("~/ours", False)]
)
def test_a_folder_and_a_storage_block_are_told_apart(name: str, block: bool, tmp_path):
    assert is_block(name) is block
    assert (folder(name, tmp_path) is None) is block


def test_results_are_in_the_home_by_default(tmp_path):
    assert folder("", tmp_path) == tmp_path / "results"
