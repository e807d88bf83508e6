"""Outcome → row of the results dataset."""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from stages.changes import added_imports, before, count_tests, new_code
from stages.columns import (
    SCHEMA,
    Analysis,
    CodeChanges,
    FindingColumn,
    Input,
    ItemColumn,
    PlanColumn,
    Progress,
    Provenance,
    Row,
)
from stages.implementation_plan import ImplementationPlan
from stages.models import File, Source, WorkItem
from stages.outcome import Outcome
from stages.text import clean

INT64 = 2**63 - 1


def row(outcome: Outcome) -> dict[str, Any]:
    """Every column but `iteration` and `cumulative_progress`, which are known only at the commit.

    Plain values that json.dumps prints and Parquet takes: clean text, finite floats, integers of 64 bits.
    """
    whole = Row(
        timestamp=outcome.finished,
        stage_number=ImplementationPlan.number,
        stage_name=ImplementationPlan.title,
        analysis=_analysis(outcome),
        id=outcome.item.key,
        work_item=_item(outcome.item),
        attempt=outcome.item.attempt,
        **dict(outcome.dossier),
        implementation=outcome.draft.files,
        tests=outcome.draft.tests,
        patch=outcome.draft.patch,
        verdict=outcome.verdict,
        attempts=outcome.attempts,
        model=outcome.model,
        usage=outcome.usage,
        notes=outcome.notes,
        provenance=_provenance(outcome),
    )
    plain: dict[str, Any] = _plain(whole.model_dump(exclude={"iteration", "cumulative_progress"}))
    return plain


def number(
    rows: Sequence[Mapping[str, Any]], first: int, so_far: Progress, known: AbstractSet[str]
) -> list[dict[str, Any]]:
    """The rows with all columns, counted on from iteration `first`. `known`: work items that have a row already."""
    numbered = []
    for iteration, row in enumerate(rows, first):
        item = row["work_item"]["id"]
        so_far += _gain(row, new_item=item not in known)
        known = known | {item}
        whole = dict(row) | {"iteration": iteration, "cumulative_progress": so_far.model_dump()}
        numbered.append({name: whole[name] for name in Row.model_fields})
    return numbered


def _gain(row: Mapping[str, Any], new_item: bool) -> Progress:
    return Progress(
        implementations_generated=int(bool(row["implementation"] or row["patch"])),
        tests_written=sum(count_tests(File(**file)) for file in row["tests"]),
        issues_discovered=int(new_item),
    )


def main_file(outcome: Outcome) -> File | None:
    """The changed file that matters most: the finding's own, else the first; None where nothing was written."""
    files = outcome.draft.files
    own = (file for file in files if file.path == outcome.item.finding.file)
    return next(own, files[0] if files else None)


def _analysis(outcome: Outcome) -> Analysis:
    plan = outcome.dossier.implementation_plan
    return Analysis(
        stage=ImplementationPlan.title,
        code_changes=_code_changes(outcome, plan.location if plan else ""),
        phases=plan.phases if plan else (),
    )


def _code_changes(outcome: Outcome, location: str) -> CodeChanges:
    file = main_file(outcome)
    if file is None:
        return CodeChanges(location=location)
    old = before(outcome.draft.patch, file)
    return CodeChanges(file=file.path, import_add=added_imports(old, file), location=location, code=new_code(old, file))


def _item(item: WorkItem) -> ItemColumn:
    finding = FindingColumn(**(dict(item.finding) | {"files": _files(item.finding.files)}))
    plans = tuple(
        PlanColumn(perspective=p.perspective, why=p.why, cases=p.cases, tests=_files(p.tests), body=p.body)
        for p in item.plans
    )
    return ItemColumn(id=item.id, repository=item.repository, revision=item.revision, finding=finding, plans=plans)


def _files(texts: dict[str, str]) -> tuple[File, ...]:
    return tuple(File(path=path, content=content) for path, content in texts.items())


def _provenance(outcome: Outcome) -> Provenance:
    item = outcome.item
    return Provenance(
        inputs=(_input("finding", item.source), *(_input("plan", plan.source) for plan in item.plans)),
        templates=outcome.templates,
        schema_version=SCHEMA,
        code_version=outcome.code_version,
        flow_run=outcome.flow_run,
        started=outcome.started,
    )


def _input(kind: str, source: Source) -> Input:
    return Input(kind=kind, **dict(source))


def _plain(value: Any) -> Any:
    if isinstance(value, str):  # an Enum's member too
        return clean(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-INT64, min(INT64, value))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
