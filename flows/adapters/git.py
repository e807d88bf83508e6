"""git, run so that nobody is asked, no hook runs, and every failure has a sentence."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.addresses import PROTOCOLS, scrub
from stages.errors import Permanent, Transient, WorkerError

_ALWAYS = {
    "core.hooksPath": "/dev/null",
    "safe.directory": "*",  # a mounted home may belong to another uid; what is in it is ours
    "gc.autoDetach": "false",  # a collection in the background outlives us and holds our pipes
    "maintenance.autoDetach": "false",
    "core.commitGraph": "false",  # of no use to a shallow mirror, and it warns
    "core.quotePath": "false",
}
_USERS = ("GIT_SSH", "GIT_SSL", "GIT_PROXY", "GIT_HTTP", "GIT_CONFIG_")
"""Variables of the user's that a fetch keeps; GIT_DIR and its kin (we may run within a hook) are dropped."""

_NO_REVISION = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref")
_CLOSED = re.compile(
    r"could not read (Username|Password)|Authentication failed|Permission denied|Host key verification failed"
    r"|returned error: 40[13]|access denied|HTTP Basic",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"repository .*not found|does not appear to be a git repository|returned error: 404|does not exist"
    r"|is this a git repository|project not found",
    re.IGNORECASE,
)


class NoRevision(Permanent):
    """The repository answers, and does not have the revision, or has no commit at all."""


def local(
    repository: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, timeout: float = 120
) -> bytes:
    """What a git command prints, run in a bare repository of ours without any setting of the user's.

    Raises Transient where it fails, with the end of what it said.
    """
    done = attempt(repository, *arguments, stdin=stdin, env=env, timeout=timeout)
    if done.returncode:
        raise Transient(
            f"`git {arguments[0]}` failed in {repository}: {tail(done.stderr)}. "
            "The folder is only a cache: should this persist, delete it, and it is fetched again."
        )
    return done.stdout


def attempt(
    repository: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """As `local`, for a command that may fail for a reason worth looking at."""
    alone = _environment() | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | dict(env or {})
    return _run(repository, arguments, stdin, alone, timeout, f"in {repository}")


def fetch(repository: Path, origin: str, *refspecs: str, depth: int | None, timeout: float) -> None:
    """Fetch with the user's own credentials and proxies, never asking for any.

    Raises NoRevision, Permanent (private, missing, no repository) or Transient.
    """
    env = _environment(_USERS) | {
        "GIT_CONFIG_GLOBAL": str(_settings(repository)),
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
    }
    options = ["--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--update-head-ok"]
    options += [f"--depth={depth}"] if depth else []
    command = ("fetch", *options, "--", origin, *refspecs)
    done = _run(repository, command, b"", env, timeout, f"from {scrub(origin)}")
    if done.returncode:
        raise _refusal(scrub(origin), tail(done.stderr))


def _settings(repository: Path) -> Path:
    """A global config: the user's, and safe.directory, which the far end of a local fetch reads nowhere else."""
    theirs = [os.environ.get("GIT_CONFIG_GLOBAL", ""), "~/.config/git/config", "~/.gitconfig"]
    lines = ["[safe]", "\tdirectory = *", "[include]", *(f"\tpath = {path}" for path in theirs if path)]
    file = repository / "fetch.gitconfig"
    file.write_text("\n".join(lines) + "\n")
    return file


def _refusal(name: str, said: str) -> WorkerError:
    if _NO_REVISION.search(said):
        return NoRevision(f"{name} answers, but not with that revision: {said}.")
    if _CLOSED.search(said):
        return Permanent(
            f"{name} lets nobody in without credentials, or is not there: {said}. "
            "Give git a credential helper or an ssh key that may read it, or correct the address."
        )
    if _ABSENT.search(said):
        return Permanent(f"There is no git repository at {name}: {said}. Correct the address.")
    return Transient(f"{name} could not be fetched: {said}.")


def _run(
    repository: Path, arguments: Sequence[str], stdin: bytes, env: Mapping[str, str], timeout: float, where: str
) -> subprocess.CompletedProcess[bytes]:
    """Run git to its end; in a session of its own: no terminal to ask at, and a timeout takes its helpers along."""
    settings = [part for key, value in _ALWAYS.items() for part in ("-c", f"{key}={value}")]
    command = ["git", *settings, f"--git-dir={repository}", *arguments]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except FileNotFoundError as error:
        raise Permanent("git is missing: install it (Debian: apt-get install git).") from error
    with process:
        try:
            out, err = process.communicate(stdin, timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Transient(f"`git {arguments[0]}` {where} was not done after {timeout:g} s.") from None
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def tail(stderr: bytes) -> str:
    """The last lines of what git said, as one, without credentials."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return scrub(" / ".join(lines[-4:]))[-600:].rstrip(".") or "git gave no reason"


def _environment(users: tuple[str, ...] = ()) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or (users and k.startswith(users))}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GIT_NO_LAZY_FETCH": "1"}
    return kept | quiet | {"LC_ALL": "C"}
