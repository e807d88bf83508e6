"""What is around a program, so that one can see whether it got out: a secret, a port, sockets, processes, files."""

import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil


class World:
    """The outside of a sandbox. `unharmed` says what a program did to it."""

    def __init__(
        self, folder: Path, server: socket.socket, datagrams: socket.socket, stream: socket.socket, stack: ExitStack
    ) -> None:
        self.folder = folder
        self.secret = secrets.token_hex(16)
        self.mark = str(10**9 + secrets.randbelow(10**9))
        self.server, self.datagrams, self.stream = server, datagrams, stream
        for name, text in (("secret", self.secret), ("open", "as it was")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o666)
        self._signals: list[int] = []
        stack.callback(signal.signal, signal.SIGURG, signal.signal(signal.SIGURG, self._receive))
        self._before = self._seen()

    @property
    def known(self) -> dict[str, str]:
        """The placeholders of a program's text."""
        return {
            "OUTSIDE": str(self.folder),
            "PORT": str(self.server.getsockname()[1]),
            "MARK": self.mark,
            "SECRET": self.secret,
            "WORKER": str(os.getpid()),
            "HOME": str(Path.home()),
        }

    def harm(self) -> list[str]:
        """What has changed, or was reached, or goes on living."""
        found = [f"a change outside: {self._before} → {now}" for now in [self._seen()] if now != self._before]
        for name, listener in (
            ("the port", self.server),
            ("the datagram socket", self.datagrams),
            ("the socket", self.stream),
        ):
            try:
                listener.recv(1) if listener is self.datagrams else listener.accept()
                found.append(f"{name} was reached")
            except BlockingIOError:
                continue
        processes = [p for p in psutil.process_iter(["cmdline"]) if self.mark in (p.info["cmdline"] or ())]
        found += [f"process {process.pid} lives on" for process in processes]
        found += [f"signal {number} arrived" for number in self._signals]
        places = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/"))
        return found + [str(path) for place in places for path in place.glob(f"*{self.mark}*")]

    def _receive(self, number: int, _: object) -> None:
        self._signals.append(number)

    def _seen(self) -> list[tuple[object, ...]]:
        status = {path: path.lstat() for path in sorted(self.folder.iterdir())}
        files = [(p.name, s.st_mode, s.st_uid, s.st_mtime_ns, p.read_text()) for p, s in status.items() if p.is_file()]
        return [*files, *((p.name, s.st_mode) for p, s in status.items() if not p.is_file())]


@contextmanager
def world() -> Iterator[World]:
    """A world whose folder anybody may write to, so that nothing but the sandbox protects it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="world-")))  # a socket's path is short
        folder.chmod(0o777)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stream = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        for listener, name in ((stream, "socket"), (datagrams, "datagrams")):
            listener.bind(str(folder / name))
            (folder / name).chmod(0o777)
        stream.listen()
        for listener in (server, stream, datagrams):
            listener.setblocking(False)
        yield World(folder, server, datagrams, stream, stack)
