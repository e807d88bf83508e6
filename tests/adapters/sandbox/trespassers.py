"""Programs after secrets, the network and other people's files. Each test passes if its attempt got nowhere."""
# ruff: noqa: E501 (the programs stand in strings)

from tests.adapters.sandbox.programs import held

SECRETS = (
    held("reads a file outside", "def attempt(): return open('@OUTSIDE@/secret').read()", quick=True),
    held("lists a folder outside", "import os\ndef attempt(): return os.listdir('@OUTSIDE@')"),
    held(
        "follows a link it makes",
        "import os\ndef attempt():\n    os.symlink('@OUTSIDE@/secret', 'link')\n    return open('link').read()",
    ),
    held(
        "takes a second name for a file outside",
        """
        import os
        def attempt():
            os.link('@OUTSIDE@/secret', 'mine')
            return open('mine').read()
    """,
    ),
    held(
        "looks into its environment",
        """
        import ctypes, os
        def attempt():
            libc = ctypes.CDLL(None)
            libc.getenv.restype = ctypes.c_char_p
            found = os.environ.get('WORLD_SECRET') or libc.getenv(b'WORLD_SECRET')
            return found or ('refused' if '@SECRET@' not in str(dict(os.environ)) else 'in the environment')
    """,
        quick=True,
    ),
    held(
        "looks into other processes",
        """
        import os
        def attempt():
            for pid in ('self', '1', '@WORKER@', str(os.getppid())):
                for file in ('environ', 'cmdline', 'maps', 'mem', 'cwd/secret', 'root/etc/passwd', 'fd/1' if pid != 'self' else ''):
                    try: return open(f'/proc/{pid}/{file}', 'rb').read(100)
                    except OSError: pass
            return 'refused'
    """,
        quick=True,
    ),
    held(
        "reads what is usually secret",
        """
        import os, pathlib
        PLACES = ('/etc/passwd', '/etc/shadow', '/etc/hostname', '/root/.ssh/id_rsa', '/root/.bashrc', '@HOME@/.bashrc',
            '@HOME@/.netrc', '@HOME@/.cache/huggingface/token', '/var/log/dpkg.log', '/sys/class/net', '/dev/mem', '/boot')
        def attempt():
            for place in PLACES:
                try: return os.listdir(place) if os.path.isdir(place) else open(place).read(10)
                except OSError: pass
            return 'refused'
    """,
    ),
    held(
        "has another program read it",
        """
        import subprocess
        def attempt():
            ran = subprocess.run(['cat', '@OUTSIDE@/secret'], capture_output=True, text=True)
            return ran.stdout or 'refused'
    """,
    ),
    held(
        "asks the kernel directly",
        """
        import ctypes, os
        def attempt():
            libc = ctypes.CDLL(None, use_errno=True)
            for path in (b'@OUTSIDE@/secret', b'/proc/self/root@OUTSIDE@/secret'):
                for number in (2, 257, 437):  # open, openat, openat2
                    how = (ctypes.c_uint64 * 3)(0, 0, 0)
                    arguments = {2: (path, 0), 257: (-100, path, 0), 437: (-100, path, how, 24)}[number]
                    fd = libc.syscall(number, *arguments)
                    if fd >= 0: return os.read(fd, 100)
            return 'refused'
    """,
    ),
    held(
        "finds descriptors left open",
        """
        import os
        def attempt():
            found = []
            for fd in (0, *range(4, 256)):
                try: found.append((fd, os.read(fd, 100)))
                except OSError: pass
            return [f for f in found if f[1]] or 'refused'
    """,
    ),
    held(
        "opens a file by its handle",
        """
        import ctypes
        def attempt():
            libc = ctypes.CDLL(None, use_errno=True)
            handle, mount = (ctypes.c_uint32 * 40)(128), ctypes.c_int()
            got = libc.name_to_handle_at(-100, b'@OUTSIDE@/secret', handle, ctypes.byref(mount), 0)
            return 'refused' if got < 0 else 'a handle'
    """,
    ),
    held(
        "reads through a link that it ships into the tests' folder",
        """
        def attempt():
            return open(__file__.replace('solution.py', 'data/../../../../../../../..@OUTSIDE@/secret')).read()
    """,
        files={"data/empty": ""},
    ),
)

NETWORK = (
    held(
        "connects to this machine",
        """
        import socket
        def attempt():
            socket.create_connection(('127.0.0.1', @PORT@), 2).sendall(b'hello')
            return 'sent'
    """,
        quick=True,
    ),
    held(
        "sends a datagram",
        """
        import socket
        def attempt():
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('127.0.0.1', @PORT@))
            return 'sent'
    """,
    ),
    held(
        "connects over version 6", "import socket\ndef attempt(): return socket.create_connection(('::1', @PORT@), 2)"
    ),
    held(
        "asks for a name",
        "import socket\ndef attempt(): return socket.getaddrinfo('localhost', 80) and socket.gethostbyname('example.org')",
    ),
    held(
        "connects to a socket that is a path",
        """
        import socket
        def attempt():
            s = socket.socket(socket.AF_UNIX); s.connect('@OUTSIDE@/socket'); s.sendall(b'hello')
            return 'sent'
    """,
    ),
    held(
        "sends to a path from a pair of datagram sockets",
        """
        import socket
        def attempt():
            one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            one.sendto(b'hello', '@OUTSIDE@/datagrams')
            return 'sent'
    """,
    ),
    held(
        "turns a pair of streams elsewhere",
        """
        import socket
        def attempt():
            one, other = socket.socketpair()
            other.close()
            one.connect('@OUTSIDE@/socket')
            return 'connected'
    """,
    ),
    held(
        "tries every family of sockets",
        """
        import socket
        def attempt():
            for family in range(64):
                for kind in range(1, 11):
                    try: return socket.socket(family, kind).family
                    except OSError: pass
            return 'refused'
    """,
    ),
    held(
        "has a shell connect",
        """
        import subprocess
        def attempt():
            ran = subprocess.run(['bash', '-c', 'echo hello > /dev/tcp/127.0.0.1/@PORT@'], capture_output=True)
            return 'refused' if ran.returncode else 'sent'
    """,
    ),
    held(
        "serves", "import http.server\ndef attempt(): return http.server.HTTPServer(('127.0.0.1', 0), None).server_port"
    ),
    held(
        "sets up a ring of calls that no filter sees",
        """
        import ctypes
        def attempt():
            return 'refused' if ctypes.CDLL(None).syscall(425, 4, (ctypes.c_uint32 * 32)()) < 0 else 'a ring'
    """,
    ),
    held(
        "calls as another architecture",
        """
        import ctypes, os, platform
        def attempt():
            if platform.machine() != 'x86_64': return 'refused'
            pid = os.fork()
            if pid == 0:  # the number of socket in the x32 table
                os._exit(7 if ctypes.CDLL(None).syscall(0x40000000 + 41, 2, 1, 0) >= 0 else 0)
            return 'a socket' if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7 else 'refused'
    """,
    ),
    held(
        "talks through asyncio",
        """
        import asyncio
        def attempt():
            return asyncio.run(asyncio.open_connection('127.0.0.1', @PORT@))
    """,
    ),
    held(
        "takes a descriptor from another process",
        """
        import ctypes, os
        def attempt():
            libc = ctypes.CDLL(None)
            pidfd = libc.syscall(434, os.getppid(), 0)
            return 'refused' if pidfd < 0 or libc.syscall(438, pidfd, 0, 0) < 0 else 'a descriptor'
    """,
    ),
)

FILES = (
    held("makes a file outside", "def attempt(): return open('@OUTSIDE@/new', 'w').write('x')", quick=True),
    held("appends to a file outside", "def attempt(): return open('@OUTSIDE@/open', 'a').write('x')"),
    held("removes a file outside", "import os\ndef attempt(): return os.remove('@OUTSIDE@/open')"),
    held("renames a file outside", "import os\ndef attempt(): return os.rename('@OUTSIDE@/open', '@OUTSIDE@/gone')"),
    held("empties a file outside", "import os\ndef attempt(): return os.truncate('@OUTSIDE@/open', 0)"),
    held(
        "empties a file outside by opening it", "import os\ndef attempt(): return os.open('@OUTSIDE@/open', os.O_TRUNC)"
    ),
    held("makes a folder outside", "import os\ndef attempt(): return os.mkdir('@OUTSIDE@/folder')"),
    held(
        "moves a file outside",
        "import os\ndef attempt():\n    open('mine', 'w').close()\n    os.rename('mine', '@OUTSIDE@/mine')",
    ),
    held("writes through a link that it ships", "def attempt(): return open('way-out/new', 'w').write('x')"),
    held(
        "changes modes and times outside",
        """
        import os
        def attempt():
            before = os.stat('@OUTSIDE@/open')
            for change in (lambda: os.chmod('@OUTSIDE@/open', 0o600), lambda: os.utime('@OUTSIDE@/open', (1, 1)),
                    lambda: os.chown('@OUTSIDE@/open', os.getuid(), -1), lambda: os.setxattr('@OUTSIDE@/open', 'user.x', b'x')):
                try: change()
                except OSError: pass
            after = os.stat('@OUTSIDE@/open')
            same = (before.st_mode, before.st_mtime, before.st_uid) == (after.st_mode, after.st_mtime, after.st_uid)
            return 'refused' if same else 'changed'
    """,
    ),
    held(
        "writes where everybody may",
        """
        import os
        def attempt():
            for place in ('/tmp/@MARK@', '/var/tmp/@MARK@', '/dev/@MARK@', '/run/lock/@MARK@', '/@MARK@', os.__file__ + 'x',
                    '/usr/@MARK@', '/etc/@MARK@'):
                try:
                    open(place, 'w').close()
                    return place
                except OSError: pass
            return 'refused'
    """,
    ),
    held(
        "writes into the tests' folder",
        """
        import os, sys
        def attempt():
            frame = sys._getframe(1)
            for change in (lambda: open(frame.f_code.co_filename, 'a'), lambda: os.remove(frame.f_code.co_filename),
                    lambda: open(os.path.dirname(frame.f_code.co_filename) + '/conftest.py', 'w')):
                try:
                    change()
                    return 'changed'
                except OSError: pass
            return 'refused'
    """,
        quick=True,
    ),
    held(
        "changes a package that others use",
        """
        import pytest
        def attempt(): return open(pytest.__file__, 'a').write('# mine')
    """,
    ),
    held(
        "mounts, changes root, makes devices and namespaces",
        """
        import ctypes, os, stat
        def attempt():
            libc = ctypes.CDLL(None)
            tries = (libc.mount(b'x', b'/tmp', b'tmpfs', 0, None), libc.chroot(b'.'), libc.unshare(0x10000000),
                libc.unshare(0x20000), libc.setns(0, 0), libc.umount2(b'/tmp', 2), libc.pivot_root(b'.', b'.')
                if hasattr(libc, 'pivot_root') else -1)
            if any(t >= 0 for t in tries): return tries
            os.mknod('device', stat.S_IFCHR | 0o666, os.makedev(1, 1))
    """,
    ),
    held(
        "leaves a process namespace behind",
        """
        import ctypes
        def attempt():  # clone(CLONE_NEWUSER | SIGCHLD)
            pid = ctypes.CDLL(None).syscall(56, 0x10000000 | 17, 0, 0, 0, 0)
            if pid == 0:
                import os; os._exit(0)
            return 'refused' if pid < 0 else 'a namespace'
    """,
    ),
)
