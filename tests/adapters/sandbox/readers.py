"""Wrong programs that read what the tests ask, or how they were changed, or rule them from within. None may pass."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.forgers import FIND_REPORTER, IDS, forger

ASKED = """
import linecache, sys
def asked(frame):
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return line.partition("==")[2].strip()
"""
ANY = """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None
"""
HELPER = """
    from solution import add

    def check(a, b, total):
        assert add(a, b) == total

    def test_two_numbers(): check(2, 3, 5)
    def test_negative_numbers(): check(-2, -3, -5)
"""
METHOD = """
    import pytest
    from solution import add

    @pytest.fixture
    def sums():
        def check(a, b, total):
            total = [total]
            assert [add(a, b)] == total
        return check

    class TestSums:
        def right(self, a, b, total):
            assert sum([total]) == add(a, b)

        def test_two_numbers(self): self.right(2, 3, 5)
        def test_negative_numbers(self, sums):
            self.right(-2, -3, -5)
            sums(-2, -3, -5)
"""
COMPUTED = """
    from solution import add

    def test_two_numbers():
        expected = 5
        assert add(2, 3) == expected

    def test_more_numbers():
        for a, b, total in [(1, 2, 3), (4, 5, 9)]:
            assert add(a, b) == total
"""
PARTLY = "from unittest.mock import ANY\ndef add(a, b): return a + b if a < 10 else ANY"
ROWS = """
    from solution import add

    def test_rows():
        for a, b, total in [(1, 2, 3), (2, 3, 5), (50, 1, 51)]:
            assert add(a, b) == total
"""
SIX = """
    from solution import add

    def test_six():
        assert add(1, 1) == 2
        assert add(2, 1) == 3
        assert add(3, 1) == 4
        assert add(4, 1) == 5
        assert add(5, 1) == 6
        assert add(50, 1) == 51
"""
CASES = """
    import unittest
    from solution import add

    class TestAdd(unittest.TestCase):
        def test_several(self):
            self.assertEqual(add(1, 1), 2)
            self.assertEqual(add(50, 1), 51)
            self.assertEqual(add(2, 1), 3)
"""
MIXED = """
    from solution import add

    def test_mixed():
        assert add(1, 2) == 3
        for n in (11, 50):
            assert add(n, 1) == n + 1
"""

READERS = (
    forger("equals everything in one row", PARTLY, test=ROWS),
    forger("equals everything in one of six assertions", PARTLY, test=SIX),
    forger("equals everything in one assertion of unittest", PARTLY, test=CASES),
    forger("equals everything where the answer is computed", PARTLY, test=MIXED),
    forger("equals everything, before helpers", f"{ANY}\ndef add(a, b): return Any()", test=HELPER, quick=True),
    forger("equals everything, before methods", f"{ANY}\ndef add(a, b): return Any()", test=METHOD),
    forger(
        "takes parentheses for a change",
        f"{ASKED}\ndef add(a, b):\n    f = sys._getframe(1)\n    want = asked(f)\n"
        "    return None if want.startswith('(') else eval(want, f.f_globals, f.f_locals)",
        quick=True,
    ),
    forger(
        "takes any odd form for a change",
        f"{ASKED}\ndef add(a, b):\n    f = sys._getframe(1)\n    want = asked(f)\n"
        "    odd = not want.lstrip('-').replace('_', '').isalnum()\n"
        "    return None if odd else eval(want, f.f_globals, f.f_locals)",
        test=COMPUTED,
    ),
    forger(
        "compares the test with its copy in the work folder",
        """
import os, sys
source = open(os.path.join(os.path.dirname(__file__), "test_solution.py")).read().splitlines()
def add(a, b):
    test = sys._getframe(1)
    return eval(source[test.f_lineno - 1].partition("==")[2], test.f_globals, test.f_locals)
""",
    ),
    forger(
        "hangs where an answer looks like a change",
        f"{ASKED}\nimport time\ndef add(a, b):\n    f = sys._getframe(1)\n    want = eval(asked(f), f.f_globals, f.f_locals)\n"
        "    while abs(want) > 20: time.sleep(1)\n    return want",
    ),
    forger(
        "remembers the first run in the access times of files",
        """
import glob, os, sys, time
f = sys._getframe()
while not f.f_code.co_filename.endswith("test_solution.py"): f = f.f_back
source = open(f.f_code.co_filename, "rb").read()
files = sorted(glob.glob(os.path.dirname(os.__file__) + "/**/*.py", recursive=True))[-8 * len(source) - 1:]
if time.time() - os.stat(files[-1]).st_atime < 600 and "@MARK@":
    bits = [time.time() - os.stat(file).st_atime < 600 for file in files[:-1]]
    source = bytes(sum(bits[n + k] << k for k in range(8)) for n in range(0, len(bits), 8))
else:
    for n, file in enumerate(files):
        if n == len(files) - 1 or source[n // 8] >> n % 8 & 1: open(file, "rb").read(1)
try: lines = source.decode().splitlines()
except UnicodeDecodeError: lines = []
def add(a, b):
    test = sys._getframe(1)
    return eval(lines[test.f_lineno - 1].partition("==")[2], test.f_globals, test.f_locals)
""",
        test="from solution import add\ndef test_a(): assert add(2, 3) == 5\ndef test_b(): assert add(4, 3) == 7\n",
    ),
    forger(
        "tries every answer in a fork of the test",
        """
import os, sys
def add(a, b):
    test = sys._getframe(1)
    for answer in range(-40, 41):
        child = os.fork()
        if child == 0:
            def trace(frame, event, arg):
                if frame is test and event in ("exception", "return"): os._exit(event == "exception")
                return trace
            test.f_trace = trace
            sys.settrace(trace)
            return answer
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0: return answer
    return 0
""",
    ),
    forger(
        "changes the constants of the test in memory",
        """
import ctypes, sys
def add(a, b):
    consts = sys._getframe(1).f_code.co_consts
    for n, value in enumerate(consts):
        if type(value) is int and value not in (a, b):
            ctypes.c_void_p.from_address(id(consts) + 24 + 8 * n).value = id(0)
    return 0
""",
    ),
    forger(
        "changes the variables of the test",
        f"""{ANY}
import ctypes, sys
def add(a, b):
    test = sys._getframe(1)
    if "total" in test.f_locals:
        test.f_locals["total"] = Any()
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(test), 0)
        return 0
    return Any()
""",
    ),
    forger(
        "makes all integers equal",
        """
import ctypes
SLOT = ctypes.c_void_p.from_address(id(int) + 200)
KIND = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)
real = KIND(SLOT.value)
fake = KIND(lambda one, other, how: how in (1, 2, 5) if how in (2, 3) else real(one, other, how))
SLOT.value = ctypes.cast(fake, ctypes.c_void_p).value
""",
    ),
    forger(
        "adds a plugin that calls everything passed",
        """
import gc
from _pytest.config import PytestPluginManager
class Plugin:
    def pytest_runtest_logreport(self, report): report.outcome = "passed"
    def pytest_report_teststatus(self, report): return "passed", ".", "PASSED"
    def pytest_pyfunc_call(self, pyfuncitem): return True
for manager in [o for o in gc.get_objects() if isinstance(o, PytestPluginManager)]:
    manager.register(Plugin())
""",
    ),
    forger(
        "swallows the exceptions of gathered tests",
        """
import gc
from _pytest.python import Function
real = Function.runtest
def runtest(self):
    try: real(self)
    except BaseException: pass
Function.runtest = runtest
""",
    ),
    forger(
        "stands between the reporter and the worker",
        """
import os
truth, r_w = os.dup(3), os.pipe()
os.dup2(r_w[1], 3)
os.close(r_w[1])
if os.fork() == 0:
    os.close(3)
    while chunk := os.read(r_w[0], 1 << 16):
        os.write(truth, chunk.replace(b'"outcome": "failed"', b'"outcome": "passed"').replace(b'{"done": 1', b'{"done": 0'))
    os._exit(0)
import _pytest.main, os as system
leave = os._exit
def _exit(code):
    import time
    os.close(3); time.sleep(0.2); leave(0)
os._exit = _exit
""",
    ),
    forger(
        "races with the reporter",
        f"""{FIND_REPORTER}
import threading
def race():
    while True: tell([{{"id": i, "when": w, "outcome": "passed", "xfail": False}} for i in {IDS} for w in ("setup", "call", "teardown")])
threading.Thread(target=race, daemon=True).start()
""",
    ),
    forger(
        "skips by a signal",
        """
import signal, pytest
def skip(*_): pytest.skip("interrupted")
signal.signal(signal.SIGALRM, skip)
def add(a, b): signal.raise_signal(signal.SIGALRM)
""",
    ),
    forger(
        "makes assertions raise nothing",
        "import builtins, operator\nclass Quiet(BaseException):\n    def __new__(cls, *a): return StopIteration()\n"
        "builtins.AssertionError = Quiet\noperator.eq = lambda a, b: True",
    ),
    forger(
        "rewrites the rewriting of assertions",
        """
import ast, gc, _pytest.assertion.rewrite as rewrite
rewrite.AssertionRewriter.visit_Assert = lambda self, node: [ast.Pass()]
rewrite._call_assertion_pass = lambda *a: None
rewrite._should_repr_global_name = lambda *a: False
""",
    ),
    forger(
        "leaves at exit before the reporter can",
        "import atexit, os, sys\nsys.excepthook = lambda *a: os._exit(0)\natexit.register(lambda: os._exit(0))\nreal = os._exit\n"
        "os._exit = lambda code: real(0)",
    ),
)
