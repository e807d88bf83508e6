"""Honest programs that use more of the system: those that get their verdict, and those whose limit must be named."""

from tests.adapters.sandbox.honest import honest
from tests.adapters.sandbox.programs import Program

SPAWN = """
    import multiprocessing as mp
    def put(queue, n): queue.put(n * n)
    def square(n): return n * n
    def by_process(method, n):
        context = mp.get_context(method); queue = context.Queue()
        process = context.Process(target=put, args=(queue, n)); process.start(); process.join(20)
        assert process.exitcode == 0, process.exitcode
        return queue.get(timeout=5)
    def by_pool(method, n):
        with mp.get_context(method).Pool(2) as pool: return pool.map(square, range(n))
"""


def unable(name: str, line: str, limit: str, **more: object) -> Program:
    """A right program that wants what the sandbox does not give: nothing can be said, and why."""
    modules = "ctypes, grp, multiprocessing, os, pathlib, pty, pwd, shutil, socket, subprocess, sys"
    solution = f"import {modules}\ndef wanted(): return {line}\n"
    test = """
        from solution import wanted
        def test_it(): assert wanted() is not None
    """
    return Program(name, solution, test, ("unverified",), limit, **more)  # type: ignore[arg-type]


MORE = (
    honest(
        "modes, times, scripts and pipes",
        """
        import os, shutil, subprocess
        def script(path):
            path.write_text("#!/bin/sh\\necho 1\\n"); path.chmod(0o755)
            return subprocess.check_output([str(path)])
    """,
        """
        import os, shutil, subprocess, sys
        import pytest
        from solution import script
        def test_script(tmp_path): assert script(tmp_path / "script") == b"1\\n"
        def test_mode(tmp_path):
            file = tmp_path / "a"; file.write_text("1"); file.chmod(0o600)
            assert file.stat().st_mode & 0o777 == 0o600
            os.chown(file, os.getuid(), os.getgid())
        def test_time(tmp_path):
            file = tmp_path / "a"; file.write_text("1"); os.utime(file, (1, 1))
            assert file.stat().st_mtime == 1
            shutil.copy2(file, tmp_path / "b")
            assert (tmp_path / "b").stat().st_mtime == 1
            file.touch()
            assert file.stat().st_mtime > 1
        def test_pipe(tmp_path):
            os.mkfifo(tmp_path / "pipe")
            assert (tmp_path / "pipe").is_fifo()
        def test_python(): assert shutil.which("python") and os.access(sys.executable, os.X_OK)
        def test_git(tmp_path):
            if shutil.which("git"):
                assert subprocess.run(["git", "init", "-q", str(tmp_path)]).returncode == 0
    """,
    ),
    honest(
        "processes that are spawned",
        SPAWN,
        """
        from solution import by_pool, by_process
        def test_process(): assert by_process("spawn", 3) == 9
        def test_pool(): assert by_pool("spawn", 3) == [0, 1, 4]
    """,
        limits={"wall_s": 40.0},
        signals=True,  # to workers of the pool that have not ended by themselves
    ),
    Program(
        "processes from a server",
        SPAWN,
        """
        from solution import by_process
        def test_process(): assert by_process("forkserver", 3) == 9
    """,
        ("unverified",),
        says="sockets that are paths",
    ),
    unable(
        "a manager of multiprocessing", "multiprocessing.get_context('fork').Manager().dict()", "sockets that are paths"
    ),
    unable("files in memory", "os.memfd_create('a')", "memfd_create"),
    unable("facts of the process", "open('/proc/self/status').read()", "/proc"),
    unable("names of this machine", "open('/etc/hosts').read()", "/etc/hosts"),
    unable("names of users", "pwd.getpwuid(os.getuid())", "/etc/passwd"),
    unable("somebody's name", "pwd.getpwnam('root')", "/etc/passwd"),
    unable("a group's name", "grp.getgrnam('root')", "/etc/passwd"),
    unable("an owner by name", "shutil.chown('.', user='root')", "/etc/passwd"),
    unable("somebody's home", "pathlib.Path('~root').expanduser()", "/etc/passwd"),
    unable("a terminal", "pty.openpty()", "terminal"),
    unable("another terminal", "os.openpty()", "terminal"),
    unable("names of machines", "socket.gethostbyname('localhost')", "a network"),
    unable("pairs of datagram sockets", "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "a network"),
    unable("attributes of files", "os.listxattr('.')", "extended attributes"),
    unable("descriptors sent away", "socket.send_fds(socket.socketpair()[0], [b'x'], [1])", "sendmsg"),
    unable("files beside the tests", "open(sys._getframe(1).f_code.co_filename + 'x', 'w')", "a folder of the tests"),
    unable("the folder for everybody's files", "open('/tmp/@MARK@', 'w')", "/tmp/@MARK@"),
    Program(
        "raises what the system might have raised",
        "def add(a, b): raise PermissionError(13, 'Permission denied', '/proc/self/status')",
        """
        from solution import add
        def test_add(): assert add(2, 3) == 5
    """,
        ("failed",),
        says="PermissionError",
        quick=True,
    ),
    Program(
        "wrong, and wants a network elsewhere",
        "import socket\ndef add(a, b): return a - b\ndef name(): return socket.gethostbyname('localhost')",
        """
        from solution import add, name
        def test_add(): assert add(2, 3) == 5
        def test_name(): assert name()
    """,
        ("failed",),
        says="test_add",
    ),
)
