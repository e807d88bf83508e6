"""What people can automate on. Each event is about a dataset, and related to the repository where there is one.

What lasts (a bound that is reached, an endpoint left alone, an upstream that is gone, a missing sandbox) is told when
it begins, once by each home, not by every run that meets it. Payloads are listed in deployments/README.md.
"""

import platform
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect.events import emit_event

from flows.adapters.redaction import everywhere_without
from flows.addresses import scrub
from flows.run import Ending, Pulled
from flows.workshop import workshop
from stages.condition import Condition
from stages.errors import BudgetReached, EndpointDown, WorkerError
from stages.models import WorkItem
from stages.outcome import Outcome

LONGEST = 2_000
"""Characters of a text in a payload."""


def published(outcomes: Sequence[Outcome], commit: str) -> None:
    """`item-published`: a row is in the results dataset."""
    dataset = workshop().settings.datasets[2]
    for outcome in outcomes:
        usage = outcome.usage
        told = {
            **_about(outcome.item),
            "verdict": str(outcome.verdict.grade),
            "reason": outcome.verdict.reason[:LONGEST],
            "tokens": usage.prompt_tokens + usage.completion_tokens,
            "cost": usage.cost,
            "commit": commit,
        }
        _emit("item-published", dataset, told, outcome.item.repository, once=outcome.item.key)


def set_aside(item: WorkItem, tries: int, why: str) -> None:
    """`item-set-aside`: an item broke off too often; its row will say why."""
    told = {**_about(item), "tries": tries, "reason": why[:LONGEST]}
    _emit("item-set-aside", workshop().settings.datasets[2], told, item.repository, once=item.key)


def quota_near(found: Condition, near: Sequence[str]) -> None:
    """`quota-near`: the results dataset comes near to what it may be."""
    told = {"message": " ".join(near), "bytes": max(found.size, found.storage or 0), "files": found.files}
    _emit("quota-near", found.dataset, told)


def sandbox(missing: str) -> None:
    """`sandbox-missing`: no code is run on this machine, and why; nothing where it is."""
    if _begins("sandbox-missing", missing):
        told = {"machine": platform.node(), "message": missing[:LONGEST]}
        _emit("sandbox-missing", workshop().settings.datasets[2], told)


def of_run(pulled: Pulled, ends: Sequence[Ending]) -> None:
    """`upstream-gone`, `budget-reached`, `breaker-open`: what began in a run, or was met by it first."""
    for dataset in workshop().settings.datasets[:2]:
        is_gone = dataset in pulled.look.gone
        if _begins(f"upstream-gone-{dataset.replace('/', '--')}", "gone" if is_gone else ""):
            _emit("upstream-gone", dataset, {"message": f"{dataset} was there, and cannot be read any more."})
    for each in (pulled.closed, *ends):
        of_end(each)


def of_end(end: Outcome | WorkerError | None) -> None:
    """The same of one item alone, or of the reason why none is taken up."""
    shop = workshop()
    if isinstance(end, BudgetReached) and end.scope != "item":
        reopens = end.reopens.isoformat() if end.reopens else ""
        if _begins("budget-reached", f"{end.scope} {reopens or shop.started}"):
            told = {"scope": end.scope, "reopens": reopens, "message": str(end)}
            _emit("budget-reached", shop.settings.datasets[2], told)
    if isinstance(end, EndpointDown) and _begins("breaker-open", end.reopens.isoformat()):
        told = {"reopens": end.reopens.isoformat(), "message": str(end)[:LONGEST]}
        _emit("breaker-open", shop.settings.datasets[2], told)


def _about(item: WorkItem) -> dict[str, Any]:
    return {"item": item.key, "title": item.finding.title, "severity": item.finding.severity, "file": item.finding.file}


def _emit(name: str, dataset: str, payload: dict[str, Any], repository: str = "", once: str = "") -> None:
    """`once`: the server keeps one event of this name, dataset and text, however often it is told."""
    clean: dict[str, Any] = everywhere_without(workshop().settings.secrets, payload)
    related = [_resource("repository", scrub(repository), role=True)] if repository else []
    id_ = uuid5(NAMESPACE_URL, f"{workshop().settings.hub_address}/{dataset}/{name}/{once}") if once else None
    emit_event(f"autocoder.{name}", resource=_resource("dataset", dataset), related=related, payload=clean, id=id_)


def _resource(kind: str, name: str, role: bool = False) -> dict[str, str]:
    named = {"prefect.resource.id": f"autocoder.{kind}.{name}", "prefect.resource.name": name}
    return named | ({"prefect.resource.role": kind} if role else {})


def _begins(condition: str, value: str) -> bool:
    """Whether the condition (none: empty) is another than this home was in when it looked last."""
    kept = workshop().place / "told" / condition
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    if value != before:
        with suppress(OSError):  # on a full disk it is told again
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(value, encoding="utf-8")
    return bool(value) and value != before
