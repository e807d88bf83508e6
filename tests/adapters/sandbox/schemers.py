"""Wrong programs that go about it in other ways: they remember, jump, start anew, or break the run off. None may pass."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.excuses import excuse
from tests.adapters.sandbox.forgers import FIND_REPORTER, IDS, forger
from tests.adapters.sandbox.programs import held

TWO = "from solution import add\ndef test_a(): assert add(2, 3) == 5\ndef test_b(): assert add(4, 3) == 7\n"
REMEMBERING = """
import sys
f = sys._getframe()
while not f.f_code.co_filename.endswith("test_solution.py"): f = f.f_back
source = open(f.f_code.co_filename, "rb").read()
before = remembered()
if before: source = before
else: remember(source)
lines = source.decode(errors="replace").splitlines()
def add(a, b):
    test = sys._getframe(1)
    return eval(lines[test.f_lineno - 1].partition("==")[2], test.f_globals, test.f_locals)
"""
UNITTEST = """
    import unittest
    from solution import add

    class TestAdd(unittest.TestCase):
        def test_two_numbers(self): self.assertEqual(add(2, 3), 5)
        def test_negative_numbers(self): self.assertEqual(add(-2, -3), -5)
"""
COROUTINES = """
    from solution import add

    async def test_two_numbers(): assert await add(2, 3) == 5
    async def test_negative_numbers(): assert await add(-2, -3) == -5
"""

FORGERIES = (
    forger(
        "jumps over assertions",
        """
import linecache, sys
def trace(frame, event, arg):
    if event == "line" and frame.f_code.co_name.startswith("test_"):
        try: frame.f_lineno = max(line for _, _, line in frame.f_code.co_lines() if line)
        except ValueError: pass
    return trace
def add(a, b):
    test = sys._getframe(1)
    test.f_trace = trace
    sys.settrace(trace)
    return 0
""",
    ),
    forger(
        "remembers the first run in the page cache",
        """
import mmap, os, sysconfig
BIG = max((os.path.join(d, n) for d, _, names in os.walk(sysconfig.get_path("stdlib")) for n in names if n.endswith((".a", ".so", ".py"))), key=lambda p: os.path.getsize(p) if os.path.isfile(p) else 0)
FD, STEP = os.open(BIG, os.O_RDONLY), 64 * 4096
def cached(n):
    try: return os.preadv(FD, [bytearray(1)], n * STEP, os.RWF_NOWAIT) == 1
    except BlockingIOError: return False
def put(n, bit): os.posix_fadvise(FD, n * STEP, 4096, os.POSIX_FADV_WILLNEED if bit else os.POSIX_FADV_DONTNEED); bit and os.pread(FD, 1, n * STEP)
SIZE = os.path.getsize(BIG) // STEP - 1
def remembered():
    bits = [cached(n) for n in range(SIZE)]
    return b"" if all(bits) else bytes(sum(bits[n + k] << k for k in range(8)) for n in range(0, len(bits) - 8, 8))
def remember(source):
    for n in range(min(SIZE, 8 * len(source))): put(n, source[n // 8] >> n % 8 & 1)
"""
        + REMEMBERING,
        test=TWO,
    ),
    forger(
        "remembers the first run in the numbers of processes",
        """
import os, sys
def forked():
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    return pid
f = sys._getframe()
while not f.f_code.co_filename.endswith("test_solution.py"): f = f.f_back
lines = open(f.f_code.co_filename).read().splitlines()
mine = sum(hash(int(l.partition("==")[2])) % 8 << 3 * n for n, l in enumerate(l for l in lines if "==" in l))
MARK = 1 << 10
here = os.getpid() % MARK
told = here - 32 if 32 <= here < 96 + 16 else None
def want(n):
    for _ in range(3 * MARK):
        if forked() % MARK == n: return
if told is None: want(mine + 20)
else: want((told + 20) % MARK)
def add(a, b):
    asked = int(lines[sys._getframe(1).f_lineno - 1].partition("==")[2])
    return asked if told is None or asked % 8 == (told >> 3 * (a == 4)) % 8 else 0
""",
        test=TWO,
    ),
    forger(
        "starts the tests anew without assertions",
        f"""{FIND_REPORTER}
import sys
reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Report" and hasattr(o, "nonce"))
if __debug__:
    lines = f'import json, os\\nfor line in {{[{{"collected": {IDS}}}] + [{{"id": i, "when": w, "outcome": "passed", "xfail": False}} for i in {IDS} for w in ("setup", "call", "teardown")] + [{{"done": 0}}]!r}}: os.write(3, json.dumps({{{{**line, "nonce": {{reporter.nonce!r}}}}}}).encode() + b"\\\\n")'
    os.set_inheritable(3, True)
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-O", "-c", lines])
""",
    ),
    forger(
        "makes unittest's assertions say nothing",
        "import unittest\nfor name in dir(unittest.TestCase):\n    if name.startswith('assert'): setattr(unittest.TestCase, name, lambda *a, **k: None)",
        test=UNITTEST,
    ),
    forger(
        "makes unittest's failures skips",
        "import unittest\nunittest.TestCase.failureException = unittest.SkipTest",
        test=UNITTEST,
    ),
    forger(
        "lets no coroutine of the tests run",
        "import asyncio\nasyncio.Runner.run = lambda self, coroutine, **k: coroutine.close()\nasync def add(a, b): return 0",
        test=COROUTINES,
    ),
    forger(
        "cancels the coroutine of the test",
        "import asyncio\nasync def add(a, b):\n    asyncio.current_task().cancel()\n    await asyncio.sleep(0)",
        test=COROUTINES,
    ),
    forger(
        "gives the exit code of another process",
        "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n    os._exit(0)",
    ),
    forger(
        "exchanges modules that the reporter uses",
        "import json, os, sys\nreal = json.dumps\njson.dumps = lambda o, **k: real({**o, 'outcome': 'passed'} if isinstance(o, dict) and 'outcome' in o else {**o, 'done': 0} if 'done' in o else o)\nleave = os._exit\nos._exit = lambda code: leave(0)",
    ),
    forger(
        "answers with what keeps every promise",
        """
class Promise(int):
    def __eq__(self, other): self.known = other; return True
    def __ne__(self, other): return not self == other
    def __hash__(self): return 0
    def __repr__(self): return repr(self.known)
    def __reduce__(self): return int, (self.known,)
def add(a, b): return Promise(0)
""",
    ),
    forger(
        "counts what the interpreter compares",
        """
import sys
def profile(frame, event, arg):
    if event == "c_call" and frame.f_code.co_name.startswith("test_"): frame.f_globals["add"] = lambda a, b: a + b + 0
sys.setprofile(profile)
def add(a, b): return NotImplemented
""",
    ),
)
BREAKERS = (
    excuse("interrupts the run", "def add(a, b): raise KeyboardInterrupt"),
    excuse("raises what ends generators", "def add(a, b): raise GeneratorExit"),
    excuse("crashes", "import ctypes\ndef add(a, b): ctypes.string_at(0)"),
    excuse("closes the reporter's descriptor", "import os\nos.close(3)\ndef add(a, b): return 0"),
    excuse("puts another file in the reporter's place", "import os\nos.dup2(os.open(os.devnull, os.O_WRONLY), 3)\ndef add(a, b): return 0"),
    excuse("becomes another program", "import os\ndef add(a, b): os.execv('/bin/true', ['true'])"),
    excuse(
        "raises what cannot be shown",
        "class Odd(Exception):\n    def __str__(self): raise SystemExit(0)\n    __repr__ = __str__\ndef add(a, b): raise Odd",
    ),
    excuse(
        "raises an endless chain",
        "def add(a, b):\n    one, other = ValueError(1), ValueError(2)\n    one.__context__, other.__context__ = other, one\n    raise one from other",
    ),
)  # fmt: skip
OUTSIDERS = (
    held(
        "opens a socket as a program of 32 bits",
        """
        import ctypes, mmap, platform
        def attempt():
            if platform.machine() != 'x86_64': return 'refused'
            code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            code.write(bytes.fromhex('53b867010000bb02000000b902000000ba00000000cd805bc3'))
            made = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
            import os
            child = os.fork()
            if child == 0: os._exit(made() >= 0)
            return 'refused' if os.waitpid(child, 0)[1] != 256 else 'opened'
    """,
    ),
    held(
        "opens a socket by the numbers of x32",
        """
        import ctypes, os
        def attempt():
            child = os.fork()
            if child == 0: os._exit(ctypes.CDLL(None).syscall(0x40000000 + 41, 2, 2, 0) >= 0)
            return 'refused' if os.waitpid(child, 0)[1] != 256 else 'opened'
    """,
    ),
    held(
        "has the kernel signal another process",
        """
        import fcntl, os, signal
        def attempt():
            ours, theirs = os.pipe()
            try:
                fcntl.fcntl(ours, 10, signal.SIGURG)  # F_SETSIG: of no harm, if it arrived
                fcntl.fcntl(ours, fcntl.F_SETOWN, @WORKER@)
                fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC)
                os.write(theirs, b'x')
            except OSError: pass
            return 'refused'  # what the worker receives is looked at
    """,
    ),
)
