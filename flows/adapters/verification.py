"""Drafts held against tests, confined: what is run, on what, and the verdict that comes of it."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from flows.adapters.environments import Environments
from flows.adapters.repository import Repositories
from flows.adapters.sandbox import Limits, choose
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.suite_cache import SuiteCache
from flows.adapters.suites import Runner, command_of
from flows.adapters.trees import Trees, texts
from flows.adapters.trials import Bench
from flows.settings import Settings
from stages.errors import Permanent, SandboxBroken
from stages.evidence import Evidence, Suite
from stages.judging import judge, nothing_executed
from stages.models import Draft, Verdict, WorkItem


class Verification:
    """Verifies drafts; may be used by several threads at once."""

    def __init__(self, settings: Settings, repositories: Repositories) -> None:
        self._suite = settings.suite
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

    def verify(self, item: WorkItem, draft: Draft) -> Verdict:
        """The verdict on a draft. Raises SandboxBroken, and what `Repositories.checkout` does."""
        sandbox = choose()
        if isinstance(sandbox, str):
            return nothing_executed(sandbox)
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="autocoder-verify-") as place:
                evidence = self._evidence(sandbox, Trees(Path(place), self._repositories, item, draft), item, draft)
        except OSError as error:
            raise SandboxBroken(f"The code of {item.key} cannot be laid out to be verified: {error}.") from error
        seconds = time.monotonic() - started
        return judge(evidence.model_copy(update={"mechanism": sandbox.mechanism, "seconds": seconds}))

    def _evidence(self, sandbox: Sandbox, trees: Trees, item: WorkItem, draft: Draft) -> Evidence:
        try:
            python = self._environments.python(trees.untouched)
        except Permanent as error:
            return Evidence(untold=(f"The repository cannot be tested here: {error}.",))
        command = (self._suite or command_of(trees.untouched)) if item.repository else ""
        suite, notes = self._regressions(Runner(sandbox, self._suite_limits, python), command, trees, item)
        bench = Bench(sandbox, self._limits, python, trees, command)
        given = {path: text for plan in item.plans for path, text in plan.tests.items()}
        trials = (bench.tests("Acceptance tests", given), bench.check(item.finding.check))
        return Evidence(
            acceptance=tuple(trial for trial in trials if trial),
            own=bench.tests("Own tests", texts(draft.tests)),
            suite=suite,
            notes=notes,
        )

    def _regressions(self, runner: Runner, command: str, trees: Trees, item: WorkItem) -> tuple[Suite, tuple[str, ...]]:
        """The repository's suite before and after, twice where a test fails that passed; and what to tell of it."""
        if not command:
            return Suite(), ()
        what = (item.repository, item.revision, command, str(runner.python))

        def before(wanted: int) -> Suite:
            runs = self._cache.runs(what, wanted, lambda: runner.run(command, trees.untouched))
            return Suite(before=runs)

        suite = before(1)
        if not any("passed" in run.tests.values() for run in suite.before):
            why = suite.before[0].reason or "none of them passes"
            return Suite(), (f"The repository's own tests ({command}) say nothing: {why}.",)
        suite = suite.model_copy(update={"after": (runner.run(command, trees.after),)})
        if suite.suspects:
            again = before(2)
            suite = Suite(before=again.before, after=(*suite.after, runner.run(command, trees.after)))
        return suite, ()


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
