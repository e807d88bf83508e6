"""Records of the two upstream datasets → findings and test plans. Whatever a record holds, reading it never raises."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from stages import fields
from stages.cases import cases
from stages.jsonable import as_object, entries, string
from stages.models import Finding, Frozen, Source, TestPlan
from stages.text import cut, one_line

NAME = 200
"""Characters of a title, an id, a perspective."""
DESCRIPTION = 20_000
RECOMMENDATION = 4_000
RECOMMENDATIONS = 50
REST = 8_000
"""Characters of the fields that we do not know."""
BODY = 20_000
"""Characters of a plan: beyond some thousand tokens models start to ignore parts."""
SEVERITIES = {
    "critical": ("critical", "blocker", "severe"),
    "high": ("high", "error", "major"),
    "medium": ("medium", "moderate", "warning"),
    "low": ("low", "minor", "info", "note"),
}
"""What we call it → what scanners call it."""

OF_FINDING = frozenset(
    ("id", "title", "description", "severity", "file", "line", "perspective", "recommendations", "files", "check")
)
OF_ANALYSIS = frozenset(("findings", "iteration", "timestamp", "repository", "revision", "id", "analysis_id"))
NAMED_BY_PLAN = ("finding_id", "analysis_id", "file")
OF_PLAN = frozenset(
    ("iteration", "timestamp", "perspective_number", "perspective_name", "perspective", "cumulative_insights", "tests")
) | set(NAMED_BY_PLAN)


class Kind(StrEnum):
    """Which of the two datasets a record comes from."""

    ANALYSIS = "analysis"
    PLANS = "plans"


class PassedOver(Frozen):
    """Something in a record that no work can come of."""

    what: str
    reason: str
    source: Source


class Found(Frozen):
    """A finding that can be acted on."""

    finding: Finding
    repository: str
    revision: str
    """As the record names it: a branch, a sha, or empty."""
    written: float | None
    """Seconds since the epoch at which the record says it was written."""
    source: Source


class Planned(Frozen):
    """A test plan and what it names; all three empty: it holds for every item."""

    finding_id: str = ""
    analysis_id: str = ""
    file: str = ""
    plan: TestPlan
    """Its `why` is still empty."""
    written: float | None = None


class Record(Frozen):
    """What one record holds."""

    found: tuple[Found, ...] = ()
    planned: tuple[Planned, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


def read_record(kind: Kind, record: Any, source: Source, repository: str = "") -> Record:
    """The findings or the plan of a record, and what was passed over. `repository`: of findings that name none."""
    if not isinstance(record, Mapping):
        return _nothing("record", "it is no JSON object", source)
    return _plan(record, source) if kind is Kind.PLANS else _analysis(record, source, repository)


def _nothing(what: str, reason: str, source: Source) -> Record:
    return Record(passed_over=(PassedOver(what=what, reason=reason, source=source),))


# --- findings --------------------------------------------------------------------------------------


def _analysis(record: Mapping[str, Any], source: Source, repository: str) -> Record:
    told = string(record.get("repository"))
    if (record.get("repository") and not told) or not told.isprintable() or len(told) > 1_000:
        return _nothing("record", "its repository is no address or path", source)
    raw = [record] if "findings" not in record else list(entries(record["findings"]))
    if not raw:
        return _nothing("record", "it holds no findings", source)
    where: dict[str, Any] = {"source": source, "repository": told or repository, "revision": ""}
    if where["repository"]:
        where["revision"] = one_line(string(record.get("revision")), NAME)
    found: list[Found] = []
    passed_over: list[PassedOver] = []
    for number, entry in enumerate(raw, 1):
        finding = _finding(entry, record)
        if isinstance(finding, str):
            what = f"finding {number}" + (f" ({label})" if (label := _label(entry)) else "")
            passed_over.append(PassedOver(what=what, reason=finding, source=source))
            continue
        found.append(Found(finding=finding, written=fields.written(record.get("timestamp")), **where))
        left_out = fields.attached(entry.get("files"))[1]
        passed_over += _left_out(f"finding {number}, file", left_out, source)
    return Record(found=tuple(found), passed_over=tuple(passed_over))


def _left_out(what: str, files: list[tuple[str, str]], source: Source) -> list[PassedOver]:
    return [PassedOver(what=f"{what} {one_line(name, NAME)}", reason=why, source=source) for name, why in files]


def _label(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return ""
    return one_line(string(entry.get("title")) or string(entry.get("perspective")), NAME)


def _finding(raw: Any, record: Mapping[str, Any]) -> Finding | str:
    """The finding, or why it is passed over."""
    if not isinstance(raw, Mapping):
        return "it is no JSON object"
    description = cut("\n".join(filter(None, map(string, entries(raw.get("description"))))), DESCRIPTION)
    said = filter(None, (_recommendation(entry) for entry in entries(raw.get("recommendations"))))
    recommendations = tuple(said)[:RECOMMENDATIONS]
    if not description and not recommendations:
        return "it has no description and no recommendation"
    file, line = fields.place(raw.get("file"))
    taken: dict[str, Any] = {
        "id": one_line(string(raw.get("id")), NAME),
        "title": one_line(string(raw.get("title")) or (*recommendations, description.partition("\n")[0])[0], NAME),
        "description": description,
        "recommendations": recommendations,
        "severity": _severity(raw.get("severity")),
        "file": file,
        "line": fields.line(raw.get("line")) or line,
        "perspective": one_line(string(raw.get("perspective")), NAME),
        "files": fields.attached(raw.get("files"))[0],
        "check": check if len(check := string(raw.get("check"))) <= RECOMMENDATION else "",
    }
    of_record = string(record.get("analysis_id")) or (string(record.get("id")) if raw is not record else "")
    return Finding(**taken, analysis_id=one_line(of_record, NAME), extra=_extra(raw, record, taken))


def _severity(value: Any) -> str:
    said = string(value).casefold()
    return next((ours for ours, theirs in SEVERITIES.items() if said in theirs), "")


def _recommendation(entry: Any) -> str:
    if isinstance(entry, Mapping):
        texts = (string(entry.get(key)) for key in ("recommendation", "text", "description", "title"))
        return next(filter(None, texts), "") or as_object(dict(entry), RECOMMENDATION)
    return cut(string(entry), RECOMMENDATION)


def _extra(raw: Mapping[str, Any], record: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    """What we do not know, or know and could not take."""
    rest = {key: value for key, value in raw.items() if value is not None and not taken.get(key)}
    rest = {key: value for key, value in rest.items() if key not in OF_FINDING or value not in ("", [], {})}
    if raw is record:
        return as_object({key: value for key, value in rest.items() if key not in OF_ANALYSIS}, REST)
    around = {key: value for key, value in record.items() if key not in OF_ANALYSIS and value is not None}
    return as_object(rest | ({"record": around} if around else {}), REST)


# --- plans -----------------------------------------------------------------------------------------


def _plan(record: Mapping[str, Any], source: Source) -> Record:
    for key in NAMED_BY_PLAN:
        if record.get(key) and not string(record[key]):
            return _nothing("plan", f"its {key} is no text, so that what it belongs to is not known", source)
    tests, left_out = fields.attached(record.get("tests"), only_paths=True)
    body = _body(record, tests)
    if not tests and not body:
        return _nothing("plan", "it plans nothing", source)
    plan = TestPlan(
        perspective=one_line(_perspective(record), NAME),
        body=as_object(body, BODY),
        cases=cases(body),
        tests=tests,
        why="",
        source=source,
    )
    planned = Planned(
        finding_id=one_line(string(record.get("finding_id")), NAME),
        analysis_id=one_line(string(record.get("analysis_id")), NAME),
        file=fields.place(record.get("file"))[0],
        plan=plan,
        written=fields.written(record.get("timestamp")),
    )
    return Record(planned=(planned,), passed_over=tuple(_left_out("test", left_out, source)))


def _perspective(record: Mapping[str, Any]) -> str:
    inner = record.get("analysis")
    nested = inner.get("perspective") if isinstance(inner, Mapping) else ""
    return string(record.get("perspective_name")) or string(nested) or string(record.get("perspective"))


def _body(record: Mapping[str, Any], tests: Mapping[str, str]) -> dict[str, Any]:
    """The plan as its author nested it, without what we know by name."""
    body = {key: value for key, value in record.items() if key not in OF_PLAN and value is not None}
    named = record.get("tests")
    if isinstance(named, Mapping):
        named = {key: value for key, value in named.items() if not fields.is_path(key)}
    elif tests:
        named = None
    if named:
        body["tests"] = named
    inner = body.get("analysis")
    if set(body) == {"analysis"} and isinstance(inner, Mapping):
        return {key: value for key, value in inner.items() if key != "perspective"}
    return body
