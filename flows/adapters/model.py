"""Chat completions, counted before and after, and recorded: an endpoint, or a recording played back."""

import logging
from time import monotonic
from uuid import uuid4

from flows.adapters.bounds import bounds
from flows.adapters.breaker import Breaker, of
from flows.adapters.endpoint import Endpoint, Tally, replay_path
from flows.adapters.recording import Recorder
from flows.adapters.reply import CHARACTERS, Prices, prompt_tokens, reply_from
from flows.adapters.spending import Reservation, Spending
from flows.settings import Settings
from stages.errors import Transient, WorkerError
from stages.models import Question, Reply, Usage

log = logging.getLogger(__name__)

_EXPECTED = 8
"""A call in flight is expected to answer with this part of the longest answer; thoughts are shorter, drafts longer."""


class Model:
    """The model that the settings name: `ask` is how `stages` reaches it. Belongs to one event loop."""

    def __init__(self, settings: Settings, spending: Spending | None = None, breaker: Breaker | None = None) -> None:
        self.spending = spending or Spending(settings.home, bounds(settings), run=uuid4().hex)
        self._settings = settings
        self._replay = replay_path(settings.model_name).name if settings.model_name.startswith("replay:") else ""
        self._prices = Prices(settings.price_prompt, settings.price_completion)
        self._recorder = Recorder(settings.record, settings.secrets) if settings.record else None
        self._endpoint = Endpoint(settings)
        self._breaker = breaker or of(settings)
        self._expected = settings.answer_tokens // _EXPECTED

    async def aclose(self) -> None:
        """Close connections and journal."""
        await self._endpoint.aclose()
        self.spending.close()

    async def name(self) -> str:
        """The model that answers, also where the settings name none. Raises as `ask` does."""
        return await self._endpoint.model(self._endpoint.address)

    async def ask(self, question: Question) -> Reply:
        """The reply, whatever it is worth: a cut, empty or refused one says so in `finish` and `note`.

        Raises BudgetReached and EndpointDown before anything is sent; OutOfCredits, Misconfigured, Permanent with what
        to do; Transient.
        """
        self._breaker.check(question.item)
        reply = await (self._replayed(question) if self._replay else self._counted(question))
        if reply.note:
            log.warning("%s: %s", question.step, reply.note)
        self._record(question, reply)
        return reply

    async def _replayed(self, question: Question) -> Reply:
        """A recorded reply: it spends nothing, and the tokens that were counted then say nothing of this prompt."""
        reply = await self._answer(question, prompt_tokens(question), Tally())
        return reply.model_copy(update={"model": f"replay:{self._replay}", "note": ""})

    async def _counted(self, question: Question) -> Reply:
        """The reply, in the journal from before it is asked for."""
        prompt, tally = prompt_tokens(question), Tally()
        expected = self._usage(prompt, self._expected, 1)
        reservation = self.spending.reserve(question.item, expected)
        try:
            reply = await self._answer(question, prompt, tally)
        except BaseException:  # cancelled calls cost, too
            self._settle(reservation, self._lost(prompt, tally))
            raise
        self._settle(reservation, reply.usage)
        return reply

    async def _answer(self, question: Question, prompt: int, tally: Tally) -> Reply:
        began = monotonic()
        try:
            completion = await self._endpoint.complete(question, tally)
        except Transient as fault:
            self._breaker.failed(str(fault), question.item)
            raise
        self._breaker.succeeded()
        reply = reply_from(completion, prompt, self._settings.answer_tokens, self._prices)
        usage = (reply.usage + self._lost(prompt, tally)).model_copy(update={"seconds": monotonic() - began})
        return reply.model_copy(update={"usage": usage})

    def _lost(self, prompt: int, tally: Tally) -> Usage:
        """All requests, and what those may have cost that came to nothing: as expected, or what came if it was more."""
        calls = len(tally.lost)
        answers = (max(lost.size // CHARACTERS, self._expected) for lost in tally.lost)
        usage = self._usage(calls * prompt, sum(answers), tally.requests)
        return usage if calls else Usage(requests=tally.requests)

    def _usage(self, prompt: int, completion: int, requests: int) -> Usage:
        cost = self._prices.of(prompt, completion)
        return Usage(prompt_tokens=prompt, completion_tokens=completion, requests=requests, cost=cost, estimated=True)

    def _settle(self, reservation: Reservation, usage: Usage) -> None:
        try:
            self.spending.settle(reservation, usage)
        except WorkerError as error:
            log.warning("A call stays in the journal at its expected cost: %s", error)  # its answer is paid: keep it

    def _record(self, question: Question, reply: Reply) -> None:
        if not self._recorder:
            return
        try:
            self._recorder.record(question, reply)
        except OSError as error:
            log.warning("A call of %s could not be recorded: %s", question.step, error)
