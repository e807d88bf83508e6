"""Programs that take too long or too much, and some that only look like it. Nothing of them may survive."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.programs import Program

SHORT = {"wall_s": 1.0}
CALLS = """
    import solution

    def test_it():
        assert solution.attempt() is None
"""


def glutton(name: str, solution: str, *verdicts: str, test: str = CALLS, **more: object) -> Program:
    """A program whose test calls `attempt()`."""
    return Program(name, solution, test, verdicts or ("failed",), **more)  # type: ignore[arg-type]


def endless(name: str, solution: str, **more: object) -> Program:
    """A program that does not end within a second."""
    return glutton(name, solution, "timeout", limits=SHORT, **more)


TIME = (
    endless("loops for ever", "def attempt():\n    while True: pass"),
    endless("sleeps when imported", "import time; time.sleep(3600)"),
    endless(
        "is deaf to signals",
        """
        import signal, time
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        def attempt():
            while True: time.sleep(3600)
    """,
    ),
    endless("loops in C", "import re\ndef attempt(): re.match('(a+)+$', 'a' * 60 + 'b')"),
    endless(
        "catches every exception",
        """
        import time
        def attempt():
            while True:
                try: time.sleep(3600)
                except BaseException: pass
    """,
    ),
    endless("stops itself", "import os, signal\ndef attempt(): os.kill(os.getpid(), signal.SIGSTOP)", signals=True),
    endless(
        "waits for a child that does not end",
        """
        import subprocess
        def attempt(): subprocess.run(['sleep', '@MARK@'])
    """,
    ),
    endless(
        "leaves its process group and its parent",
        """
        import os, time
        def attempt():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execvp('sleep', ['sleep', '@MARK@'])
                os._exit(0)
            time.sleep(3600)
    """,
    ),
    glutton(
        "burns in many processes",
        """
        import os
        def attempt():
            for _ in range(3): os.fork()
            while True: pass
    """,
        "timeout",
        limits={"cpu_s": 1.0, "wall_s": 20.0},
        says="CPU time",
    ),
    glutton(
        "leaves a process that holds its output",
        """
        import subprocess
        def attempt(): subprocess.Popen(['sleep', '@MARK@'])
    """,
        "passed",
    ),
    glutton(
        "leaves a thread that does not end",
        """
        import threading, time
        def attempt(): threading.Thread(target=time.sleep, args=(3600,)).start()
    """,
        "passed",
    ),
    glutton(
        "hangs when the interpreter ends",
        "import atexit, time\natexit.register(time.sleep, 3600)\ndef attempt(): pass",
        "passed",
    ),
    glutton(
        "starts another as soon as one dies",
        """
        import os, time
        def attempt():
            while True:
                if os.fork() == 0: os.execvp('sleep', ['sleep', '@MARK@'])
                if os.fork(): os._exit(0) if os.getpid() != FIRST else time.sleep(0.1)
        FIRST = os.getpid()
    """,
        "timeout",
        "failed",
        limits=SHORT,
    ),
)

RESOURCES = (
    glutton(
        "maps a page as often as it may, in many processes",
        """
        import mmap, os, time
        def attempt():
            kept = []
            try:
                while True: kept.append(mmap.mmap(-1, 4096))
            except OSError:
                pass
            for _ in range(20):
                if not os.fork(): time.sleep(3600)
            time.sleep(3600)
    """,
        limits={"wall_s": 30.0},
        says="memory",
    ),
    glutton(
        "takes much memory at once",
        "def attempt():\n    x = bytearray(3 << 30)\n    x[::4096] = b'x' * len(x[::4096])",
        limits={"memory_mb": 200},
        quick=True,
    ),
    glutton(
        "takes more and more memory",
        "def attempt():\n    x = []\n    while True: x.append(b'x' * (1 << 20) + bytes(len(x)))",
        limits={"memory_mb": 200},
        says="memory",
    ),
    glutton(
        "takes memory in children",
        """
        import os, time
        def attempt():
            for _ in range(6):
                if os.fork() == 0:
                    x = b'x' * (60 << 20) + bytes([os.getpid() % 256])
                    time.sleep(3600)
            time.sleep(3600)
    """,
        limits={"memory_mb": 200},
        says="memory",
    ),
    glutton(
        "forks without end",
        """
        import os
        def attempt():
            while True:
                try: os.fork()
                except OSError: pass
    """,
        "failed",
        "timeout",
        limits={"pids": 20, "wall_s": 1.0},
        quick=True,
    ),
    glutton(
        "starts threads without end",
        """
        import threading, time
        def attempt():
            while True: threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    """,
        "failed",
        limits={"pids": 20},
    ),
    glutton(
        "writes a large file",
        """
        def attempt():
            with open('large', 'wb') as file:
                while True: file.write(b'x' * (1 << 20))
    """,
        limits={"disk_mb": 20},
        quick=True,
    ),
    glutton(
        "writes many files",
        """
        def attempt():
            for n in range(1000):
                with open(f'file{n}', 'wb') as file: file.write(b'x' * (1 << 20))
    """,
        "failed",
        limits={"disk_mb": 20},
        says="disk",
    ),
    glutton(
        "writes files without content",
        """
        import itertools, os
        def attempt():
            for n in itertools.count(): os.close(os.open(f'file{n}', os.O_CREAT))
    """,
        "failed",
        limits={"disk_mb": 20, "wall_s": 60.0},
        says="disk",
    ),
    glutton(
        "writes to files without a name",
        """
        import os
        kept = []
        def attempt():
            while True:
                file = open('unseen', 'wb', buffering=0)
                kept.append(file)
                os.remove('unseen')
                for _ in range(5): file.write(b'x' * (1 << 20))
    """,
        "failed",
        limits={"disk_mb": 20},
        says="disk",
    ),
    glutton(
        "maps files without a name",
        """
        import mmap, os, time
        kept = []
        def attempt():
            for _ in range(400):
                with open('unseen', 'w+b') as file:
                    file.write(b'x' * (1 << 20)); file.flush()
                    kept.append(mmap.mmap(file.fileno(), 0))
                os.remove('unseen')
                time.sleep(0.005)
    """,
        "failed",
        limits={"disk_mb": 20},
        says="disk",
    ),
    glutton(
        "makes folders in folders",
        """
        import os
        def attempt():
            while True:
                os.mkdir('d' * 200); os.chdir('d' * 200)
    """,
        "failed",
        limits={"disk_mb": 100},
        says="disk",
    ),
    glutton(
        "leaves deep and closed folders",
        """
        import os
        def attempt():
            os.mkdir('closed', 0o000)
            for n in range(1500):
                os.mkdir('d'); os.chdir('d')
    """,
        "passed",
        "failed",
        "unverified",
    ),
    glutton(
        "fills shared memory",
        """
        def attempt():
            with open('/dev/shm/@MARK@', 'wb') as file:
                while True: file.write(b'x' * (1 << 20))
    """,
        limits={"memory_mb": 200},
    ),
    glutton("prints without end", "def attempt():\n    while True: print('x' * 1000)", "timeout", limits=SHORT),
    glutton(
        "reports without end",
        """
        import os
        def attempt():
            while True: os.write(3, b'x' * 65536)
    """,
        "timeout",
        limits=SHORT,
    ),
    glutton("opens files without end", "kept = []\ndef attempt():\n    while True: kept.append(open('/dev/null'))"),
    glutton("calls itself without end", "import sys\nsys.setrecursionlimit(10**9)\ndef attempt(): return attempt()"),
    glutton("computes a number too large", "def attempt(): return 10 ** 10 ** 10", "timeout", "failed", limits=SHORT),
    glutton(
        "kills all it can",
        """
        import os, signal
        def attempt():
            for pid in (-1, os.getppid(), @WORKER@, 1):
                try: os.kill(pid, signal.SIGKILL)
                except OSError: pass
    """,
        "passed",
        "error",
        "failed",
    ),
    glutton(
        "lowers the limits of others",
        """
        import os, resource
        def attempt():
            for pid in (os.getppid(), @WORKER@):
                try: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1))
                except OSError: continue
                return 'lowered'
            for call in (lambda: os.setpriority(os.PRIO_USER, 0, 19), lambda: os.setpriority(os.PRIO_PROCESS, @WORKER@, 19)):
                try: call()
                except OSError: continue
                return 'slowed'
    """,
        "passed",
    ),
)
