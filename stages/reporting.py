"""What people read in the UI: a page per item, a page per run."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from stages.approach_evaluation import ApproachEvaluation
from stages.markdown import blocks, bullets, code, fence, flowchart, inline, quote, table
from stages.models import Attempt, Draft, File, TestPlan, Usage, Verdict, WorkItem
from stages.outcome import Outcome
from stages.stage import Answer

MATCHES = 200
"""Rows of a run's page on which plans its items took; each item's own page has all of its plans."""


def item_report(outcome: Outcome) -> str:
    """The item's page: finding, plans and why, six answers, diff, tests, verdict, attempts."""
    item, draft = outcome.item, outcome.draft
    return blocks(
        f"# {inline(item.finding.title)}",
        _summary(outcome),
        _finding(item),
        _plans(item.plans),
        *(_answer(answer, item) for answer in outcome.dossier.answers()),
        _section("Change", inline(draft.summary), _change(draft)),
        _section("Tests", _files(draft.tests)),
        _verdict(outcome.verdict),
        _section("Attempts", _attempts(outcome.attempts)),
        _section("Notes", bullets(outcome.notes)),
    )


def run_report(
    outcomes: Sequence[Outcome],
    *,
    broken_off: Iterable[tuple[str, str, str]] = (),
    quarantined: Sequence[tuple[str, str, str]] = (),
    quarantined_total: int = 0,
    passed_over: Sequence[tuple[str, str, str]] = (),
    passed_over_total: int = 0,
    unused: Sequence[tuple[str, str, str]] = (),
    unused_total: int = 0,
    notes: Iterable[str] = (),
) -> str:
    """The run's page. `broken_off`: item, title and reason; `quarantined`: place, blob id and reason; `passed_over`:
    what, place and reason; `unused`: the same of plans that no item takes; totals: how many there are where not all are
    given; `notes`: sentences on the datasets."""
    matches = list(_matches(outcomes))
    return blocks(
        "# Items of this run",
        table(("item", "finding", "verdict", "tokens", "seconds"), map(_item_row, outcomes)) or "None has an outcome.",
        _section(
            "Broken off",
            table(("item", "finding", "reason"), ((code(i), inline(t), inline(why)) for i, t, why in broken_off)),
        ),
        _section(
            "Which plans, and why",
            table(("item", "plan", "why", "from"), matches[:MATCHES]),
            _more(len(matches) - MATCHES),
        ),
        _section("Plans that no item takes", *_told(unused, unused_total)),
        _section(
            "Quarantined",
            table(("from", "blob", "reason"), ((code(f), code(blob), inline(why)) for f, blob, why in quarantined)),
            _more(quarantined_total - len(quarantined)),
        ),
        _section("Passed over", *_told(passed_over, passed_over_total)),
        _section("Datasets", bullets(notes)),
    )


def _told(things: Sequence[tuple[str, str, str]], total: int) -> tuple[str, str]:
    rows = ((inline(what), code(place), inline(why)) for what, place, why in things)
    return table(("what", "from", "reason"), rows), _more(total - len(things))


def _more(count: int) -> str:
    return f"… and {count:,} more." if count > 0 else ""


def _section(title: str, *parts: str) -> str:
    body = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *body]) if body else ""


def _summary(outcome: Outcome) -> str:
    item, verdict = outcome.item, outcome.verdict
    place = item.finding.file + (f":{item.finding.line}" if item.finding.line else "")
    rows = [
        ("item", code(item.key)),
        (
            "verdict",
            " · ".join(part for part in (f"**{verdict.grade}**", inline(verdict.by), inline(verdict.reason)) if part),
        ),
        ("severity", inline(item.finding.severity)),
        ("file", code(place)),
        ("repository", " at ".join(part for part in (code(item.repository), code(item.revision)) if part)),
        ("finding from", code(f"{item.source.dataset}/{item.source.path}")),
        ("model", code(outcome.model)),
        ("usage", _usage(outcome.usage)),
    ]
    return table(("", ""), [row for row in rows if row[1]])


def _finding(item: WorkItem) -> str:
    return _section("Finding", quote(item.finding.description), bullets(item.finding.recommendations))


def _plans(plans: Sequence[TestPlan]) -> str:
    rows = (
        (
            inline(p.perspective),
            inline(p.why),
            str(len(p.cases)),
            str(len(p.tests)),
            code(f"{p.source.dataset}/{p.source.path}"),
        )
        for p in plans
    )
    return _section("Test plans used", table(("perspective", "why", "cases", "files of tests", "from"), rows))


def _change(draft: Draft) -> str:
    if draft.patch:
        return fence(draft.patch, "diff")
    return blocks(_files(draft.files), bullets(f"{path} is deleted" for path in draft.deleted)).strip()


def _answer(answer: Answer, item: WorkItem) -> str:
    parts = _fields(answer)
    if isinstance(answer, ApproachEvaluation):
        ways = ((f"{a.name}\n{a.code_changes}\n{a.verdict}", a.name == answer.selected) for a in answer.approaches)
        parts.append(flowchart(item.finding.title, ways))
    return _section(f"{answer.number}. {answer.title}", *parts)


def _fields(value: BaseModel) -> list[str]:
    """Whatever fields an answer has: texts as they are, lists as lists, lists of values as tables."""
    parts = []
    for name, field in value:
        label = f"**{name.replace('_', ' ').capitalize()}**"
        if isinstance(field, BaseModel):
            parts += _fields(field)
        elif isinstance(field, tuple) and field and isinstance(field[0], BaseModel):
            rows = ((str(number), *_cells(entry)) for number, entry in enumerate(field, start=1))  # R1, R2, …
            parts += [label, table(("", *_heads(field[0])), rows)]
        elif isinstance(field, tuple):
            parts += [label, bullets(field)] if field else []
        else:
            parts.append(f"{label}: {inline(str(field))}")
    return parts


def _heads(entry: BaseModel) -> list[str]:
    return [name.replace("_", " ") for name in type(entry).model_fields]


def _cells(entry: BaseModel) -> list[str]:
    return [inline("; ".join(cell) if isinstance(cell, tuple) else str(cell)) for _, cell in entry]


def _files(files: Sequence[File]) -> str:
    return "\n\n".join(f"{code(file.path)}\n\n{fence(file.content)}" for file in files)


def _verdict(verdict: Verdict) -> str:
    tests = ((code(test.id), inline(test.before), inline(test.after)) for test in verdict.tests)
    return _section(
        f"Verdict: {verdict.grade}",
        inline(verdict.reason),
        table(("test", "before", "after"), tests),
        "Broken by it:\n\n" + bullets(verdict.broke) if verdict.broke else "",
        "Mended by it:\n\n" + bullets(verdict.fixed) if verdict.fixed else "",
        f"Canaries: {inline(verdict.canaries)}" if verdict.canaries else "",
        f"Confined by {inline(verdict.mechanism)}, {verdict.seconds:.1f} s"
        if verdict.mechanism
        else "Nothing was executed.",
        fence(verdict.output) if verdict.output else "",
    )


def _attempts(attempts: Sequence[Attempt]) -> str:
    rows = (
        (
            inline(a.step),
            inline(a.summary),
            inline(", ".join(a.changed)),
            str(a.verdict.grade),
            inline(a.verdict.reason),
            _usage(a.usage),
        )
        for a in attempts
    )
    return table(("step", "summary", "changed", "verdict", "reason", "usage"), rows)


def _usage(usage: Usage) -> str:
    tokens = f"{usage.prompt_tokens + usage.completion_tokens:,} tokens{' (estimated)' if usage.estimated else ''}"
    cost = f", {usage.cost:.4f} US dollars" if usage.cost is not None else ""
    return f"{tokens} in {usage.requests} requests, {usage.seconds:.1f} s{cost}"


def _item_row(outcome: Outcome) -> tuple[str, ...]:
    usage = outcome.usage
    return (
        code(outcome.item.key),
        inline(outcome.item.finding.title),
        str(outcome.verdict.grade),
        f"{usage.prompt_tokens + usage.completion_tokens:,}",
        f"{outcome.seconds:.1f}",
    )


def _matches(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, ...]]:
    for outcome in outcomes:
        for plan in outcome.item.plans:
            source = code(f"{plan.source.dataset}/{plan.source.path}")
            yield code(outcome.item.key), inline(plan.perspective), inline(plan.why), source
