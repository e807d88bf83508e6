"""Commands that nobody trusts, run on a copy of a tree, and what their exit codes say."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.base import Sandbox, temporary_folder
from flows.adapters.sandbox.folders import LEFT_OUT
from flows.adapters.sandbox.interpreter import interpreter
from stages.runs import Run

OUTPUT = 16_000
"""Characters of output kept of a run."""
_SANDBOX = re.compile(
    r"/[^\s'\"()]*?/autocoder-sandbox-[^/\s'\"]+(?:/(?:work|tests|tmp)\b/?)?|(?:\.\./)+(?:work|tests|tmp)/"
)
_PYTHON = re.compile(
    "|".join((*(re.escape(p) for p in (sys.prefix, sys.base_prefix)), r"/[^\s'\"()]*?/environments/[0-9a-f]{16}"))
)
_SECONDS = re.compile(r"(\d (?:passed|failed|skipped|errors?|warnings?)) in [\d.]+s(?: \([\d:]+\))?")
NOT_THERE = (126, 127)
"""Exit codes of a shell, and of the sandbox, for a program that cannot be run."""
_OF_A_SHELL = re.compile(r"[|&;<>`$*?!~()\n]")
_ABSENT = re.compile(r"^.*?([\w./+-]+): (?:command )?not found$|No module named '?([\w]+)", re.MULTILINE)
_ABSENT_TO_SHELL = re.compile(
    r"^(?:/bin/)?(?:ba|da)?sh: (?:line )?\d+: ([\w./+-]+): (?:command )?not found$", re.MULTILINE
)
_REFUSED = re.compile(r"(?i)operation not permitted|name resolution|could not resolve host|network is unreachable")


def run_command(
    sandbox: Sandbox,
    tree: Path,
    argv: Sequence[str],
    limits: Limits,
    python: Path | None = None,
    plugins: Path | None = None,
    more: Mapping[str, str] | None = None,
) -> ExecResult:
    """How a command ended in a copy of a tree, with this interpreter's folder first on the path.

    plugins: a folder whose modules the command may import, and nothing of the tree by itself: its paths are in
    SUITE_PATHS. more: of its environment. Raises SandboxBroken.
    """
    environment = interpreter(python)
    with temporary_folder() as scratch:
        work = scratch / "work"
        shutil.copytree(tree, work, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        paths = f"{work}:{work / 'src'}"
        imports = {"PYTHONPATH": f"{plugins or paths}", "SUITE_PATHS": f"{paths}:{plugins}"}
        own = {} if python else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the worker's plugins are no repository's
        path = f"{environment.python.parent}:/usr/local/bin:/usr/bin:/bin"
        env = {**own, **(more or {}), **imports, "PATH": path}
        readable = (*environment.readable, *([plugins] if plugins else []))
        return sandbox.run(argv, work, readable=readable, limits=limits, env=env, result_fd=plugins is not None)


def words(command: str, python: Path | None) -> list[str]:
    """A command as its words; through a shell if it has more to it. Raises ValueError for an open quotation mark."""
    argv = shlex.split(command)
    if _OF_A_SHELL.search("".join(word for word in shlex.split(command, posix=False) if word[:1] not in "'\"")):
        return ["sh", "-c", command]
    if argv and argv[0] in ("python", "python3"):
        argv[0] = str(interpreter(python).python)
    return argv


def by_exit_code(name: str, ran: ExecResult, absent: str = "") -> Run:
    """What an exit code says of a tree, as a run of one test called `name`.

    absent: a program or module that was not there, so that it says nothing.
    """
    seconds, output = ran.seconds, told(ran.output)
    if ran.stopped:
        outcome = "timeout" if "time" in ran.stopped else "failed"
        reason = f"stopped at the limit of {ran.stopped}"
        return Run(outcome=outcome, tests={name: "failed"}, reason=reason, output=output, seconds=seconds)
    if absent:
        return Run(outcome="error", reason=f"{absent} is not in the environment", output=output, seconds=seconds)
    if ran.exit_code == 0:
        return Run(outcome="passed", tests={name: "passed"}, output=output, seconds=seconds)
    reason = f"exit code {ran.exit_code}"
    return Run(outcome="failed", tests={name: "failed"}, reason=reason, output=output, seconds=seconds)


def compared(name: str, before: ExecResult, after: ExecResult, trees: tuple[Path, Path]) -> tuple[Run, Run]:
    """What a command's exit codes say of the untouched code and of a draft's, the trees that it ran in.

    What was there before and is absent after, by the output, is the code's word, and no excuse.
    """
    if wants_network(before) and wants_network(after):
        refused = "it fails before and after, and asks for what the sandbox does not give"
        runs = by_exit_code(name, before), by_exit_code(name, after)
        one, other = (run.model_copy(update={"outcome": "unverified", "reason": refused}) for run in runs)
        return one, other
    missing = absent(before, *trees)
    still = [name for name in absent(after, *trees) if name in missing]
    return by_exit_code(name, before, (*missing, "")[0]), by_exit_code(name, after, (*still, "")[0])


def told(output: str) -> str:
    """The end of an output without what differs by run and machine: the sandbox's folders, Python's, seconds."""
    plain = _SECONDS.sub(r"\1", _SANDBOX.sub("", output[-OUTPUT:]))
    return _PYTHON.sub("python", plain)


def absent(ran: ExecResult, *trees: Path) -> list[str]:
    """The programs and modules that were not there, without those that would have to come from one of the trees.

    That is what the output says, which may be the code's word: believe it of code that has no interest in saying it.
    """
    pattern = _ABSENT if ran.exit_code else _ABSENT_TO_SHELL  # `! tool` and `tool | wc` end well without their tool
    found = [next(filter(None, match.groups())) for match in pattern.finditer(ran.output)]
    foreign = [name for name in found if not any(_holds(tree, name) for tree in trees)]
    return foreign or ["its program"] * (ran.exit_code in NOT_THERE and not found)


def wants_network(ran: ExecResult) -> bool:
    """Whether a command that failed says that it was refused what the sandbox does not give."""
    return ran.exit_code != 0 and bool(_REFUSED.search(ran.output))


def _holds(tree: Path, name: str) -> bool:
    roots = (tree, tree / "src")
    return any((root / name).exists() or (root / f"{name}.py").exists() for root in roots)
