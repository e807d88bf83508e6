"""The Prefect UI after `make up`, as a person sees it, by either door. Pictures go to build/screenshots."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient

from stages.outcome import STAGES
from tests.browser.doors import Door, behind_https, plain
from tests.deployments.make_up import Up

if TYPE_CHECKING:
    from tests.browser.page import Page

SELENIUM = Path(sys.prefix) / "browser"
MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
NEEDS_OPENSSL = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is missing (Debian: apt-get install openssl)"
)
WHY_NOT = f"{', '.join(MISSING)} missing (Debian: apt-get install chromium chromium-driver)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=WHY_NOT),
    pytest.mark.skipif(not SELENIUM.exists(), reason="selenium is missing: `make e2e` installs it"),
]


@pytest.fixture(scope="module", params=[plain, pytest.param(behind_https, marks=NEEDS_OPENSSL)])
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with request.param(tmp_path_factory.mktemp("up")) as opened:
        yield opened


@pytest.fixture
def page(door: Door, request: pytest.FixtureRequest) -> Iterator["Page"]:
    sys.path.append(str(SELENIUM))
    from tests.browser.page import browser

    with browser("--ignore-certificate-errors") as opened:
        if door.password:
            opened.open(door.address)
            opened.log_in(door.password)
        yield opened
        opened.keep(request.node.name)
        assert opened.faults() == []


def ui(door: Door, place: str) -> str:
    return f"{door.address}/v2/{place}"


def deployment(up: Up, name: str) -> UUID:
    with up.client() as prefect:
        return prefect.read_deployment_by_name(name).id


def is_active(prefect: SyncPrefectClient, deployment: UUID) -> bool:
    (schedule,) = prefect.read_deployment(deployment).schedules
    return schedule.active


def published(up: Up) -> UUID:
    """The run that worked on the rehearsal's items."""
    with up.client() as prefect:
        return next(run.id for run in prefect.read_flow_runs(limit=50) if "Published 8" in (run.state_name or ""))


def test_the_first_address_opens_the_ui(door: Door, page: "Page"):
    page.open(door.address)
    page.shows("Dashboard", "Flow Runs", "autocoder")
    assert "Upgrade" not in page.text


def test_the_run_page_shows_six_named_stages_of_an_item(door: Door, page: "Page"):
    page.open(ui(door, f"runs/flow-run/{published(door.up)}"))
    page.shows("Published 8 of 8", "generated code is confined by", "proven", "self-tested", "failed")
    page.click("Task Runs")
    page.find("//input[@placeholder='Search by run name']").send_keys("Equal shares do not add up to the bill")
    page.shows(*(f"{stage.title} · Equal shares" for stage in STAGES), "write · Equal shares", "verify · Equal shares")


def test_an_items_page_shows_the_diff_and_the_drawn_approaches(door: Door, page: "Page"):
    page.open(ui(door, f"runs/flow-run/{published(door.up)}?tab=Artifacts"))
    item = next(row["id"] for row in door.up.rows() if "Equal shares" in row["work_item"]["finding"]["title"])
    page.click(f"//a[contains(@href, '/artifacts/')][contains(., 'item-{item}')]")
    page.click("//a[contains(@href, '/artifacts/artifact/')]")
    page.shows("1. Deep Understanding", "6. Implementation Plan", "diff --git a/tally/", "Verdict")
    approaches = page.find("//*[name()='svg'][.//*[contains(@class, 'node')]]")
    assert "RECOMMENDED" in approaches.text
    assert "flowchart LR" not in page.text


def test_the_run_form_explains_each_parameter_and_starts_a_run(door: Door, page: "Page"):
    page.open(ui(door, f"deployments/deployment/{deployment(door.up, 'implement/on-demand')}/run"))
    page.shows("The most work items to take up", "Work on this one item", "Do everything but the commit")
    started = "//a[contains(@href, '/runs/flow-run/')]"
    page.click_until("Submit", started)
    page.click(started)
    page.shows("Idle")
    page.click("Details")
    page.shows("Nothing waits: every work item has an outcome.")


def test_the_schedule_is_paused_and_resumed(door: Door, page: "Page"):
    scheduled = deployment(door.up, "implement/every-120s")
    page.open(ui(door, f"deployments/deployment/{scheduled}"))
    page.shows("Every 2 minutes")
    for state in ("unchecked", "checked"):
        page.click("//button[@role='switch']")
        page.find(f"//button[@role='switch'][@data-state='{state}']")
        with door.up.client() as prefect:
            page.until(lambda wanted=state == "checked": is_active(prefect, scheduled) is wanted, f"left it {state}")
