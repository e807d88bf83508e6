"""Programs that put memory, files and processes where nobody looks. Nothing of them may survive."""

from tests.adapters.sandbox.gluttons import glutton
from tests.adapters.sandbox.programs import held

SMALL = {"memory_mb": 200, "wall_s": 20.0}

HIDERS = (
    glutton(
        "shares memory with nobody and lets go of its pages",
        """
        import mmap, time
        def attempt():
            step, junk = 16 << 20, b'x' * (16 << 20)
            shared = mmap.mmap(-1, 40 * step)
            for start in range(0, 40 * step, step):
                shared[start : start + step] = junk
                shared.madvise(mmap.MADV_DONTNEED, start, step)
            time.sleep(1)
            assert shared[0] == ord('x')
    """,
        limits=SMALL,
        says="memory",
    ),
    glutton(
        "keeps one page of each shared mapping",
        """
        import ctypes, time
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        def attempt():
            size = 64 << 20
            for _ in range(16):
                start = libc.mmap(None, ctypes.c_size_t(size), 3, 0x21, -1, ctypes.c_long(0))
                ctypes.memset(start, 1, size)
                libc.munmap(ctypes.c_void_p(start + 4096), ctypes.c_size_t(size - 4096))
            time.sleep(1)
    """,
        limits=SMALL,
        says="memory",
    ),
    glutton(
        "fills tables of pages",
        """
        import ctypes, time
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        def attempt():
            size = 200 << 30
            start = libc.mmap(None, ctypes.c_size_t(size), 1, 0x4022, -1, ctypes.c_long(0))
            for at in range(start, start + size, 2 << 20): ctypes.c_char.from_address(at).value
            time.sleep(1)
    """,
        limits=SMALL,
        says="memory",
    ),
    glutton(
        "leaves memory in sockets",
        """
        import os, socket, time
        def attempt():
            for _ in range(8):
                if os.fork() == 0:
                    kept = []
                    while True:
                        try: pair = socket.socketpair()
                        except OSError: break
                        kept.append(pair)
                        for end in pair:
                            end.setblocking(False); end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
                            try:
                                while True: end.send(b'x' * 65536)
                            except BlockingIOError: pass
                    time.sleep(3600)
            time.sleep(3600)
    """,
        limits=SMALL,
        says="memory",
    ),
    glutton(
        "goes on when its first thread has ended",
        """
        import ctypes, os, threading, time
        def hold():
            kept = b'x' * (400 << 20)
            time.sleep(3600)
        def attempt():
            if os.fork() == 0:
                threading.Thread(target=hold).start()
                ctypes.CDLL(None).syscall(60, 0)
            time.sleep(3600)
    """,
        limits=SMALL,
        says="memory",
    ),
    glutton(
        "maps a page of files without a name",
        """
        import ctypes, os, time
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        def attempt():
            for _ in range(8):
                fd = os.open('unseen', os.O_RDWR | os.O_CREAT)
                os.write(fd, b'x' * (10 << 20))
                libc.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0))
                os.unlink('unseen'); os.close(fd)
            time.sleep(3)
    """,
        "failed",
        "passed",  # without root, if it is quicker than the meter
        "unverified",
        limits={"disk_mb": 20},
    ),
    glutton(
        "runs programs that have no name any more",
        """
        import os, shutil, subprocess, time
        def attempt():
            for n in range(4):
                shutil.copy('/usr/bin/sleep', 'sleeper')
                with open('sleeper', 'ab') as file: file.write(b'x' * (10 << 20))
                subprocess.Popen(['./sleeper', '@MARK@'])
                time.sleep(0.3)
                os.unlink('sleeper')
            time.sleep(3)
    """,
        limits={"disk_mb": 30},
        says="disk",
    ),
    glutton(
        "is a program that nobody may read",
        """
        import os, shutil, subprocess, time
        def attempt():
            shutil.copy('/usr/bin/sleep', 'sleeper'); os.chmod('sleeper', 0o111)
            kept = []
            for _ in range(8):
                kept.append(os.open('unseen', os.O_RDWR | os.O_CREAT))
                os.unlink('unseen')
            subprocess.Popen(['./sleeper', '@MARK@'], pass_fds=kept)
            time.sleep(0.3)
            for fd in kept:
                os.write(fd, b'x' * (10 << 20)); os.close(fd)
            time.sleep(3)
    """,
        limits={"disk_mb": 20},
        says="disk",
    ),
    glutton(
        "makes files without content in shared memory",
        """
        import itertools, os
        def attempt():
            for n in itertools.count(): os.close(os.open(f'/dev/shm/{n}', os.O_CREAT))
    """,
        limits={**SMALL, "disk_mb": 20, "wall_s": 60.0},
    ),
    glutton(
        "starts processes one after the other",
        """
        import os, sys
        def attempt():
            for n in range(3000):
                pid = os.fork()
                if pid == 0: os._exit(0)
                os.waitpid(pid, 0)
    """,
        "passed",
        "timeout",
        limits={"wall_s": 60.0},
    ),
    glutton(
        "sets up timers without end",
        """
        import ctypes
        def attempt():
            libc, timer = ctypes.CDLL(None), ctypes.c_void_p()
            for _ in range(200_000):
                if libc.timer_create(0, None, ctypes.byref(timer)): break
    """,
        "passed",
    ),
    glutton(
        "leaves names of every kind",
        r"""
        import os
        def attempt():
            for name in ('new\nline', 'tab\t', b'\xff\xfe', ' ', '-rf', '*', 'x' * 255, 'a\rb'):
                os.mkdir(name)
                open(os.path.join(os.fsencode(name), b'file\n\xff'), 'w').close()
            os.mkfifo('pipe')
            os.link('pipe', 'other')
            os.symlink('/', 'root'); os.symlink('.', 'here')
            with open('sparse', 'wb') as file: file.truncate(50 << 20)
    """,
        "passed",
    ),
    glutton(
        "closes its own folders",
        """
        import os, tempfile
        def attempt():
            os.makedirs('a/b/c'); os.chmod('a/b', 0); os.chmod('a', 0)
            os.chmod(tempfile.gettempdir(), 0)
            os.chmod('.', 0)
    """,
        "passed",
        "failed",
        "unverified",
    ),
    glutton(
        "dumps its core",
        """
        import os, resource
        def attempt():
            try: resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))
            except ValueError: pass
            if os.fork() == 0: os.abort()
            os.wait()
            assert not [name for name in os.listdir('.') if 'core' in name]
    """,
        "passed",
    ),
    held(
        "raises its limits",
        """
        import resource
        def attempt():
            for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU,
                    resource.RLIMIT_DATA, resource.RLIMIT_CORE):
                try: resource.setrlimit(kind, (1 << 40, 1 << 40))
                except (ValueError, OSError): continue
                return kind
            return 'refused'
    """,
    ),
    held(
        "has descriptors under way or in a table of a thread's own",
        """
        import ctypes, os, platform, socket
        def attempt():
            libc = ctypes.CDLL(None)
            if libc.syscall(436, 9000, 9001, 2) >= 0: return 'a table of its own'  # close_range
            stack = ctypes.create_string_buffer(1 << 16)
            if platform.machine() == 'x86_64' and libc.syscall(56, 0x10900, ctypes.byref(stack, 60_000), 0, 0, 0) >= 0:
                return 'a thread'
            one, other = socket.socketpair()
            try: socket.send_fds(one, [b'x'], [0])
            except OSError: return 'refused'
    """,
    ),
    held(
        "enlarges the buffers of sockets",
        """
        import socket
        def attempt():
            one, other = socket.socketpair()
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF): one.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
            sizes = [one.getsockopt(socket.SOL_SOCKET, option) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
            return 'refused' if max(sizes) <= 212992 else sizes
    """,
    ),
)
