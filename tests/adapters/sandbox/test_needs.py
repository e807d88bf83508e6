"""What tests bring along and import, read from their source."""

import pytest

from flows.adapters.sandbox.needs import early, modules

HELPERS = {"tests/helpers.py": "", "tests/support/__init__.py": "", "tests/support/make.py": "from shop import price\n"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from tests.helpers import check", {"tests.helpers": "tests/helpers.py"}),
        ("import helpers", {"helpers": "tests/helpers.py"}),
        ("from .helpers import check", {"tests.helpers": "tests/helpers.py"}),
        ("from tests import helpers", {"tests.helpers": "tests/helpers.py"}),
        ("import helpers_of_others", {}),
        (
            "from tests.support.make import thing",
            {"tests.support": "tests/support/__init__.py", "tests.support.make": "tests/support/make.py"},
        ),
    ],
)
def test_a_file_of_the_tests_is_known_by_the_name_it_is_imported_by(line: str, found: dict[str, str]) -> None:
    assert modules({**HELPERS, "tests/test_a.py": line}) == found


def test_of_two_conftests_the_upper_one_is_meant() -> None:
    files = {"conftest.py": "", "tests/conftest.py": "", "tests/test_a.py": "from conftest import one\n"}
    assert modules(files) == {"conftest": "conftest.py"}


def test_what_imports_the_code_or_is_part_of_it_is_not_imported_before_it() -> None:
    line = "import shop.tests.checks, tests.helpers, tests.support.make\n"
    files = {**HELPERS, "shop/tests/checks.py": "", "tests/test_a.py": line}
    assert set(early(files, modules(files), {"shop"})) == {"tests.helpers", "tests.support"}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"tests/test_a.py": "import helpers\n"}, {"helpers": "tests/helpers.py"}),
        ({"tests/unit/test_a.py": "import helpers\n"}, {}),
        ({"tests/unit/test_a.py": "import helpers\n", "tests/conftest.py": ""}, {"helpers": "tests/helpers.py"}),
        ({"tests/test_a.py": "import helpers\n", "tests/__init__.py": ""}, {}),
    ],
    ids=["beside", "above", "beside a conftest", "in a package"],
)
def test_a_name_that_the_code_has_too_is_the_tests_where_pytest_finds_that_first(
    more: dict[str, str], found: dict[str, str]
) -> None:
    assert modules({"tests/helpers.py": "", **more}, {"helpers"}) == found
