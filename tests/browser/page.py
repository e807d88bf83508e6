"""Debian's Chromium without a screen, by its own driver."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")

SCREENSHOTS = Path(__file__).parent.parent.parent / "build" / "screenshots"
OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1500,2600"),
]
PATIENCE_S = 60.0
AGAIN_S = 5.0
PREFECTS_OWN = ("amplitude.com", "favicon", ".svg", "/api/task_runs/filter - Failed", "assets/flow-run-graph-")
"""Faults in the console that are not ours: the page asks for its analytics' settings, for pictures that it lacks, and
for the task run of an artifact that belongs to none; its graph of a run draws on when it has been left."""


class Page:
    """What a person sees and does there. Raises AssertionError with the page's text when something does not come."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, address: str) -> None:
        self._driver.get(address)

    @property
    def text(self) -> str:
        return self._driver.find_element(By.TAG_NAME, "body").text

    @property
    def address(self) -> str:
        return self._driver.current_url

    def shows(self, *words: str) -> None:
        """Wait until all these words are on it."""
        self.until(lambda: all(word in self.text for word in words), f"does not show {words}")

    def click(self, what: str) -> None:
        """On what has exactly this text, or is matched by this XPath."""
        path = what if what.startswith("//") else f"//*[self::a or self::button][normalize-space()='{what}']"
        self.until(lambda: self._clicked(path), f"has no {what!r}")

    def click_until(self, what: str, comes: str) -> None:
        """The same, again and again until something comes that this XPath finds: a page may not listen yet."""

        def came() -> bool:
            self.click(what)
            time.sleep(AGAIN_S)
            return bool(self._driver.find_elements(By.XPATH, comes))

        self.until(lambda: bool(self._driver.find_elements(By.XPATH, comes)) or came(), f"has no {comes}")

    def log_in(self, password: str) -> None:
        """To the Prefect UI, which was refused until now, and asks for it."""
        self.find("//input[@type='password']").send_keys(password)
        self.click("//button[@type='submit']")
        self.shows("Dashboard")
        self._driver.get_log("browser")  # those refusals are no faults

    def enter(self, path: str) -> None:
        """Go into the frame that this XPath finds."""
        self._driver.switch_to.frame(self.find(path))

    def find(self, path: str) -> WebElement:
        """What this XPath finds first."""
        return self.until(lambda: next(iter(self._driver.find_elements(By.XPATH, path)), None), f"has no {path}")

    def keep(self, name: str) -> None:
        """A picture of it, for a person."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self._driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def faults(self) -> list[str]:
        """What the browser's console has as errors since the last look, but for Prefect's own."""
        lines = [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [line for line in lines if not any(own in line for own in PREFECTS_OWN)]

    def _clicked(self, path: str) -> bool:
        for element in self._driver.find_elements(By.XPATH, path):
            if element.is_displayed() and element.is_enabled():
                element.click()
                return True
        return False

    def until(self, ready: Callable[[], T | None], otherwise: str) -> T:
        """What it gives once it gives something."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if found := ready():
                    return found
            except (StaleElementReferenceException, WebDriverException):
                pass  # the page has just been drawn anew
            time.sleep(0.2)
        self.keep("what-was-there-instead")
        raise AssertionError(f"{self.address} {otherwise}:\n{self.text}")


@contextmanager
def browser(*more: str) -> Iterator[Page]:
    """A new one, with nothing remembered, started with these options more."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in (*OPTIONS, *more):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()
