"""More programs after secrets and other people's files, by calls that the usual functions do not make."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.programs import held

PRYERS = (
    held(
        "reads attributes of a file outside",
        """
        import os
        def attempt():
            for read in (lambda: os.listxattr('@OUTSIDE@/secret'), lambda: os.getxattr('@OUTSIDE@/secret', 'user.mark')):
                try: read()
                except OSError as error:
                    if error.errno == 95: continue
                    return error
                return 'read'
            return 'refused'
    """,
    ),
    held(
        "watches a folder outside",
        """
        import ctypes, os
        def attempt():
            libc = ctypes.CDLL(None, use_errno=True)
            for made in (libc.inotify_init(), libc.inotify_init1(0), libc.fanotify_init(0, 0), libc.syscall(294, 0)):
                if made >= 0: return 'a watch'
            return 'refused'
    """,
    ),
    held(
        "touches a file that everybody may write to",
        """
        import os
        def attempt():
            for touch in (lambda: os.utime('@OUTSIDE@/open'), lambda: os.utime('@OUTSIDE@'), lambda: os.utime('/tmp')):
                try: touch()
                except OSError: pass
            return 'refused'  # the world outside is compared
    """,
    ),
    held(
        "changes the modes of what it may only read",
        """
        import os, pytest, sys
        def attempt():
            paths = [sys._getframe(1).f_code.co_filename, pytest.__file__, os.__file__, '/usr', '/dev/null']
            paths += [os.path.dirname(path) for path in paths]
            seen = lambda: [(s.st_mode, s.st_uid, s.st_mtime) for s in map(os.stat, paths)]
            before = seen()
            for path in paths:
                for change in (lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1)),
                        lambda: os.chown(path, os.getuid(), -1), lambda: os.fchmod(os.open(path, os.O_RDONLY), 0o777),
                        lambda: os.setxattr(path, 'user.x', b'x')):
                    try: change()
                    except OSError: pass
            return 'refused' if seen() == before else 'changed'
    """,
    ),
    held(
        "makes nodes that are neither pipes nor its own",
        """
        import os, stat
        def attempt():
            for kind in (stat.S_IFBLK, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFREG, 0):
                try: os.mknod('node', kind | 0o666, os.makedev(1, 1))
                except OSError: continue
                return kind
            try: os.mkfifo('@OUTSIDE@/pipe')
            except OSError: return 'refused'
    """,
    ),
    held(
        "asks for what outlives a process, or sees others",
        """
        import ctypes, errno, platform
        CALLS = {29: (0, 4096, 0o1777), 64: (0, 1, 0o1777), 68: (0, 0o1777), 240: (b'/q', 0o102, 0o600, None),
            248: (b'user', b'name', b'x', 1, -3), 250: (0, -3, 0), 298: (ctypes.create_string_buffer(128), 0, -1, -1, 0),
            321: (0, None, 0), 323: (0,), 101: (16, @WORKER@, 0, 0), 310: (@WORKER@, None, 0, None, 0, 0),
            312: (@WORKER@, @WORKER@, 0, 0, 0), 319: (b'x', 0), 447: (0,), 203: (@WORKER@, 8, b'\\x01' + b'\\0' * 7),
            144: (@WORKER@, 0, b'\\0' * 4), 302: (@WORKER@, 7, None, b'\\0' * 16), 163: (None,), 304: (3, None, 0)}
        def attempt():
            if platform.machine() != 'x86_64': return 'refused'
            libc = ctypes.CDLL(None, use_errno=True)
            done = [number for number, words in CALLS.items() if libc.syscall(number, *words) >= 0]
            return done or 'refused'
    """,
    ),
    held(
        "speaks to sockets without a path",
        """
        import socket
        def attempt():
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.bind('\\0@MARK@')
            return 'bound'
    """,
    ),
    held(
        "kills the supervisor and its keeper",
        """
        import os, signal
        def attempt():
            parent = os.getppid()
            for pid in (parent, parent - 1, parent - 2, os.getsid(parent) if parent > 1 else 0):
                for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
                    try: os.kill(pid, number) if pid not in (0, 1, os.getpid()) else None
                    except OSError: pass
            return 'refused'
    """,
    ),
)
