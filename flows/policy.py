"""How a verb becomes a Prefect task: the only place with retry, timeout and cache policy."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import exponential_backoff
from prefect.utilities.annotations import opaque
from pydantic import BaseModel

from flows.workshop import workshop
from stages.errors import Transient
from stages.models import WorkItem

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Job = Callable[[], Awaitable[dict[str, Any]]]

SCHEMA = 1
"""Version of what stored results mean: part of their key, so that another version is never read. Shapes are, too."""
LONGEST_WAIT = 300.0
"""Seconds that a Retry-After may hold a task; what asks for longer is left to a later run."""


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Not what the state of a task run that ended well says already: a line costs 2 ms here, and 2 at the server."""
    return record.levelno > logging.INFO or not record.getMessage().startswith("Finished in state")


logging.getLogger("prefect.task_runs").addFilter(_worth_a_line)


async def may_pass(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Retry what is Transient, at the pace that the other side asks for, and nothing else."""
    try:
        await state.result()
    except Transient as error:
        wait = error.retry_after or 0.0
        if wait > LONGEST_WAIT:
            return False
        await asyncio.sleep(wait)
        return True
    except Exception:  # of any other error it is not known that trying again helps
        return False
    return False


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return str(parameters["key"])


PATIENT: dict[str, Any] = {
    "task_run_name": "{label}",
    "retries": 4,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
}


@task(persist_result=False, cache_policy=NO_CACHE, **PATIENT)
async def _act(label: str, job: Any) -> Any:
    return await asyncio.to_thread(job)


@task(persist_result=True, result_serializer="json", cache_key_fn=_key, **PATIENT)
async def _stored(label: str, key: str, job: Any) -> Any:
    return await job()


@cache
def _named(name: str) -> Task[..., Any]:
    return _stored.with_options(name=name)


async def act(verb: str, about: str, job: Callable[[], T], **policy: Any) -> T:
    """Blocking work on the world, in a thread, as a task named by its verb."""
    found: T = await _act.with_options(name=verb, **policy)(f"{verb} · {about}" if about else verb, opaque(job))
    return found


def key(item: WorkItem, step: str, given: Any, kind: type[BaseModel]) -> str:
    """Under which the storage has what a step gives that is `given` this, and gives this kind."""
    digest = hashlib.sha256(json.dumps([SCHEMA, _shape(kind), given], sort_keys=True).encode()).hexdigest()[:16]
    return f"{item.key}/{step}-{digest}"


async def stored(name: str, item: WorkItem, key: str, kind: type[M], job: Job) -> M:
    """What a job gives, as a task; of one that came to its end before under the same `key`, what it gave then."""
    found: dict[str, Any] = await _named(name)(f"{name} · {item.finding.title}", key, opaque(job))
    workshop().caches.used(item.key)
    workshop().progress.step()
    return kind.model_validate(found)


@cache
def _shape(kind: type[BaseModel]) -> str:
    return hashlib.sha256(json.dumps(kind.model_json_schema(), sort_keys=True).encode()).hexdigest()
