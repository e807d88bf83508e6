"""Wrong programs that want it to be somebody else's fault. Each has failed."""

from tests.adapters.sandbox.forgers import FIND_REPORTER, TEST, WRONG
from tests.adapters.sandbox.programs import Program


def excuse(name: str, solution: str, **more: object) -> Program:
    """A wrong solution."""
    return Program(name, solution, TEST, ("failed",), **more)  # type: ignore[arg-type]


EXCUSES = (
    excuse(
        "raises what pytest raises for a fixture",
        "class FixtureLookupError(Exception): pass\ndef add(a, b): raise FixtureLookupError('no')",
    ),
    excuse(
        "raises pytest's own error for a fixture",
        "from _pytest.fixtures import FixtureLookupError\n"
        "def add(a, b):\n    error = FixtureLookupError.__new__(FixtureLookupError)\n    error.argname = 'a'\n"
        "    error.msg = None\n    raise error",
    ),
    excuse(
        "reports that pytest is missing", f"{FIND_REPORTER}\ntell([{{'missing': 'anything'}}])\n{WRONG}", quick=True
    ),
    excuse(
        "raises in the tests' name that a module is missing",
        """
        import sys
        f = sys._getframe()
        while not f.f_code.co_filename.endswith("test_solution.py"): f = f.f_back
        exec(compile("raise ModuleNotFoundError('x', name='zzz')", f.f_code.co_filename, "exec"))
    """,
    ),
    excuse(
        "raises in the tests' name that pytest is missing",
        """
        import sys
        f = sys._getframe()
        while not f.f_code.co_filename.endswith("test_solution.py"): f = f.f_back
        exec(compile("raise ModuleNotFoundError('x', name='pytest')", f.f_code.co_filename, "exec"))
    """,
    ),
    excuse("kills itself", "import os\ndef add(a, b): os.kill(os.getpid(), 9)", quick=True, signals=True),
    excuse(
        "floods the report",
        """
        import gc
        reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Report" and hasattr(o, "nonce"))
        def add(a, b):
            reporter.write(broke="test_solution.py::test_two_numbers", message="A" * 3000000, absent="", in_tests=False,
                denied="", fixture="")
            for n in range(20000): reporter.write(id=f"x\\ud800{n}", when="call", outcome="failed", xfail=False)
            raise ValueError
    """,
    ),
)
