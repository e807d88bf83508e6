"""`python -m tests.bench.endpoint PORT LEDGER DELAY`: the fake model, writing down when a call came and was answered.

Its drafts are prose, so that no code is executed: what is measured is the way to the model and back.
"""

import asyncio
import sys
import time
from pathlib import Path

from tests.adapters.fake_model import FakeModel, flow_script
from tests.adapters.fake_replies import Answer, Call, Script, Wire, says
from tests.bench.ledger import Ledger

DRAFT = "Notes on the finding.\n\nFILE: notes/{item}.md\n```markdown\n{text}\n```\n"
TEXT = "A sentence about the finding, and what to do.\n" * 60


def prose(script: Script, delay: float) -> Script:
    """The same answers, but drafts of prose."""

    def answer_to(call: Call) -> Answer:
        return says(DRAFT.format(item=call.item, text=TEXT), delay=delay) if call.step == "draft" else script(call)

    return answer_to


def timed(script: Script, ledger: Ledger) -> Script:
    """The same answers, with their times (seconds since the epoch) in the ledger."""

    def answer_to(call: Call) -> Answer:
        answer = script(call)

        async def answered(call: Call, wire: Wire) -> None:
            began = time.time()
            await answer(call, wire)
            ledger.write(item=call.item, step=call.step, began=began, ended=time.time())

        return answered

    return answer_to


def main() -> None:
    port, path, delay = sys.argv[1:]
    script = prose(flow_script(float(delay), pieces=8), float(delay))
    asyncio.run(FakeModel(timed(script, Ledger(Path(path))), port=int(port)).serve())


if __name__ == "__main__":
    main()
