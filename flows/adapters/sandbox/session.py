"""The worker's end of one supervisor."""

import json
import subprocess
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO, Any, Self, cast

from stages.errors import SandboxBroken

START = Path(__file__).with_name("start.py")
GRACE_S = 60.0
"""How much longer than the wall time a run may take as a whole, its start and its end included."""


class Session:
    """A supervisor, for one run or several one after the other. Started when first asked."""

    def __init__(self, python: Path) -> None:
        self._argv = [str(python), "-I", "-S", str(START)]
        self._supervisor: subprocess.Popen[bytes] | None = None

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """The reply to an order. Raises SandboxBroken when there is none."""
        supervisor = self._supervisor = self._supervisor or self._start()
        overdue = Timer(order["limits"]["wall_s"] + GRACE_S, supervisor.terminate)
        overdue.start()
        try:
            orders, replies = cast(IO[bytes], supervisor.stdin), cast(IO[bytes], supervisor.stdout)
            head = {"preload": order["preload"], "library": order["library"]}
            orders.write(b"".join(json.dumps(part).encode() + b"\n" for part in (head, order)))
            orders.flush()
            line = replies.readline()
        except BrokenPipeError:
            line = b""
        finally:
            overdue.cancel()
        if not line:
            code = _end(supervisor)
            raise SandboxBroken(f"The sandbox's supervisor ended without a reply, with exit code {code}.")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _start(self) -> "subprocess.Popen[bytes]":
        # in a session of its own: Ctrl-C reaches the worker alone, which then closes its end
        try:
            return subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxBroken(f"The sandbox's supervisor cannot be started: {error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervisor:
            self._supervisor.communicate()
            self._supervisor = None


def _end(supervisor: "subprocess.Popen[bytes]") -> int:
    """Its exit code, once nothing that it started is left."""
    try:
        supervisor.terminate()
        return supervisor.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        return supervisor.wait()
