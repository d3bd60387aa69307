"""A browser on Ralph's pages, for tests: it notes what a person would not see and must not happen.

The fixtures are those of every test of the dashboard: one server for all that a worker runs, one browser a module.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from serving import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocketRoute

WEB = Path(__file__).parent.parent / "ralph" / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESK: Any = {"width": 1_400, "height": 900}
PHONE: Any = {"width": 390, "height": 844}
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
    settings: dict[str, Any] = {"locale": "en-US", "viewport": DESK, **options}
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def cookies(browser: Browser, simulated: Server) -> Any:
    """The owner's session on the simulated market's server."""
    with simulated.client() as client:
        return signed_in(browser, simulated.url, new_link(client))


@pytest.fixture
def page(browser: Browser, simulated: Server, cookies: Any) -> Iterator[Page]:
    """A page that must not log an error and must ask nobody else."""
    with visiting(browser, simulated.url, storage_state=cookies) as opened:
        yield opened


@pytest.fixture
def refused(browser: Browser, simulated: Server, cookies: Any) -> Iterator[Page]:
    """A page on which requests are refused: a browser logs each of them as an error."""
    context = browser.new_context(base_url=simulated.url, storage_state=cookies, locale="en-US")
    yield context.new_page()
    context.close()


@pytest.fixture
def client(simulated: Server) -> Iterator[httpx.Client]:
    """The API of what the pages show."""
    with simulated.client(params={"workspace": "demo"}) as opened:
        yield opened


def keep_settings(page: Page, **settings: str) -> None:
    """What a person chose before this visit."""
    page.add_init_script(f"localStorage.setItem('ralph.settings', {json.dumps(json.dumps(settings))})")


def look(page: Page, number: int) -> dict[str, str]:
    """Languages and themes in turn."""
    settings = {"language": ["ko", "en"][number % 2], "theme": ["light", "dark"][number // 2 % 2]}
    keep_settings(page, **settings)
    return settings


def see(page: Page, path: str) -> None:
    """Open a page and wait until it shows what it has."""
    page.goto(at(path))
    page.locator("main :is(h1, .card)").first.wait_for(state="attached")
    page.wait_for_load_state("networkidle")


def violations(page: Page) -> dict[str, list[str]]:
    """What axe finds against WCAG 2.2 A and AA, with the first places; the test is skipped where axe is absent."""
    if not AXE.is_file():
        pytest.skip("axe-core is absent: uv run python ops/dashboard.py check")
    page.evaluate(AXE.read_text())
    report = page.evaluate("tags => axe.run({runOnly: tags})", STANDARDS)
    return {each["id"]: [node["html"][:200] for node in each["nodes"][:3]] for each in report["violations"]}


def sideways(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def drop(page: Page, name: str, rows: list[str]) -> None:
    """Let a file fall on the page."""
    made = page.evaluate_handle(
        "([name, text]) => { const all = new DataTransfer(); all.items.add(new File([text], name)); return all; }",
        [name, "\n".join(rows)],
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": made})


def quote(symbol: str, price: float | None, value: float, **more: Any) -> dict[str, Any]:
    """A row of the live board."""
    prices = dict.fromkeys(("open", "high", "low"), price)
    changes = {"change": 1, "change_ratio": 0.01, "volume": 10, "value": value}
    where = {"at": "2026-11-20T01:00:00Z", "session": "regular", "venue": "KRX"}
    return {"symbol": symbol, "price": price, **prices, **changes, **where, **more}


class Live:
    """The other end of the page's live connection."""

    def __init__(self, page: Page) -> None:
        self.asked: list[dict[str, Any]] = []
        self._routes: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/ws"), self._serve)

    def _serve(self, route: WebSocketRoute) -> None:
        self._routes.append(route)
        route.on_message(lambda text: self.asked.append(json.loads(text)))
        hello = {"type": "hello", "protocol": 1, "epoch": "e1", "workspace": "demo", "simulated": True}
        route.send(json.dumps(hello))

    def say(self, topic: str, data: Any, **more: Any) -> None:
        """One frame."""
        frame = {"topic": topic, "data": data, **more}
        self._routes[-1].send(json.dumps({"type": "frames", "frames": [frame]}))

    def hang_up(self) -> None:
        """The connection breaks."""
        self._routes[-1].close()
