"""What acceptance tests use of the repository's own tests is the repository's, whatever a draft does."""

import pytest

from flows.adapters.companions import companions
from stages.models import Grade
from tests.adapters.verification.bench import CALC, CODE, RIGHT, Bench, draft

LIBRARY = {**CODE, "tests/helpers.py": "def check(a, b):\n    assert a == b\n"}
USES = "from calc import add\nfrom tests.helpers import check\n\n\ndef test_add():\n    check(add(1, 2), 3)\n"
BY_NAME = USES.replace("tests.helpers", "helpers")
BESIDE = USES.replace("tests.helpers", ".helpers")
NOTHING = "def check(a, b):\n    pass\n"
ABOVE = "tests/acceptance/test_add.py"
FORGERIES = {
    "ships a helper of that name": (BY_NAME, {"calc.py": CALC + "\n\nMORE = 1\n", "helpers.py": NOTHING}),
    "rewrites the helper": (
        USES,
        {"calc.py": f"open('tests/helpers.py', 'w').write({NOTHING!r})\n{CALC}"},
    ),
    "exchanges the helper": (USES, {"calc.py": f"import tests.helpers as h\n{NOTHING}h.check = check\n{CALC}"}),
}


@pytest.mark.parametrize("path", ["tests/test_add.py", ABOVE])
@pytest.mark.parametrize(("test", "files"), FORGERIES.values(), ids=FORGERIES)
@pytest.mark.slow
def test_a_draft_has_no_say_in_what_tests_bring_along(
    bench: Bench, test: str, files: dict[str, str], path: str
) -> None:
    verdict = bench.verify(bench.item({path: test}, library=LIBRARY), draft(files))
    assert verdict.grade in (Grade.FAILED, Grade.UNVERIFIED), verdict.reason


@pytest.mark.parametrize("test", [USES, BESIDE, BY_NAME], ids=["by package", "relative", "by name"])
@pytest.mark.slow
def test_helpers_of_the_repository_serve_acceptance_tests(bench: Bench, test: str) -> None:
    item = bench.item({"tests/test_add.py": test}, library=LIBRARY)
    verdict = bench.verify(item, draft({"calc.py": RIGHT}))
    assert verdict.grade is Grade.PROVEN, verdict.reason
    assert "no assertion is seen" not in verdict.canaries, "the helper's own assertion is changed"


def test_companions_are_conftests_and_what_is_imported_from_one_to_the_next(bench: Bench) -> None:
    library = {
        "app/__init__.py": "",
        "app/tests/help.py": "",
        "conftest.py": "",
        "helpers.py": "",
        "tests/__init__.py": "",
        "tests/conftest.py": "from tests.support.make import thing\n",
        "tests/support/__init__.py": "",
        "tests/support/make.py": "from .deep import x\nimport helpers\n",
        "tests/support/deep.py": "",
        "tests/unused.py": "",
        "tests/test_old.py": "",
    }
    item = bench.item(library=library)
    tree = bench.folder / item.repository
    found = companions(tree, {"tests/unit/test_new.py": "import app.tests.help\n", "tests/support/__init__.py": "x"})
    names = ["__init__", "conftest", "support/deep", "support/make"]
    assert sorted(found) == ["app/tests/help.py", "conftest.py", *(f"tests/{name}.py" for name in names)]
