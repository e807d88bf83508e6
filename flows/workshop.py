"""What one run works with: settings and doors, each opened when first used."""

import asyncio
import os
import re
import time
from collections.abc import Collection, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from flows import pace
from flows.account import Account
from flows.adapters.backlog import Backlog, Claim
from flows.adapters.caches import Caches
from flows.adapters.catching_up import catch_up
from flows.adapters.claims import Claims
from flows.adapters.hub import Hub
from flows.adapters.redaction import everywhere_without, without
from flows.adapters.rights import check_writer
from flows.adapters.upstream import Upstream
from flows.addresses import scrub
from flows.places import begun, outbox_of, place_of
from flows.progress import Progress
from flows.settings import Settings
from stages.errors import BudgetReached, EndpointDown, Misconfigured, Permanent, WorkerError
from stages.models import WorkItem

if TYPE_CHECKING:  # an idle tick never pays for these imports
    from flows.adapters.breaker import Breaker
    from flows.adapters.model import Model
    from flows.adapters.repository import Repositories
    from flows.adapters.results import Receipt, Results
    from flows.adapters.spending import Spending
    from flows.adapters.verification import Verification
    from stages.models import Question, Reply
    from stages.outcome import Outcome
    from stages.patching import Guards
    from stages.stage import Thought
    from stages.templates import Templates


class Workshop:
    """The doors of one run. Opening one is a property; `close` closes those that were opened."""

    def __init__(self, chosen: Settings, dry_run: bool = False) -> None:
        self.settings = chosen
        self.dry_run = dry_run
        self.started = now()
        self.home = chosen.home
        self.home.mkdir(parents=True, exist_ok=True)
        self.place = place_of(chosen)
        self.outbox = outbox_of(chosen)
        self.progress = Progress()
        self.claims = Claims(self.place / "claims")
        self.account = Account(self)
        self.thoughts: dict[str, list[Thought[Any]]] = {}
        """Key of an item → what was thought of it in this run, for a row that says why there is no more."""
        self.gate = asyncio.Semaphore(chosen.calls_in_flight)
        """Holds model calls back, and nothing but the calls: what their tasks do besides keeps no slot idle."""
        self.admission = asyncio.Semaphore(chosen.calls_in_flight * 2)
        """Holds items back: twice as many as calls, so that one is ready whenever a slot is free."""
        self.benches = asyncio.Semaphore(os.cpu_count() or 1)
        """Holds verifications back: more than one per processor would run each other out of time."""

    @cached_property
    def caches(self) -> Caches:
        chosen = self.settings
        return Caches(self.home, chosen.cache_gigabytes, chosen.cache_days, results=chosen.results_folder)

    @cached_property
    def hub(self) -> Hub:
        return Hub(self.settings.hub_address, self.settings.hf_token if self.settings.on_real_hub else None)

    @cached_property
    def backlog(self) -> Backlog:
        return Backlog(self.place)

    @cached_property
    def upstream(self) -> Upstream:
        return Upstream(self.hub, self.backlog, self.settings)

    @cached_property
    def results(self) -> "Results":
        from flows.adapters.results import Results

        return Results(self.hub, self.settings.datasets[2], self.settings.private, self.place)

    @cached_property
    def spending(self) -> "Spending":
        from flows.adapters.bounds import bounds
        from flows.adapters.spending import Spending

        return Spending(self.home, bounds(self.settings), run=uuid4().hex)

    @cached_property
    def repositories(self) -> "Repositories":
        from flows.adapters.repository import Repositories

        return Repositories(self.home / "mirrors", base=self.home, known=self.settings.repository)

    @cached_property
    def templates(self) -> "Templates":
        from stages.templates import Templates

        return Templates(self.settings.templates)

    @cached_property
    def guards(self) -> "Guards":
        from stages.patching import Guards

        return Guards(self.settings.protected, self.settings.patch_files, self.settings.patch_lines)

    @cached_property
    def breaker(self) -> "Breaker":
        from flows.adapters import breaker

        return breaker.of(self.settings)

    @cached_property
    def model(self) -> "Model":
        from flows.adapters.model import Model

        return Model(self.settings, self.spending, self.breaker)

    @cached_property
    def verification(self) -> "Verification":
        from flows.adapters.verification import Verification

        return Verification(self.settings, self.repositories)

    @cached_property
    def version(self) -> str:
        """Of this code."""
        return version("autocoder-implementation-worker")

    async def ask(self, question: "Question") -> "Reply":
        """The model's reply, without any of our secrets, when its turn has come."""
        async with self.gate:
            if self.settings.calls_per_minute:
                await pace.turn()
            reply = await self.model.ask(question)
        return reply.model_copy(update={"text": without(self.settings.secrets, reply.text)})

    def closed(self) -> WorkerError | None:
        """Why no item can be taken up now: no room, no right to publish, no money, an endpoint left alone.

        Nor can one while the results dataset cannot be told what dead runs spent: else it would never know of runs
        that die one after the other.
        """
        try:
            self.caches.tidy(self.needed)
            self.caches.check_room(self.settings.free_megabytes)
            if self.settings.on_real_hub and not self.dry_run:
                check_writer(self.settings, self.hub)
            if self.settings.model_address:
                self.spending.check()
                self.breaker.check()
        except (Misconfigured, BudgetReached, EndpointDown) as error:
            return error
        try:
            self.account.tell()
        except WorkerError as error:
            return error
        return None

    def needed(self, keys: set[str]) -> set[str]:
        """The attempts without an outcome; of a storage that homes share, all that are not known to have one."""
        others = keys - self.backlog.known.are_decided(keys) if self.settings.results else set()
        return begun(self.home) | others

    def take_up(self, limit: int, item: str | None, claim: Claim | None = None) -> list[WorkItem]:
        """The next items, claimed; no more than outcomes may wait on disk. Of several runs one at a time takes some."""
        with self.claims.alone():
            items = self.backlog.next(
                min(limit, self.room()),
                time.time(),
                item,
                claim=claim or self.claims.take,
                finished=self.outbox,
                dry_run=self.dry_run,
            )
        if claim is None:  # what is handed out is begun by a run of its own
            self.backlog.pauses.begin(items, time.time(), self.settings.retry_minutes)
        return items

    def room(self, handed_out: Collection[str] = ()) -> int:
        """How many more outcomes may wait on disk, beside those that other runs, or item runs, are working on."""
        finished = list(self.outbox)
        under_way = self.claims.elsewhere().union(handed_out) - {key.rpartition("-")[0] for key in finished}
        return max(0, self.settings.waiting_outcomes - len(finished) - len(under_way))

    def catch_up(self) -> tuple[str, ...]:
        """Learn what the results dataset says was seen, decided and spent since we last asked: one request."""
        state, notes = catch_up(self.backlog.known, self.results, time.time(), may_start_over=not self.dry_run)
        self.account.learned(state.spent)
        return notes

    def commit(self, outcomes: "Sequence[Outcome]") -> "Receipt":
        """Publish these outcomes in one commit, with what was seen and spent; then forget that they wait."""
        keys = {outcome.item.key for outcome in outcomes}
        seen = self.backlog.known.unpublished()
        receipt = self.results.append(outcomes, seen, self.spending.unpublished())
        self.backlog.known.decided(keys)
        if receipt.rows:  # else an earlier commit had them all, and none of what was seen went out with it
            self.backlog.known.mark_published(seen)
            self.account.went_out()
        self.outbox.drop(keys)
        return receipt

    def check_repository(self, repository: str) -> None:
        """Raises Permanent for a path of this machine that a record from the real Hub names.

        Its code would be shown to a model and published; only AUTOCODER_REPOSITORY may name one.
        """
        remote = re.match(r"(?!file:)[a-z+]+://|[\w.-]+@[\w.-]+:", repository, re.IGNORECASE)
        if self.settings.on_real_hub and not remote and repository != scrub(self.settings.repository):
            raise Permanent(
                f"The finding names {repository}, a path on this machine, which is read only where "
                "AUTOCODER_REPOSITORY names it."
            )

    def without_secrets(self, outcome: "Outcome") -> "Outcome":
        """The outcome without any of our secrets, whoever brought them in."""
        from stages.outcome import Outcome

        return Outcome.model_validate(everywhere_without(self.settings.secrets, outcome.model_dump(mode="json")))

    async def close(self) -> None:
        """Give back claims and connections."""
        self.claims.release()
        if "model" in vars(self):
            await self.model.aclose()
        for door in ("backlog", "results", "spending"):
            if door in vars(self):
                getattr(self, door).close()


def now() -> str:
    """ISO-8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


OPEN: ContextVar[Workshop] = ContextVar("workshop")


def workshop() -> Workshop:
    """The workshop of the run in hand. Raises LookupError outside of one."""
    return OPEN.get()
