"""Findings become work items, each with the test plans that belong to it."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256

from stages.models import Finding, TestPlan, WorkItem
from stages.records import Found, Planned

PLANS = 40
"""Per item. The siblings have 15 perspectives; more than twice that is a fault of theirs."""

NAMES_FINDING = "names the finding"
NAMES_ANALYSIS = "names its analysis"
SAME_FILE = "same file"
HOLDS_FOR_ALL = "names nothing: the latest of its perspective holds for all"
REASONS = (NAMES_FINDING, NAMES_ANALYSIS, SAME_FILE, HOLDS_FOR_ALL)
"""Closest first."""


def item_id(repository: str, finding: Finding) -> str:
    """16 hex digits that stay the same when the finding comes back: of what it says and where.

    Not of iteration, time, score, severity, revision or plans; blanks and case do not count.
    """
    said = [finding.file, finding.title, finding.description, finding.perspective]
    canonical = [_canonical(text) for text in (repository, *said)] + [[*map(_canonical, finding.recommendations)]]
    return sha256(json.dumps(canonical, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()[:16]


def _canonical(text: str) -> str:
    return " ".join(text.split()).casefold()


def work_item(found: Found, plans: Sequence[Planned], attempt: int = 1) -> WorkItem:
    """The item of a finding. `plans`: the oldest first."""
    return WorkItem(
        id=item_id(found.repository, found.finding),
        attempt=attempt,
        repository=found.repository,
        revision=found.revision,
        finding=found.finding,
        plans=pair(found.finding, plans),
        source=found.source,
    )


def pair(finding: Finding, plans: Sequence[Planned]) -> tuple[TestPlan, ...]:
    """The plans that belong to the finding, each with `why`: the closest first, then the latest.

    `plans` come oldest first. Of plans of one perspective with executable tests of the same names (or none) only the
    latest of the closest holds; a plan without a perspective gives way only to its own repetition.
    """
    by_reason: dict[str, list[TestPlan]] = {reason: [] for reason in REASONS}
    for planned in reversed(plans):
        why = reason(finding, planned)
        if why:
            by_reason[why].append(planned.plan.model_copy(update={"why": why}))
    return tuple(_distinct(plan for why in REASONS for plan in by_reason[why]))[:PLANS]


def reason(finding: Finding, planned: Planned) -> str:
    """Why the plan belongs to the finding; empty if it does not. Whatever ids a plan gives must all fit."""
    if planned.finding_id:
        fits = planned.finding_id == finding.id and planned.analysis_id in ("", finding.analysis_id)
        return NAMES_FINDING if fits else ""
    if planned.file and planned.file != finding.file:
        return ""
    if planned.analysis_id:
        return NAMES_ANALYSIS if planned.analysis_id == finding.analysis_id else ""
    return SAME_FILE if planned.file else HOLDS_FOR_ALL


def likeness(plan: TestPlan) -> str:
    """16 hex digits, the same for plans of which an item takes one: of perspective and names of executable tests.

    Without a perspective nothing says that two plans are about the same: of the plan's whole text.
    """
    named = [plan.perspective.casefold(), sorted(plan.tests)]
    said = named if plan.perspective else [plan.body, list(plan.tests.items())]
    return sha256(json.dumps(said).encode()).hexdigest()[:16]


def _distinct(plans: Iterable[TestPlan]) -> Iterable[TestPlan]:
    seen: set[str] = set()
    for plan in plans:
        alike = likeness(plan)
        if alike not in seen:
            seen.add(alike)
            yield plan
