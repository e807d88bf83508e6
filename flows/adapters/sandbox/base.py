"""A sandbox, and what the mechanisms share: folders, limits, the supervisor and its replies."""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.identity import all_reachable, give, may_change
from flows.adapters.sandbox.interpreter import Interpreter, interpreter
from flows.adapters.sandbox.policy import readable_system
from flows.adapters.sandbox.scratch import OF_RUNS, scratch
from flows.adapters.sandbox.session import Session
from stages.errors import SandboxBroken

RUNNER = Path(__file__).with_name("runner.py")
GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
"""Git ends when it may not read its settings."""


@dataclass(frozen=True, slots=True)
class Job:
    """One confined run: a command, or trusted tests by a plan (see runner.py)."""

    work: Path
    tmp: Path
    argv: tuple[str, ...] = ()
    plan: Mapping[str, Any] | None = None
    python: Interpreter = field(default_factory=interpreter)
    readable: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    result_fd: bool = False
    scratch: Path | None = None
    """Made for this job alone: removed by the supervisor if the worker dies."""
    room: Path | None = None
    """A folder of `work` and `tmp` alone, where there is one: made one mount, files can be moved between them."""
    preload: tuple[str, ...] = ()
    """Trusted modules of our own Python that a plan needs: imported once for all runs of a session."""

    @property
    def environment(self) -> dict[str, str]:
        """All of the environment: nothing of the worker's own."""
        path = f"{self.python.python.parent}:/usr/local/bin:/usr/bin:/bin"
        own = {"PATH": path, "HOME": str(self.tmp), "TMPDIR": str(self.tmp), "LANG": "C.UTF-8", "USER": "nobody"}
        return own | {"LOGNAME": "nobody", "COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1", **GIT} | dict(self.env)

    @property
    def all_readable(self) -> tuple[Path, ...]:
        return (*self.python.readable, *self.readable)

    @property
    def folders(self) -> tuple[Path, Path]:
        """What it may write to."""
        return self.work, self.tmp

    @property
    def reachable(self) -> bool:
        """Whether a uid that owns nothing gets to all it needs."""
        return all_reachable((*self.all_readable, *self.python.samples), self.folders)

    def as_command(self) -> "Job":
        """The same, with the tests' plan as a command where the supervisor cannot run it in a fork of itself."""
        if self.plan is None:
            return self
        argv = (str(self.python.python), "-I", "-S", "-B", str(RUNNER))
        readable = (*self.readable, *(RUNNER.with_name(f"{name}.py") for name in ("runner", "denials", "reporter")))
        return replace(self, argv=argv, plan=None, readable=readable, stdin=json.dumps(self.plan), result_fd=True)


class Sandbox(ABC):
    """A mechanism that confines: how a job becomes an order for the supervisor, and what its reply means."""

    @property
    @abstractmethod
    def mechanism(self) -> str:
        """What confines, in words for the log, the UI and the row: "landlock, …" or "bubblewrap, …"."""

    @abstractmethod
    def self_test(self) -> str | None:
        """None if it holds on this machine, else the reason why not, found out by trying."""

    @abstractmethod
    def order(self, job: Job) -> dict[str, Any]:
        """What the supervisor is told. Raises SandboxBroken where a library is missing."""

    @abstractmethod
    def fault(self, reply: dict[str, Any]) -> str:
        """Why nothing was run, empty if it was."""

    def run(
        self,
        argv: Sequence[str],
        workdir: Path,
        *,
        readable: Sequence[Path] = (),
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        result_fd: bool = False,
    ) -> ExecResult:
        """Run a command that may write to `workdir` and a folder for temporary files, and read `readable`.

        Its environment is a clean one and `env`; `result_fd` opens descriptor 3 for a result apart from its output.
        Hand over a copy: as root the folder's files are given to another uid. Raises SandboxBroken when nothing could
        be run, which says nothing about the command.
        """
        with temporary_folder() as tmp, self.session() as session:
            job = Job(
                workdir.absolute(), tmp, tuple(argv), readable=tuple(path.absolute() for path in readable),
                limits=limits, env=env or {}, stdin=stdin, result_fd=result_fd, scratch=tmp,
            )  # fmt: skip
            return self.ask(session, job)

    def session(self) -> Session:
        """A supervisor for several jobs."""
        return Session(interpreter().python)

    def ask(self, session: Session, job: Job) -> ExecResult:
        """Carry out one job. Raises SandboxBroken."""
        reply = session.ask(self.order(job))
        if fault := self.fault(reply):
            raise SandboxBroken(f"The sandbox ({self.mechanism}) could not run anything: {fault}")
        missing = reply["fault"].removeprefix("missing: ") if reply["fault"].startswith("missing: ") else ""
        return ExecResult(
            reply["exit_code"],
            reply["stopped"],
            f"{reply['output']}{missing}",
            base64.b64decode(reply["result"]),
            reply["seconds"],
            reply["cpu_s"],
            reply["memory_mb"],
            reply["out_of_memory"],
        )


def common_order(job: Job, uid: int | None) -> dict[str, Any]:
    """What every order says. Gives the job's folders to the uid that it will run as; None: nobody else's."""
    for folder in job.folders:
        give(folder, uid)
    return {
        "argv": list(job.argv),
        "plan": job.plan,
        "stdin": job.stdin,
        "result_fd": job.result_fd or job.plan is not None,
        "env": job.environment,
        "work": str(job.work),
        "scratch": str(job.scratch or job.tmp),
        "folders": [str(folder) for folder in job.folders],
        "mounts": [str(job.room)] if job.room else [str(folder) for folder in job.folders],
        "readable": [*readable_system(), *(str(path) for path in job.all_readable)],
        "limits": asdict(job.limits),
        "uid": uid,
        "library": [str(path) for path in interpreter().packages],
        "preload": [],
        "shared_memory": False,
    }


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is closed to others, removed afterwards whatever was put there: setuid files, for one.

    Where a run has a uid of its own, that uid may go through it, and so may others.
    """
    with scratch(OF_RUNS) as folder:
        if may_change():
            folder.chmod(0o711)
        yield folder
