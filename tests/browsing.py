"""A browser on Ralph's pages, for tests: it notes what a person would not see and must not happen."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

WAIT_MS = 20_000  # what is not there by then does not come
LIVE_PATH = "/ws"


def chromium() -> str:
    """The browser's path; the test is skipped where it or its driver is absent."""
    pytest.importorskip("playwright.sync_api", reason="playwright is absent")
    found = os.environ.get("RALPH_CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("no browser: chromium is absent")
    return found


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window, closed at the end."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


UNKNOWN_PAGE = "/nothing"


@dataclass
class Watch:
    """What went on behind a page: console errors, exceptions, and requests that left for another host."""

    host: str
    has_live: bool = True
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        missing_live = not self.has_live and LIVE_PATH in message.text
        asked = urlsplit(message.location.get("url", "")).path
        if message.type == "error" and not missing_live and asked != UNKNOWN_PAGE:  # a page with status 404 is logged
            self.errors.append(f"{message.text} ({asked})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.host, "data:", "blob:")):
            self.foreign.append(request.url)


@contextlib.contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page in a context of its own; at the end no error was logged and nothing was asked of another host."""
    settings: dict[str, Any] = {"locale": "en-US", "viewport": {"width": 1_400, "height": 900}, **options}
    context = browser.new_context(base_url=url, **settings)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watch = Watch(url, has_live=_has_live(url))
    watch.over(page)
    try:
        yield page
        assert not watch.errors, watch.errors
        assert not watch.foreign, watch.foreign
    finally:
        context.close()


def at(path: str) -> str:
    """The address of a page that shows the simulated market, whatever a test has imported."""
    return f"{path}{'&' if '?' in path else '?'}workspace=demo"


def signed_in(browser: Browser, url: str, link: str) -> Any:
    """The session that a one-time link opens, as a browser keeps it."""
    with visiting(browser, url) as page:
        page.goto(link)
        page.locator("main .card").first.wait_for()
        return page.context.storage_state()


def new_link(client: httpx.Client) -> str:
    """The path of a one-time link."""
    return str(client.post("/api/v1/login-links").raise_for_status().json()["path"])


def _has_live(url: str) -> bool:
    """Whether this server speaks on the live connection; an ordinary request to it is then refused, not unknown."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    return (
        httpx.get(f"{url}{LIVE_PATH}", headers={**upgrade, "Sec-WebSocket-Key": "cmFscGgtcmFscGgtcmFscA=="}).status_code
        != 404
    )
