from textwrap import dedent

import pytest

from flows.adapters.sandbox.expected import Suite, expected
from flows.adapters.sandbox.expected import test_files as files_with_tests

PATH = "tests/test_a.py"


def suite(text: str) -> Suite:
    return expected({PATH: dedent(text)})


def ids(text: str) -> list[str]:
    return [test.id.removeprefix(f"{PATH}::") for test in suite(text).tests]


def test_functions_and_methods_are_tests_if_their_names_say_so() -> None:
    text = """
        def test_a(): ...
        async def test_b(): ...
        def helper(): ...
        class TestC:
            def test_d(self): ...
            def helper(self): ...
            class TestE:
                def test_f(self): ...
        class Helper:
            def test_g(self): ...
    """
    assert ids(text) == ["test_a", "test_b", "TestC::test_d", "TestC::TestE::test_f"]


def test_a_class_of_unittest_may_have_any_name() -> None:
    text = """
        import unittest
        from unittest import TestCase
        class A(unittest.TestCase):
            def test_a(self): ...
            def setUp(self): ...
        class B(TestCase):
            def test_b(self): ...
        class C(unittest.IsolatedAsyncioTestCase):
            async def test_c(self): ...
    """
    assert ids(text) == ["A::test_a", "B::test_b", "C::test_c"]
    assert not suite(text).asynchronous


def test_inherited_tests_belong_to_each_class() -> None:
    text = """
        class Shared:
            def test_a(self): ...
        class TestOne(Shared):
            def test_b(self): ...
        class TestTwo(TestOne): ...
    """
    assert sorted(ids(text)) == ["TestOne::test_a", "TestOne::test_b", "TestTwo::test_a", "TestTwo::test_b"]


def test_a_class_with_a_base_from_elsewhere_may_have_more_tests() -> None:
    found = suite("from base import TestBase\nclass TestA(TestBase):\n    def test_a(self): ...")
    assert found.open_classes == (f"{PATH}::TestBase", f"{PATH}::TestA")


def test_what_pytest_passes_over_is_not_expected() -> None:
    text = """
        import pytest
        @pytest.fixture
        def test_data(): ...
        class TestA:
            def __init__(self): ...
            def test_a(self): ...
        class TestB:
            __test__ = False
            def test_b(self): ...
    """
    assert ids(text) == []


@pytest.mark.parametrize(
    ("head", "decorator"),
    [
        ("import pytest", "pytest.mark.usefixtures('env')"),
        ("def load_fixture(name): return lambda test: test", "load_fixture('x')"),
        ("import factory", "factory.fixture"),
    ],
)
def test_a_test_that_only_uses_a_fixture_is_a_test(head: str, decorator: str) -> None:
    assert ids(f"{head}\n@{decorator}\ndef test_a(): ...") == ["test_a"]


@pytest.mark.parametrize(
    ("head", "decorator"),
    [
        ("import pytest as pt", "pt.fixture(scope='module')"),
        ("from pytest import fixture", "fixture"),
        ("from pytest import fixture as given", "given()"),
        ("from pytest import *", "fixture"),
        ("import pytest\nonce = pytest.fixture", "once(scope='module')"),
        ("import pytest_asyncio", "pytest_asyncio.fixture"),
    ],
)
def test_a_fixture_is_none_under_whatever_name(head: str, decorator: str) -> None:
    assert ids(f"{head}\n@{decorator}\ndef test_a(): ...") == []


def test_what_the_nearest_class_says_of_being_a_test_holds() -> None:
    text = """
        class TestShared:
            __test__ = False
            def test_a(self): ...
        class TestTwo(TestShared):
            __test__ = True
        class Named(TestShared):
            __test__: bool = True
        class TestNot(TestTwo):
            __test__ = False
    """
    assert ids(text) == ["TestTwo::test_a", "Named::test_a"]


@pytest.mark.parametrize(
    "head",
    ["from unittest import TestCase as Case", "import unittest as u\nCase = u.TestCase", "import unittest as Case"],
)
def test_a_class_of_unittest_is_known_by_another_name(head: str) -> None:
    base = "Case.TestCase" if head.endswith("as Case") and "from" not in head else "Case"
    found = suite(f"{head}\nclass Adds({base}):\n    def test_a(self): ...")
    assert [test.id for test in found.tests] == [f"{PATH}::Adds::test_a"]
    assert not found.open_classes


def test_tests_under_a_condition_and_imported_ones_may_be_absent() -> None:
    text = """
        from other import test_b, helper
        if True:
            def test_a(): ...
        else:
            def test_c(): ...
        test_d = make()
        def test_e(): ...
    """
    assert {test.id.rpartition("::")[2]: test.optional for test in suite(text).tests} == {
        "test_a": True, "test_b": True, "test_c": True, "test_d": True, "test_e": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\n@pytest.mark.skip\ndef test_a(): ...",
        "import pytest\n@pytest.mark.skipif(1, reason='x')\ndef test_a(): ...",
        "import pytest\n@pytest.mark.xfail\nclass TestA:\n    def test_a(self): ...",
        "import unittest\nclass A(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_a(self): ...",
        "import pytest\npytestmark = [pytest.mark.skip]\ndef test_a(): ...",
        "import pytest\nclass TestA:\n    pytestmark = pytest.mark.skip\n    def test_a(self): ...",
    ],
)
def test_only_its_author_may_have_a_test_skipped(text: str) -> None:
    assert [test.may_skip for test in suite(text).tests] == [True]


def test_a_test_without_a_mark_may_not_be_skipped() -> None:
    assert [test.may_skip for test in suite("def test_skips():\n    pytest.skip()").tests] == [False]


def test_variants_belong_to_their_function() -> None:
    test = suite("def test_a(x): ...").tests[0]
    assert test.covers(f"{PATH}::test_a[1-[x]]")
    assert test.covers(f"{PATH}::test_a")
    assert not test.covers(f"{PATH}::test_ab")


def test_a_coroutine_needs_a_plugin() -> None:
    assert suite("async def test_a(): ...").asynchronous


def test_files_of_tests_are_known_by_their_names() -> None:
    paths = ["a/test_a.py", "b_test.py", "conftest.py", "tests/data.json", "helpers.py", "test.py"]
    assert files_with_tests(paths) == ("a/test_a.py", "b_test.py")


def test_a_file_that_cannot_be_parsed_is_named() -> None:
    with pytest.raises(SyntaxError) as error:
        expected({PATH: "def test_a(:"})
    assert error.value.filename == PATH
