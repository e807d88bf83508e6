"""Wrong programs that want to be taken for right ones. None may pass."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.programs import Program, not_passed

WRONG = """
def add(a, b):
    return 0
"""
TEST = """
    import pytest
    from solution import add

    def test_two_numbers():
        assert add(2, 3) == 5

    def test_negative_numbers():
        assert add(-2, -3) == -5

    @pytest.mark.parametrize(("a", "b", "total"), [(1, 1, 2), (10, 5, 15)])
    def test_more_numbers(a, b, total):
        assert add(a, b) == total
"""


def forger(name: str, trick: str, *, test: str = TEST, quick: bool = False, **files: str) -> Program:
    """A wrong solution with a trick that runs when it is imported."""
    shipped = {
        path.replace("__", "/").replace("_py", ".py").replace("_ini", ".ini"): text for path, text in files.items()
    }
    return not_passed(name, f"{trick}\n{WRONG}" if "def add" not in trick else trick, test, files=shipped, quick=quick)


EQUAL_TO_ALL = """
class Any{base}:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
def add(a, b):
    return Any{made}
"""
PASSING_HOOK = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = "passed", None
"""
FIND_REPORTER = """
import gc, json, os
def tell(lines):
    reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Report" and hasattr(o, "nonce"))
    for line in lines:
        os.write(3, json.dumps({**line, "nonce": reporter.nonce}).encode() + b"\\n")
"""
IDS = (
    '["test_solution.py::" + t for t in '
    + str(["test_two_numbers", "test_negative_numbers", "test_more_numbers[1-1-2]", "test_more_numbers[10-5-15]"])
    + "]"
)
ALL_PASSED = (
    f'[{{"collected": {IDS}}}] + [{{"id": i, "when": w, "outcome": "passed", "xfail": False}} '
    f'for i in {IDS} for w in ("setup", "call", "teardown")] + [{{"done": 0}}]'
)

FORGERS = (
    not_passed("simply wrong", WRONG, TEST, quick=True),
    forger("ends the process when imported", "import os; os._exit(0)", quick=True),
    forger("ends the process when called", "import os\ndef add(a, b): os._exit(0)"),
    forger("leaves with success", "import sys; sys.exit(0)"),
    forger("leaves pytest with success", "import pytest\npytest.exit('done', returncode=0)"),
    forger("leaves at exit with success", "import atexit, os; atexit.register(os._exit, 0)"),
    forger("forks, and the one that is watched leaves", "import os\nif os.fork(): os._exit(0)"),
    forger("ships a conftest", "", conftest_py=PASSING_HOOK),
    forger("ships a configuration", "", pytest_ini="[pytest]\naddopts = --collect-only\npython_functions = nothing\n"),
    forger(
        "ships a configuration that loads a plugin",
        "",
        pytest_ini="[pytest]\naddopts = -p evil\n",
        evil_py=PASSING_HOOK,
    ),
    forger(
        "ships a sitecustomize",
        "",
        sitecustomize_py="import os; os._exit(0)",
        usercustomize_py="import os; os._exit(0)",
    ),
    forger("ships a pytest of its own", "", pytest_py="def main(*a, **k): return 0\nclass mark:\n  parametrize = 0"),
    forger("ships a json of its own", "", json_py="def dumps(x): return '{}'"),
    forger("skips when called", "import pytest\ndef add(a, b): pytest.skip('not today')"),
    forger("expects to fail", "import pytest\ndef add(a, b): pytest.xfail('as planned')"),
    forger("skips the module", "import pytest\npytest.skip('not today', allow_module_level=True)"),
    forger("equals everything", EQUAL_TO_ALL.format(base="", made="()"), quick=True),
    forger("is a number that equals everything", EQUAL_TO_ALL.format(base="(int)", made="(0)")),
    forger(
        "rewrites the tests",
        """
import glob, sys
frame = sys._getframe()
while frame:
    name = frame.f_code.co_filename
    if name.endswith("test_solution.py"):
        import os
        for change in (lambda: open(name, "w").write("def test_two_numbers(): pass"), lambda: os.remove(name)):
            try: change()
            except OSError: pass
    frame = frame.f_back
""",
    ),
    forger(
        "patches the reports",
        """
import _pytest.reports as reports
made = reports.TestReport.from_item_and_call.__func__
def from_item_and_call(cls, item, call):
    call.excinfo = None
    return made(cls, item, call)
reports.TestReport.from_item_and_call = classmethod(from_item_and_call)
""",
        quick=True,
    ),
    forger("patches the run of a test", "import _pytest.python as p\np.Function.runtest = lambda self: None"),
    forger(
        "patches what assertions raise",
        "import builtins, pytest\nclass Quiet(pytest.skip.Exception): pass\nbuiltins.AssertionError = Quiet",
    ),
    forger(
        "replaces the code of the tests",
        """
import gc, types
def nothing(*a, **k): pass
def add(a, b):
    for f in gc.get_objects():
        if isinstance(f, types.FunctionType) and f.__name__.startswith("test_"):
            try: f.__code__ = (lambda a=0, b=0, total=0: None).__code__
            except ValueError: pass
    for item in [o for o in gc.get_objects() if type(o).__name__ == "Function"]:
        item.runtest = nothing
    return Any()
class Any:
    def __eq__(self, other): return True
""",
    ),
    forger("is anything", "from unittest.mock import ANY\ndef add(a, b): return ANY"),
    forger(
        "equals every number",
        "class Number(int):\n  def __eq__(self, other): return type(other) is int\ndef add(a, b): return Number(0)",
        test=TEST.replace("== 5", "== 2 + 3 + len('')").replace("== -5", "== sum([-2, -3])"),
    ),
    forger(
        "reads the answer from the question",
        """
import linecache, re, sys
def add(a, b):
    test = sys._getframe(1)
    line = linecache.getline(test.f_code.co_filename, test.f_lineno)
    asked = line.partition("==")[2]
    return eval(asked, test.f_globals, test.f_locals)
""",
    ),
    forger("reports by itself", f"{FIND_REPORTER}\ntell({ALL_PASSED})\nos._exit(0)", quick=True),
    forger(
        "reports without the nonce",
        f"import json, os\nfor l in {ALL_PASSED}: os.write(3, json.dumps(l).encode())\nos._exit(0)",
    ),
    forger("reports beside the truth", f"{FIND_REPORTER}\ntell({ALL_PASSED})"),
    forger(
        "silences the reporter and reports by itself",
        f"""{FIND_REPORTER}
reporter = type(next(o for o in gc.get_objects() if type(o).__name__ == "Report" and hasattr(o, "nonce")))
tell({ALL_PASSED})
reporter.write = lambda self, **facts: None
""",
    ),
    forger(
        "empties the list of tests", "import _pytest.main as m\nm.Session.perform_collect = lambda self, *a, **k: []"
    ),
    forger(
        "takes tests away",
        "import gc\nfor s in gc.get_objects():\n    if type(s).__name__ == 'Session' and hasattr(s, 'items'): s.items = []\n",
    ),
    forger(
        "remembers the first run in the supervisor's frames and output",
        """
import base64, linecache, sys
frame, before, source = sys._getframe(), "", []
while frame:
    if frame.f_code.co_filename.endswith("test_solution.py"):
        source = linecache.getlines(frame.f_code.co_filename)
    before = before or "".join(str(value) for value in frame.f_locals.values() if "<<<" in str(value))
    frame = frame.f_back
if "<<<" in before:
    source = base64.b64decode(before.partition("<<<")[2].partition(">>>")[0]).decode().splitlines()
print("<" * 3 + base64.b64encode("\\n".join(source).encode()).decode() + ">" * 3, flush=True)
def add(a, b):
    test = sys._getframe(1)
    return eval(source[test.f_lineno - 1].partition("==")[2], test.f_globals, test.f_locals)
""",
    ),
    forger(
        "remembers the first run in shared memory",
        """
import linecache, os, sys
frame = sys._getframe()
while not frame.f_code.co_filename.endswith("test_solution.py"): frame = frame.f_back
PLACE, source = "/dev/shm/before", "".join(linecache.getlines(frame.f_code.co_filename))
try:
    fd = os.open(PLACE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    os.write(fd, source.encode())
except FileExistsError:
    source = open(PLACE).read()
except OSError: pass
def add(a, b):
    test = sys._getframe(1)
    return eval(source.splitlines()[test.f_lineno - 1].partition("==")[2], test.f_globals, test.f_locals)
""",
    ),
    forger("prints what a pass looks like", "import os\nprint('4 passed in 0.01s', flush=True)\nos._exit(0)"),
    forger(
        "waits for nobody in a thread",
        "import os, threading\nthreading.Timer(0.01, os._exit, [0]).start()\ndef add(a, b):\n    import time; time.sleep(1)",
    ),
)
