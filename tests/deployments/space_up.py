"""A Space as a process, beside a Hub and a model endpoint that it takes for the real ones."""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.leftovers import leftovers
from deployments.processes import end
from flows.adapters.hub import Hub
from flows.adapters.local_hub import LocalHub
from tests import results
from tests.adapters.fake_answers import answer_for
from tests.adapters.fake_model import FakeModel
from tests.adapters.fake_replies import says
from tests.deployments.make_up import Up, free_port

LAST_LINE = "dataset      http"
PASSWORD = "planted-password-of-the-space"
BUSY = '{"exception_message":"Service Unavailable"}'
"""What Prefect answers while another writes to its database; its own client tries again, too."""
WEBHOOK = "planted-secret-of-the-webhook"
SECRETS = {
    "HF_TOKEN": "hf_planted-and-never-to-be-seen",
    "OPENAI_API_KEY": "sk-planted-and-never-to-be-seen",
    "AUTOCODER_PASSWORD": PASSWORD,
    "AUTOCODER_WEBHOOK_SECRET": WEBHOOK,
}


def login(password: str) -> dict[str, str]:
    """The header that the Prefect UI sends."""
    return {"authorization": f"Basic {b64encode(password.encode()).decode()}"}


@dataclass
class World:
    """What is there whatever becomes of the Space."""

    hub: LocalHub
    model: FakeModel

    def publish(self, *titles: str) -> None:
        """Let the analysis sibling commit a finding for each title."""
        findings = [{"title": title, "description": f"{title} in full", "severity": "high"} for title in titles]
        record = {"iteration": 1, "timestamp": "2026-01-01T00:00:00", "findings": findings}
        self.hub.put("autocoder/autocoder-analysis-results", {"iteration_1.json": json.dumps(record).encode()})

    def rows(self) -> list[dict[str, Any]]:
        return results.rows(Hub(self.hub.address))

    def count(self) -> int:
        """How many rows there are."""
        dataset = self.hub.folder / "datasets" / results.DATASET
        return len(self.rows()) if (dataset / "main").exists() else 0

    def settings(self) -> dict[str, str]:
        """Of a Space that has all it needs."""
        model = {"OPENAI_BASE_URL": self.model.address, "AUTOCODER_MODEL": "fake-1"}
        return {**SECRETS, **model, "HF_ENDPOINT": self.hub.address}


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A Hub and a model endpoint."""
    with ExitStack() as stack:
        model = FakeModel(lambda call: says(answer_for(call.step, call.prompt, call.item)))
        yield World(stack.enter_context(LocalHub(folder)), stack.enter_context(model))


@dataclass
class Space(Up):
    """One Space with ports and a home of its own."""

    module: str = "deployments.space.start"

    @property
    def address(self) -> str:
        """Of the public port."""
        return f"http://127.0.0.1:{self.settings['PORT']}"

    def ask(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """The API's answer, with the password, by way of the public port."""
        for _ in range(10):
            answer = httpx.request(method, f"{self.address}/api{path}", json=body, headers=login(PASSWORD), timeout=30)
            if not (answer.status_code == 503 and answer.text == BUSY):
                break
            time.sleep(0.5)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def status(self) -> str:
        """The public page."""
        return httpx.get(f"{self.address}/status", timeout=30).text


def until(ready: Callable[[], object], seconds: float = 240) -> None:
    """Return once it is so. Raises AssertionError when it does not come."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.5)


@contextmanager
def space(home: Path, settings: dict[str, str], until: str = LAST_LINE) -> Iterator[Space]:
    """A Space that has printed this line, and nothing of it afterwards."""
    started = Space(home, (free_port(), free_port()), settings={**settings, "PORT": str(free_port())})
    said = started.start().read_until(until)
    try:
        assert until in said[-1], "\n".join(said)
        yield started
    finally:
        started.stop()
        for left in leftovers(home / "up.json").values():
            end(left)
