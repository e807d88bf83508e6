"""The columns of the results dataset: one frozen type, from which the Parquet schema and the card both follow.

Nothing in it is open-ended: a struct that grew with its content would change the schema from row to row.
"""

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field

from stages.approach_evaluation import ApproachEvaluation
from stages.architectural_analysis import ArchitecturalAnalysis
from stages.deep_understanding import DeepUnderstanding
from stages.implementation_plan import ImplementationPlan
from stages.models import Attempt, File, Frozen, Usage, Verdict
from stages.risk_analysis import RiskAnalysis
from stages.testing_strategy import TestingStrategy

SCHEMA = 1
"""Grows with every change of `Row`. A worker refuses a dataset written with a higher one."""

Feature = dict[str, Any]
"""One column as a dataset card writes it: `name` with `dtype`, `list` or `struct`."""


class CodeChanges(Frozen):
    """The change at a glance: the main changed file."""

    file: str = ""
    import_add: str = ""
    location: str = ""
    code: str = ""


class Analysis(Frozen):
    """What readers of the stage "Implementation Plan" have always found there."""

    stage: str
    code_changes: CodeChanges
    phases: tuple[str, ...]


class Progress(Frozen):
    """Counts over the whole dataset, up to and including a row."""

    implementations_generated: int = 0
    tests_written: int = 0
    issues_discovered: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(
            implementations_generated=self.implementations_generated + other.implementations_generated,
            tests_written=self.tests_written + other.tests_written,
            issues_discovered=self.issues_discovered + other.issues_discovered,
        )


class FindingColumn(Frozen):
    """The finding, as upstream told it."""

    title: str
    description: str
    severity: str
    file: str
    line: int | None
    recommendations: tuple[str, ...]
    perspective: str
    id: str
    analysis_id: str
    check: str
    files: tuple[File, ...]
    extra: str
    """JSON."""


class PlanColumn(Frozen):
    """A test plan that was used, and why."""

    perspective: str
    why: str
    cases: tuple[str, ...]
    tests: tuple[File, ...]
    body: str
    """JSON."""


class ItemColumn(Frozen):
    """The work item."""

    id: str
    repository: str
    revision: str
    finding: FindingColumn
    plans: tuple[PlanColumn, ...]


class Input(Frozen):
    """One input, exactly enough to fetch the same bytes again."""

    kind: str
    """"finding" or "plan"."""
    dataset: str
    revision: str
    path: str
    blob_id: str
    row: int | None


class Provenance(Frozen):
    """What a row was made from and by."""

    inputs: tuple[Input, ...]
    templates: str
    schema_version: int
    code_version: str
    flow_run: str
    started: str


class Row(Frozen):
    """One decided attempt at a work item."""

    iteration: int = Field(0, description="Grows by one with every row, no gap")
    timestamp: str = Field(description="When it was decided: ISO-8601, UTC")
    stage_number: int = Field(description="Always 6")
    stage_name: str = Field(description='Always "Implementation Plan"')
    analysis: Analysis = Field(description="The main changed file, its added imports, where, its new code; the phases")
    cumulative_progress: Progress = Field(Progress(), description="Counts over the whole dataset so far, see below")
    id: str = Field(description="Work item and attempt: unique")
    work_item: ItemColumn = Field(description="The finding and the test plans that belong to it")
    attempt: int = Field(description="1 unless the item was asked for again by name")
    deep_understanding: DeepUnderstanding | None = Field(description="Stage 1: what is really wrong")
    architectural_analysis: ArchitecturalAnalysis | None = Field(description="Stage 2: what a change touches")
    approach_evaluation: ApproachEvaluation | None = Field(description="Stage 3: the ways compared, one selected")
    risk_analysis: RiskAnalysis | None = Field(description="Stage 4: what can go wrong, and what is done about it")
    testing_strategy: TestingStrategy | None = Field(description="Stage 5: which tests would show that it works")
    implementation_plan: ImplementationPlan | None = Field(description="Stage 6: files, steps, phases")
    implementation: tuple[File, ...] = Field(description="Whole new texts of the changed files")
    tests: tuple[File, ...] = Field(description="Whole new texts of the tests that were written")
    patch: str = Field(description="Unified diff for `git apply`; empty without a repository")
    verdict: Verdict = Field(description="What the tests prove: the grade, by what, why, each test before and after")
    attempts: tuple[Attempt, ...] = Field(description="Every draft and repair, with its own verdict and usage")
    model: str = Field(description="Which model answered; `replay:…` marks a rehearsal")
    usage: Usage = Field(description="Tokens, requests, seconds, and US dollars where prices are known")
    notes: tuple[str, ...] = Field(description="What to know of how the answers came about")
    provenance: Provenance = Field(description="Where every input came from; templates, schema, code, flow run")


SCALARS: Mapping[type, str] = {str: "string", bool: "bool", int: "int64", float: "float64"}


def features(kind: type[BaseModel] = Row) -> list[Feature]:
    """The columns of a type in the notation of a dataset card. Raises TypeError for what has no stable schema."""
    return [{"name": name} | _feature(field.annotation) for name, field in kind.model_fields.items()]


def _feature(kind: Any) -> Feature:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is tuple:
        inner = _feature(get_args(kind)[0])
        return {"list": inner.get("dtype") or inner["struct"]}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {"struct": features(kind)}
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return {"dtype": "string"}
    if kind in SCALARS:
        return {"dtype": SCALARS[kind]}
    raise TypeError(f"{kind} has no stable column type: make it a JSON string")
