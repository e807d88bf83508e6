"""Drafts held against tests, confined: what is run, on what, and the verdict that comes of it."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from flows.adapters.environments import Environments
from flows.adapters.regressions import SuiteCache, regressions
from flows.adapters.repository import Repositories
from flows.adapters.requirements import unread
from flows.adapters.sandbox import Limits, choose
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.expected import test_files
from flows.adapters.sandbox.scratch import OF_RUNS, scratch, sweep
from flows.adapters.suites import PYTEST, Runner, command_of
from flows.adapters.trees import Trees, texts
from flows.adapters.trials import Bench
from flows.settings import Settings
from stages.errors import Permanent, SandboxBroken
from stages.evidence import Evidence
from stages.given import left_out
from stages.judging import judge, nothing_executed
from stages.models import Draft, Verdict, WorkItem
from stages.patching import compiles

PLACE = "autocoder-verify-"
"""Prefix of the folders that code is laid out in."""


class Verification:
    """Verifies drafts; may be used by several threads at once."""

    def __init__(self, settings: Settings, repositories: Repositories) -> None:
        self._suite = settings.suite
        self._python = settings.python
        self._limits = limits(settings)
        self._suite_limits = replace(self._limits, wall_s=settings.suite_seconds)
        self._repositories = repositories
        self._environments = Environments(settings.home / "environments", settings.python)
        self._cache = SuiteCache(settings.home / "suites")

    @property
    def mechanism(self) -> str:
        """What confines the code on this machine, or why nothing does; found out by trying, once."""
        sandbox = choose()
        return sandbox if isinstance(sandbox, str) else sandbox.mechanism

    @property
    def confines(self) -> bool:
        """Whether code can be run here at all."""
        return not isinstance(choose(), str)

    @property
    def terms(self) -> tuple[str, ...]:
        """What a verdict depends on beside item and draft."""
        return (self.mechanism, repr(self._limits), repr(self._suite_limits), self._suite, str(self._python))

    def verify(self, item: WorkItem, draft: Draft) -> Verdict:
        """The verdict on a draft.

        Raises SandboxBroken, Unusable for a draft that changes what is no text, and what `Repositories.checkout` does.
        """
        sandbox = choose()
        if isinstance(sandbox, str):
            return nothing_executed(sandbox)
        started = time.monotonic()
        try:
            sweep(PLACE, OF_RUNS)
            with scratch(PLACE) as place:
                evidence = self._evidence(sandbox, Trees(place, self._repositories, item, draft), item, draft)
        except OSError as error:
            raise SandboxBroken(f"The code of {item.key} cannot be laid out to be verified: {error}.") from error
        seconds = time.monotonic() - started
        compiled = bool(draft.files) and all(compiles(file.path, file.content) for file in draft.files)
        observed = {"mechanism": sandbox.mechanism, "seconds": seconds, "compiled": compiled}
        return judge(evidence.model_copy(update=observed))

    def compare(self, item: WorkItem, drafts: Sequence[Draft]) -> list[list[str]]:
        """For each draft, which of all drafts' own tests pass on it: number of the test's draft, and its id.

        Only tests in Python are compared, and none where nothing confines. Raises SandboxBroken, Transient, and what
        `Repositories.checkout` does.
        """
        sandbox = choose()
        if isinstance(sandbox, str):
            return [[] for _ in drafts]
        with scratch(PLACE) as place:
            return [self._passed(sandbox, place / str(n), item, each, drafts) for n, each in enumerate(drafts)]

    def _passed(
        self, sandbox: Sandbox, place: Path, item: WorkItem, draft: Draft, drafts: Sequence[Draft]
    ) -> list[str]:
        place.mkdir()
        trees = Trees(place, self._repositories, item, draft)
        try:
            python = self._environments.python(trees.untouched)
        except Permanent:
            return []
        bench = Bench(sandbox, self._limits, python, trees)
        return [f"{n} {test}" for n, other in enumerate(drafts) for test in bench.passing(texts(other.tests))]

    def _evidence(self, sandbox: Sandbox, trees: Trees, item: WorkItem, draft: Draft) -> Evidence:
        try:
            python = self._environments.python(trees.untouched)
        except Permanent as error:
            return Evidence(untold=(f"The repository cannot be tested here: {error}.",))
        command = (self._suite or command_of(trees.untouched)) if item.repository else ""
        runner = Runner(sandbox, self._suite_limits, python)
        here = (sandbox.mechanism, sys.version, version("pytest"))
        what = (item.repository, item.revision, command, str(python), repr(self._suite_limits), *here)
        suite, notes = regressions(self._cache, runner, command, trees, what)
        sound = bool(suite.before) and suite.before[0].outcome == "passed"
        bench = Bench(sandbox, self._limits, python, trees, command if sound and command != PYTEST else "")
        given, own = {p: text for plan in item.plans for p, text in plan.tests.items()}, texts(draft.tests)
        by_command = bool(bench.command) or not test_files(given)
        trials = (
            bench.tests("Acceptance tests", given, given=True),
            bench.others("Acceptance tests", given) if by_command else None,
            bench.check(item.finding.check, (item.finding.file, *item.finding.files)),
        )
        return Evidence(
            acceptance=tuple(trial for trial in trials if trial),
            own=bench.tests("Own tests", own) or bench.others("Own tests", own),
            suite=suite,
            left_out=left_out(given, test_files(given), by_command),
            notes=(*notes, *_notes(trees.untouched, python, bool(suite.after or bench.companions({**given, **own})))),
        )


def _notes(tree: Path, python: Path | None, tested: bool) -> Iterator[str]:
    """Sentences about what tests of a tree were run with."""
    if tested and any(True for _ in tree.rglob("conftest.py")):
        yield "The repository's own conftest.py took part in the tests."
    if python is None and (unknown := unread(tree)):
        yield unknown


def limits(settings: Settings) -> Limits:
    """Of one confined run."""
    return Limits(
        wall_s=settings.wall_seconds,
        cpu_s=settings.cpu_seconds,
        memory_mb=settings.memory_megabytes,
        disk_mb=settings.disk_megabytes,
        pids=settings.processes,
        nofile=settings.open_files,
        output_kb=settings.output_kilobytes,
    )
