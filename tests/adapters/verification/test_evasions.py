"""Drafts that are wrong, and would rather have nothing said of it: weaker evidence does not speak for them."""

import pytest

from stages.models import Grade
from tests.adapters.verification.bench import ADDS, CALC, CODE, Bench, draft

ACCEPTANCE = {"tests/acceptance/test_add.py": ADDS}
MORE = {"tests/test_more.py": "from calc import MORE\n\n\ndef test_more():\n    assert MORE == 1\n"}


def adding(body: str) -> dict[str, str]:
    """Code that adds by this, and has what its own tests ask for."""
    return {"calc.py": CALC.replace("return a - b", body) + "\n\nMORE = 1\n"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.memfd_create('a')", "memfd_create"),
        ("import pytest; pytest.skip('later')", "ran before"),
    ],
    ids=["denied", "skipped"],
)
@pytest.mark.slow
def test_a_test_that_ran_before_and_does_not_after_leaves_a_doubt(bench: Bench, body: str, reason: str) -> None:
    marked = ADDS.replace("def test", "@pytest.mark.skipif(False, reason='')\ndef test").replace(
        "from calc", "import pytest\nfrom calc"
    )
    verdict = bench.verify(bench.item({"tests/acceptance/test_add.py": marked}), draft(adding(body), MORE))
    assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
    assert reason in verdict.reason


@pytest.mark.slow
def test_a_network_that_only_the_draft_asks_for_is_no_excuse(bench: Bench) -> None:
    asking = adding("import socket; socket.getaddrinfo('example.com', 80)")
    verdict = bench.verify(bench.item(ACCEPTANCE), draft(asking, MORE))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "the draft asks for a network, without which tests/acceptance/test_add.py::test_add" in verdict.reason


@pytest.mark.slow
def test_a_network_that_the_tests_speak_of_is_one(bench: Bench) -> None:
    online = "from calc import add\n\n\ndef test_add():\n    assert add(1, 'http://example.com') == 3\n"
    asking = adding("import urllib.request; return urllib.request.urlopen(b)")
    verdict = bench.verify(bench.item({"tests/test_add.py": online}), draft(asking, MORE))
    assert (verdict.grade, verdict.by) == (Grade.UNVERIFIED, "")
    assert "asked for a network" in verdict.reason


MEAN = "import statistics\n\n\ndef mean(numbers):\n    return statistics.mean(numbers)\n"
SHADOW = "def mean(numbers):\n    return sum(numbers) / len(numbers)\n"


@pytest.mark.slow
def test_what_only_the_stub_of_a_draft_breaks_did_not_fail_before(bench: Bench) -> None:
    given = {"tests/test_mean.py": "from calc import mean\n\n\ndef test_mean():\n    assert mean([1, 3]) == 2\n"}
    verdict = bench.verify(bench.item(given, library={"calc.py": MEAN}), draft({"statistics.py": SHADOW}))
    assert verdict.grade is Grade.APPLIES
    assert "did so without the change" in verdict.reason


@pytest.mark.slow
def test_code_that_kills_its_own_process_has_failed(bench: Bench) -> None:
    verdict = bench.verify(bench.item(ACCEPTANCE), draft(adding("import os; os.kill(os.getpid(), 9)"), MORE))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")


HEALTH = {"tests/test_health.py": "from health import ok\n\n\ndef test_ok():\n    assert ok() == 1\n"}
HEALTHY = {"tests/test_own.py": HEALTH["tests/test_health.py"].replace("health import", "healthy import")}


@pytest.mark.slow
def test_a_module_that_the_draft_does_not_provide_is_its_failure(bench: Bench) -> None:
    wrong = draft({"healthy.py": "def ok():\n    return 1\n"}, HEALTHY)
    verdict = bench.verify(bench.item(HEALTH), wrong)
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "the draft does not provide health" in verdict.reason


@pytest.mark.slow
def test_a_module_that_the_draft_deletes_is_its_failure(bench: Bench) -> None:
    item = bench.item(ACCEPTANCE, library={**CODE, "uses.py": "import calc\n"})
    verdict = bench.verify(item, draft({}, MORE, deleted=("calc.py",)))
    assert (verdict.grade, verdict.by) == (Grade.FAILED, "acceptance tests")
    assert "the draft does not provide calc" in verdict.reason


@pytest.mark.parametrize("name", ["health", "django"], ids=["used by the repository", "widely used"])
@pytest.mark.slow
def test_a_module_that_others_are_to_provide_is_no_failure(bench: Bench, name: str) -> None:
    given = {"tests/test_health.py": HEALTH["tests/test_health.py"].replace("health", name)}
    library = {**CODE, "more.py": "import health\n"}
    verdict = bench.verify(
        bench.item(given, library=library), draft({"healthy.py": "def ok():\n    return 1\n"}, HEALTHY)
    )
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert f"needs {name}, which is not installed" in verdict.reason


@pytest.mark.slow
def test_names_cannot_be_looked_up_and_that_is_no_fault_of_the_draft(bench: Bench) -> None:
    online = "import urllib.request\n\n\ndef test_online():\n    urllib.request.urlopen('http://example.com')\n"
    verdict = bench.verify(bench.item({"tests/test_online.py": online}), draft(adding("return a + b"), MORE))
    assert (verdict.grade, verdict.by) == (Grade.SELF_TESTED, "own tests")
    assert "network" in verdict.reason


@pytest.mark.slow
def test_cases_that_the_code_gives_do_not_prove(bench: Bench) -> None:
    varied = "import calc, pytest\n\n\n@pytest.mark.parametrize('case', calc.CASES)\n"
    varied += "def test_add(case):\n    assert calc.add(*case) == sum(case)\n"
    item = bench.item({"tests/test_all.py": varied}, library={"calc.py": CALC + "\n\nCASES = [(1, 2)]\n"})
    verdict = bench.verify(item, draft({"calc.py": CALC + "\n\nCASES = [(0, 0)]\n"}))
    assert verdict.grade is Grade.SELF_TESTED
    assert "cases of test_add come from the code" in verdict.reason
