"""What the dashboard bears: a full market at full rate, a server that dies and returns, a start while it is away; and
that all pages of signals, live and system can be used by everybody, on a phone too."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import DESK, PHONE, look, new_link, see, sideways, violations, visiting
from serving import Server, serving

from benchmarks.dashboard import RATE, SYMBOLS, feed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEMO = "workspace=demo"
TABS = [f"/system?tab={tab}" for tab in ("imports", "jobs", "schedule", "quality", "health", "sources")]
PARTS = [f"/help?part={part}" for part in ("first", "language", "keys", "api")]
PAGES = ["/signals", "/signals?id={id}", "/signals?view=performance&by=grade", *TABS, *PARTS]

MEASURED_S = 2
PARSES_MAX = 3  # an update may take as long as decoding its text so many times: a third of it is that alone


@pytest.fixture
def fed(browser: Browser, simulated: Server, cookies: Any) -> Iterator[Page]:
    """The live board with a feed of its own in the page: all rows, many times a second."""
    with visiting(browser, simulated.url, storage_state=cookies) as page:
        page.route(re.compile("/api/v1/feed"), lambda route: route.fulfill(json={"ticks": 0}))
        page.add_init_script(feed(SYMBOLS, RATE))
        page.goto(f"/live?{DEMO}")
        page.locator(f'[data-rows="{SYMBOLS}"]').wait_for()
        yield page


def test_a_full_market_at_full_rate_leaves_the_browser_time(fed: Page) -> None:
    """By the processor time of the page's thread for each update of 2,500 rows, beside what decoding it alone takes."""
    session = fed.context.new_cdp_session(fed)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> tuple[float, int]:
        metrics = session.send("Performance.getMetrics")["metrics"]
        seconds = next(each["value"] for each in metrics if each["name"] == "ThreadTime")
        return float(seconds), int(fed.evaluate("window.fed"))

    before, first = used()
    fed.wait_for_timeout(MEASURED_S * 1_000)
    after, last = used()
    assert last > first
    fed.evaluate("window.feed.close()")
    began, _ = used()
    fed.evaluate("for (let at = 0; at < 20; at += 1) JSON.parse(window.sample)")
    ended, _ = used()
    assert (after - before) / (last - first) < PARSES_MAX * (ended - began) / 20
    assert fed.locator("[data-row]").count() < 60, "rows out of sight are not drawn"


def test_pages_meet_wcag_and_fit_a_phone(browser: Browser, simulated: Server, cookies: Any) -> None:
    """WCAG 2.2 A and AA as far as axe can tell; languages and themes in turn; nothing scrolls sideways on a phone."""
    with simulated.client(params={"workspace": "demo"}) as client:
        newest = client.get("/api/v1/signals", params={"limit": 1}).json()["signals"][0]["id"]
    found: dict[str, list[str]] = {}
    with visiting(browser, simulated.url, storage_state=cookies, has_touch=True) as page:
        for number, path in enumerate(PAGES):
            settings = look(page, number)
            page.set_viewport_size(DESK)
            see(page, path.format(id=newest))
            found |= {f"{path} {settings}: {name}": places for name, places in violations(page).items()}
            page.set_viewport_size(PHONE)
            if (wide := sideways(page)) > 0:
                found[f"{path} on a phone"] = [f"{wide} px too wide"]
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_a_start_while_the_server_is_away_shows_how_to_start_it(
    browser: Browser, simulated: Server, cookies: Any
) -> None:
    """The browser has kept the pages' files, of every page that was looked at; the page goes on when Ralph is back."""
    context = browser.new_context(base_url=simulated.url, storage_state=cookies, locale="en-US")
    page = context.new_page()
    page.goto(f"/help?{DEMO}")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.locator("main .card").first.wait_for()
    page.wait_for_function("async () => (await (await caches.open('ralph-1')).keys()).length > 2")
    context.set_offline(True)
    other = context.new_page()
    other.goto(f"/help?{DEMO}")
    other.locator(".lost").wait_for()
    assert "ralph up" in other.locator(".lost").inner_text()
    context.set_offline(False)
    other.locator(".lost").wait_for(state="detached")
    context.close()


def test_a_market_without_bars_says_what_to_do_on_every_page_and_a_server_that_dies_is_waited_for(
    browser: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path / "home", "--no-demo") as server, server.client() as client:
        state = browser.new_context(base_url=server.url, locale="en-US")
        page = state.new_page()
        page.goto(new_link(client))
        for path in ("/", "/signals", "/signals?view=performance"):
            page.goto(path)
            page.get_by_role("link", name="Imports").first.wait_for()
        page.goto("/system?tab=health")
        page.locator('[data-part="database"]').wait_for()
        port = server.url.rpartition(":")[2]
        server.stop(signal.SIGKILL)
        page.locator(".lost").wait_for()
        assert page.locator('[data-part="database"]').is_visible(), "what was there stays in sight"
        again = Server(server.home, server.log, "--no-demo", "--port", port)
        try:
            again.wait_ready()
            page.locator(".lost").wait_for(state="detached")
            page.locator('[data-part="database"][data-ok="true"]').wait_for()
        finally:
            again.stop()
        state.close()
