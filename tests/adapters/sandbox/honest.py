"""Honest programs, each of which must get the verdict that is its due."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.programs import Program


def honest(name: str, solution: str, test: str, **more: object) -> Program:
    """A right program."""
    return Program(name, solution, test, ("passed",), **more)  # type: ignore[arg-type]


HONEST = (
    honest(
        "adds",
        "def add(a, b): return a + b",
        """
        from solution import add
        def test_add():
            assert add(2, 3) == 5
    """,
        quick=True,
    ),
    Program(
        "simply wrong",
        "def add(a, b): return a - b",
        """
        from solution import add
        def test_add():
            assert add(2, 3) == 5
        def test_zero():
            assert add(2, 0) == 2
    """,
        ("failed",),
        says="test_add",
        quick=True,
    ),
    honest(
        "threads",
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        def total(numbers):
            with ThreadPoolExecutor(8) as pool: return sum(pool.map(lambda n: n * n, numbers))
    """,
        """
        from solution import total
        def test_total():
            assert total(range(100)) == 328350
    """,
    ),
    honest(
        "starts programs",
        """
        import os, subprocess, sys
        def shout(text):
            done = subprocess.run([sys.executable, "-c", "import sys; print(sys.stdin.read().upper())"],
                input=text, capture_output=True, text=True, check=True)
            return done.stdout.strip()
        def shell(): return subprocess.check_output("echo $((6*7)) | tr -d '\\\\n'", shell=True, text=True)
        def slow():
            child = subprocess.Popen(["sleep", "60"]); child.terminate(); return child.wait(5)
    """,
        """
        import signal
        from solution import shell, shout, slow
        def test_shout(): assert shout("ab") == "AB"
        def test_shell(): assert shell() == "42"
        def test_slow(): assert slow() == -signal.SIGTERM
    """,
        signals=True,
    ),
    honest(
        "temporary files",
        """
        import os, shutil, tempfile
        from pathlib import Path
        def copies(text):
            with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+") as file:
                file.write(text); file.flush()
                shutil.copy2(file.name, f"{folder}/copy")
                os.replace(f"{folder}/copy", "here.txt")
            return Path("here.txt").read_text()
    """,
        """
        from pathlib import Path
        from solution import copies
        def test_copies(tmp_path):
            (tmp_path / "a").mkdir()
            assert copies("text") == "text"
            assert not Path("there.txt").exists()
        def test_files_of_one_test_are_there_in_the_next():
            assert Path("here.txt").exists()
    """,
    ),
    honest(
        "asyncio",
        """
        import asyncio
        async def gather(n):
            async def one(i):
                await asyncio.sleep(0.001)
                return i
            return await asyncio.gather(*(one(i) for i in range(n)))
        async def program():
            process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
            return (await process.communicate())[0]
        async def thread(): return await asyncio.to_thread(sum, [1, 2])
    """,
        """
        import asyncio, unittest
        from solution import gather, program, thread
        def test_gather(): assert asyncio.run(gather(5)) == [0, 1, 2, 3, 4]
        def test_program(): assert asyncio.run(program()) == b"hi\\n"
        class OfUnittest(unittest.IsolatedAsyncioTestCase):
            async def test_thread(self): self.assertEqual(await thread(), 3)
    """,
    ),
    honest(
        "coroutines as tests",
        "async def double(n): return 2 * n",
        """
        import pytest
        from solution import double
        async def test_double(): assert await double(4) == 8
        @pytest.mark.parametrize("n", [1, 2])
        async def test_each(n): assert await double(n) == n + n
    """,
    ),
    Program(
        "multiprocessing",
        """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        def square(n): return n * n
        def squares(n):
            with multiprocessing.Pool(2) as pool: return pool.map(square, range(n))
        def futures(n):
            with ProcessPoolExecutor(2) as pool: return list(pool.map(square, range(n)))
        def queue():
            q = multiprocessing.Queue(); p = multiprocessing.Process(target=q.put, args=(7,)); p.start()
            got = q.get(timeout=10); p.join(); return got
    """,
        """
        from solution import futures, queue, squares
        def test_pool(): assert squares(4) == [0, 1, 4, 9]
        def test_futures(): assert futures(3) == [0, 1, 4]
        def test_queue(): assert queue() == 7
    """,
        ("passed", "unverified"),
        limits={"wall_s": 30},
    ),
    honest(
        "unicode",
        "def greet(name): return f'Grüß Gott, {name} 👋'",
        """
        import sys
        from pathlib import Path
        from solution import greet
        def test_grüße():
            assert greet("Ærøskøbing") == "Grüß Gott, Ærøskøbing 👋"
        def test_print(capsys):
            print(greet("日本"))
            assert "日本" in capsys.readouterr().out
        def test_file_names():
            Path("päth-日本.txt").write_text("ü", encoding="utf-8")
            assert Path("päth-日本.txt").read_text(encoding="utf-8") == "ü"
            print("naïve – ok", file=sys.stderr)
    """,
    ),
    honest(
        "a package with relative imports",
        "from pkg import area\nfrom pkg.shapes.square import side",
        """
        from pkg.shapes import square
        from solution import area, side
        def test_area(): assert area(3) == 9
        def test_side(): assert side(9) == 3.0
        def test_data(): assert square.NAME == "square"
    """,
        files={
            "pkg/__init__.py": "from .shapes.square import area\n",
            "pkg/shapes/__init__.py": "",
            "pkg/shapes/square.py": "from .. import shapes\nfrom . import names\nNAME = names.NAME\n"
            "def area(n): return n * n\ndef side(a): return a ** 0.5\n",
            "pkg/shapes/names.py": "from importlib.resources import files\n"
            "NAME = files('pkg').joinpath('name.txt').read_text().strip()\n",
            "pkg/name.txt": "square\n",
        },
    ),
    honest(
        "fixtures and parametrisation",
        """
        class Stack:
            def __init__(self): self.items = []
            def push(self, item): self.items.append(item)
            def pop(self):
                if not self.items: raise IndexError("the stack is empty")
                return self.items.pop()
    """,
        """
        import pytest
        from solution import Stack
        @pytest.fixture
        def stack():
            made = Stack(); made.push(1); made.push(2)
            yield made
        @pytest.fixture(params=["a", "b c", "d[e]"])
        def label(request): return request.param
        @pytest.mark.parametrize(("given", "want"), [([1], 1), ([1, 2], 2), pytest.param([3, "x"], "x", id="mixed [id]")])
        def test_last(given, want):
            stack = Stack()
            for item in given: stack.push(item)
            assert stack.pop() == want
        def test_label(stack, label):
            stack.push(label)
            assert stack.pop() == label
        def test_empty():
            with pytest.raises(IndexError, match="empty"):
                Stack().pop()
        class TestGroup:
            @pytest.fixture(autouse=True)
            def prepare(self, stack, monkeypatch):
                self.stack = stack
                monkeypatch.setenv("X", "1")
            @pytest.mark.parametrize("times", [1, 2])
            def test_pop(self, times):
                assert [self.stack.pop() for _ in range(times)] == [2, 1][:times]
    """,
        quick=True,
    ),
    honest(
        "much output",
        """
        import os, sys
        def talk():
            for n in range(20000): print(n, "x" * 200)
            sys.stderr.write("y" * 1000000)
            return os.write(1, b"z" * 100000)
    """,
        """
        from solution import talk
        def test_talk(): assert talk() == 100000
    """,
        limits={"output_kb": 64},
    ),
    honest(
        "slow but within its limits",
        "import time\ndef wait(): time.sleep(0.8); return True",
        """
        from solution import wait
        def test_wait(): assert wait() is True
    """,
        limits={"wall_s": 12},
    ),
    honest(
        "tests of unittest's kind",
        """
        class Account:
            def __init__(self): self.balance = 0
            def pay(self, n):
                if n <= 0: raise ValueError(n)
                self.balance += n
    """,
        """
        import unittest
        from unittest import mock
        from solution import Account
        class Base(unittest.TestCase):
            def setUp(self): self.account = Account()
            def test_starts_empty(self): self.assertEqual(self.account.balance, 0)
        class AccountTest(Base):
            def test_pays(self):
                self.account.pay(5)
                self.assertEqual(self.account.balance, 5)
                self.assertTrue(self.account.balance)
            def test_refuses(self):
                for n in (0, -1):
                    with self.subTest(n=n), self.assertRaises(ValueError):
                        self.account.pay(n)
                self.assertRaises(ValueError, self.account.pay, 0)
            @mock.patch("solution.Account.pay")
            def test_mocked(self, pay):
                self.account.pay(1)
                pay.assert_called_once_with(1)
            def helper(self): raise AssertionError
        if __name__ == "__main__":
            unittest.main()
    """,
    ),
    honest(
        "files that it ships",
        """
        import json
        from pathlib import Path
        def load(): return json.loads((Path(__file__).parent / "data" / "numbers.json").read_text())
    """,
        """
        import json, os, subprocess, sys
        from pathlib import Path
        import solution
        HERE = Path(__file__).parent
        def test_load(): assert solution.load() == [1, 2, 3]
        def test_beside_the_test(): assert json.loads((HERE / "data" / "numbers.json").read_text()) == [1, 2, 3]
        def test_current_folder(): assert os.path.exists("data/numbers.json")
        def test_as_a_program():
            ran = subprocess.run([sys.executable, str(HERE / "solution.py")], capture_output=True)
            assert ran.returncode == 0
    """,
        files={"data/numbers.json": "[1, 2, 3]"},
    ),
    honest(
        "a command line",
        """
        import argparse, sys
        def main(argv=None):
            parser = argparse.ArgumentParser(prog="tool")
            parser.add_argument("n", type=int)
            n = parser.parse_args(argv).n
            if n < 0: sys.exit("negative")
            print(n * 2)
    """,
        """
        import pytest
        from solution import main
        def test_output(capsys):
            main(["4"])
            assert capsys.readouterr().out == "8\\n"
        def test_exit():
            with pytest.raises(SystemExit) as error: main(["-1"])
            assert error.value.code == "negative" or error.value.code == 2
        def test_usage(capfd):
            with pytest.raises(SystemExit): main([])
            assert "usage: tool" in capfd.readouterr().err
    """,
    ),
    honest(
        "a database and the time",
        """
        import sqlite3, datetime, zoneinfo, decimal, random, hashlib, uuid
        def rows():
            with sqlite3.connect("here.db") as db:
                db.execute("create table t (n)"); db.executemany("insert into t values (?)", [(1,), (2,)])
                return db.execute("select sum(n) from t").fetchone()[0]
        def summer(): return datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")).utcoffset()
        def token(): return uuid.uuid4().hex + hashlib.sha256(random.randbytes(9)).hexdigest()
    """,
        """
        from datetime import timedelta
        from solution import rows, summer, token
        def test_rows(): assert rows() == 3
        def test_summer(): assert summer() == timedelta(hours=2)
        def test_token(): assert token() != token() and len(token()) == 96
    """,
    ),
    honest(
        "signals, logging, warnings",
        """
        import logging, os, signal, warnings
        def alarmed():
            rung = []
            signal.signal(signal.SIGALRM, lambda *a: rung.append(True))
            signal.raise_signal(signal.SIGALRM)
            return rung
        def old(): warnings.warn("old", DeprecationWarning); logging.getLogger("x").warning("said")
    """,
        """
        import pytest
        from solution import alarmed, old
        def test_alarmed(): assert alarmed() == [True]
        def test_old(caplog):
            with pytest.warns(DeprecationWarning, match="old"): old()
            assert caplog.messages == ["said"]
    """,
        signals=True,
    ),
    honest(
        "tests that skip for a reason of their own",
        "def f(): return 1",
        """
        import sys
        import pytest
        from solution import f
        @pytest.mark.skipif(sys.platform == "linux", reason="not here")
        def test_elsewhere(): assert f() == 2
        @pytest.mark.xfail(reason="known")
        def test_known(): assert f() == 2
        def test_here(): assert f() == 1
    """,
    ),
    Program(
        "needs a network",
        "import urllib.request\ndef get(): return urllib.request.urlopen('http://127.0.0.1:@PORT@/').read()",
        """
        from solution import get
        def test_get(): assert get() == b"ok"
    """,
        ("unverified",),
        says="a network",
    ),
    Program(
        "imports a package that is not there",
        "import no_such_package_at_all",
        """
        import solution
        def test_it(): assert solution
    """,
        ("failed",),
        says="no_such_package_at_all",
    ),
    Program(
        "lacks what the tests import",
        "def f(): return 1",
        """
        from solution import f, g
        def test_it(): assert f() == g()
    """,
        ("failed",),
        says="g",
    ),
    Program(
        "tests with a package that is not there",
        "def f(): return 1",
        """
        import no_such_package_at_all
        from solution import f
        def test_it(): assert f() == 1
    """,
        ("error",),
        says="no_such_package_at_all",
    ),
    Program(
        "tests with a fixture that is not there",
        "def f(): return 1",
        """
        from solution import f
        def test_it(nowhere): assert f() == 1
    """,
        ("error",),
        says="nowhere",
    ),
    Program("tests that cannot be parsed", "def f(): return 1", "def test_it(:", ("error",), says="cannot be read"),
    Program(
        "tests by chance",
        "import random\ndef f(): return 1",
        """
        import os, time
        from solution import f
        def test_it(): assert int.from_bytes(os.urandom(4)) % 2 == 0 or int.from_bytes(os.urandom(4)) % 2
        def test_first():
            assert f() == 1
    """,
        ("passed", "failed", "unverified"),
    ),
)
