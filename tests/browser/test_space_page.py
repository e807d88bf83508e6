"""A Space as its visitors see it: in the Hub's page, behind https, with the password. Pictures in build/screenshots."""

import functools
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.browser.https import certificate, https
from tests.browser.test_prefect_ui import NEEDS_OPENSSL, SELENIUM, pytestmark  # noqa: F401  # the same is needed
from tests.deployments.space_up import PASSWORD, Space, space, world

if TYPE_CHECKING:
    from tests.browser.page import Page

HUB, HOST = "huggingface.co", "ada-worker.hf.space"
"""Names that the browser looks for on this machine."""
FRAME = f'<!doctype html><title>ada/worker</title><iframe src="https://{HOST}/" width="1400" height="1400"></iframe>'


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    folder = tmp_path_factory.mktemp("space")
    with world(folder / "hub") as around:
        around.publish("A finding to be seen")
        with space(folder / "home", around.settings()) as running:
            yield running


@pytest.fixture
def page(up: Space, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["Page"]:
    sys.path.append(str(SELENIUM))
    from tests.browser.page import browser

    (tmp_path / "index.html").write_text(FRAME)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ExitStack() as stack:
        hub = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        stack.callback(hub.shutdown)
        Thread(target=hub.serve_forever, daemon=True).start()
        ports = stack.enter_context(https(certificate(tmp_path), hub.server_port, int(up.settings["PORT"])))
        places = ", ".join(f"MAP {n}:443 127.0.0.1:{p}" for n, p in zip((HUB, HOST), ports, strict=True))
        rules = f"--host-resolver-rules={places}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        opened = stack.enter_context(browser("--ignore-certificate-errors", rules))
        yield opened
        opened.keep(request.node.name)
        assert opened.faults() == []


@NEEDS_OPENSSL
def test_in_the_hubs_page_the_ui_asks_for_the_password_and_then_works(up: Space, page: "Page"):
    page.open(f"https://{HUB}/")
    page.enter("//iframe")
    page.find("//input[@type='password']")
    page.keep("space-asks-for-the-password")
    page.log_in(PASSWORD)
    page.shows("Flow Runs", "autocoder")
    page.click("//a[contains(@href, '/deployments')]")
    page.shows("every-120s", "on-demand", "daily")


@NEEDS_OPENSSL
def test_the_public_page_moves_by_itself(up: Space, page: "Page"):
    deployment = up.ask("/deployments/name/implement/every-120s", method="GET")["id"]
    page.open(f"https://{HOST}/status")
    page.shows("Running", "autocoder/autocoder-implementation-results", "A finding to be seen")
    assert page.find("//meta[@http-equiv='refresh']").get_attribute("content") == "5"
    up.ask(f"/deployments/{deployment}/pause_deployment", {})
    try:
        assert times_shown_until(page, "Running", "Paused") <= 2
    finally:
        up.ask(f"/deployments/{deployment}/resume_deployment", {})
    assert times_shown_until(page, "Paused", "Running") <= 2


def times_shown_until(page: "Page", old: str, new: str) -> int:
    """How many times the old state was still shown; 2 where the page was just coming anew, else 1."""
    shown = set()

    def is_new() -> bool:
        text = page.text
        if old in text:
            shown.update(re.findall(r"As of (\S+ \S+) UTC", text))
        return new in text

    page.until(is_new, f"does not show {new}")
    return len(shown)
