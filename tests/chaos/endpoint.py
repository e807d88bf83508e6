"""`python -m tests.chaos.endpoint PORT LEDGER RATE SEED RESULTS`: the fake model with faults, and the ledger of calls.

The moment a request comes, it looks whether the worker had stored a whole result for that item and step: then the call
is one that is paid for twice.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_refusals import openai_error
from tests.adapters.fake_replies import Answer, Call, Script, Wire, event, hangs_up, refuses, repeats, says, sends
from tests.bench.endpoint import DRAFT, TEXT
from tests.bench.ledger import Ledger
from tests.chaos.weather import Weather

DELAY_S = 0.05
_BEGUN = (event({"role": "assistant"}), event({"content": '{"surface_problem": "It is'}))
FAULTS: dict[str, Answer] = {
    "429": refuses(429, openai_error("slow down")),
    "429 for a second": refuses(429, openai_error("slow down"), {"retry-after": "1"}),
    "500": refuses(500, openai_error("internal error")),
    "502": refuses(502, "<html>Bad Gateway</html>"),
    "503": refuses(503, openai_error("overloaded")),
    "504": refuses(504, ""),
    "reset": hangs_up,
    "reset in mid-stream": sends(*_BEGUN, then="reset"),
    "hung up in mid-stream": sends(*_BEGUN, then="hang up"),
    "silent in mid-stream": sends(*_BEGUN, then="silence"),
    "garbage": refuses(200, b"\x00\xff<html>not what you asked for</html>"),
    "no answer to the question": says("I would rather talk about the weather."),
    "cut off": says('{"surface_problem": "It', finish="length"),
    "endless repetition": repeats("and so on ", megabytes=2),
}


def good(call: Call) -> str:
    """The answer to a call: mostly prose, so that little code is executed; some code, and some that fails at first."""
    text = answer_for(call.step, call.prompt, call.item)
    if not call.step.startswith(("draft", "repair")):
        return text
    kind = int(call.item, 16) % 8
    if kind > 1:
        return DRAFT.format(item=call.item, text=TEXT)
    return text.replace("== 42", "== 43") if kind == 1 and call.step == "draft" else text


def is_stored(results: Path, item: str, step: str, turn: str = "1") -> bool:
    """Whether a whole result of that step lies there, or a whole reply to its first turn if that is asked for.

    A torn one, which a dying process leaves, is none.
    """
    result = f"{item}-*/{step}-{'[0-9a-f]' * 16}"
    return _is_whole(results, result, "result") or (turn == "1" and _is_whole(results, f"{result}.first", "text"))


def _is_whole(results: Path, pattern: str, field: str) -> bool:
    for file in results.glob(pattern):
        with suppress(OSError, ValueError):
            if field in json.loads(file.read_bytes()):
                return True
    return False


def watched(ledger: Ledger, weather: Weather, results: Path) -> Script:
    """Answers that are written down, with a fault now and then."""

    def script(call: Call) -> Answer:
        name, fault = weather.fault("model", FAULTS)
        tell = _teller(ledger, call, name)
        tell("asked", stored=is_stored(results, call.item, call.step, call.turn))
        answer = fault or says(good(call), delay=DELAY_S)

        async def told(call: Call, wire: Wire) -> None:
            await answer(call, wire)
            tell("faulted" if fault else "answered")

        return told

    return script


def _teller(ledger: Ledger, call: Call, fault: str) -> Callable[..., None]:
    prompt = sha256(json.dumps(call.body["messages"]).encode()).hexdigest()[:16]
    run = call.headers.get("authorization", "").removeprefix("Bearer ")
    what = {"item": call.item, "step": call.step, "turn": call.turn, "prompt": prompt, "run": run, "fault": fault}

    def tell(event: str, **more: object) -> None:
        ledger.write(at=time.time(), event=event, **what, **more)

    return tell


def main() -> None:
    port, path, rate, seed, results = sys.argv[1:]
    script = watched(Ledger(Path(path)), Weather(Path(rate), seed), Path(results))
    asyncio.run(FakeModel(script, port=int(port)).serve())


if __name__ == "__main__":
    main()
