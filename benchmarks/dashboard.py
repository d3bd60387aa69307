"""D1 to D5: how long people wait for the dashboard, in Debian's Chromium over a market of 2,500 Symbols."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from benchmarks.goal import Goal
from benchmarks.http import fill, serving, wait_for
from benchmarks.market import embedded

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PORT = 18_480
SYMBOLS, RATE = 2_500, 10  # rows of a full market; updates of all of them a second
VISITS, FLIPS = 7, 40
FRAMES_S = 4
PAUSE_MS = 120  # between two keys
SCREENS = (
    "rsi(14) < 45 and close > sma(50)",
    "close > sma(20) and volume > 1.5 * sma(volume, 20)",
    "close crosses_above sma(60)",
    "macd(12, 26, 9).hist > 0 and close > ema(30)",
    "close > highest(high, 55)[1] * 0.97",
    "adx(14) > 25 and atr(14) / close < 8%",
)
"""Typed key by key; every text on the way that is a screen counts, and no text is typed twice."""

HERE = Path(__file__).parent
WEB = HERE.parent / "ralph" / "web"
CLOCKS = (HERE / "dashboard.js").read_text()
FEED = (HERE / "dashboard_feed.js").read_text()
FIRST = "main:has([data-gate]):has(tbody tr):has(section)"  # the gate, breadth and movers
MISSING = "no browser: the benchmark needs chromium (or RALPH_CHROMIUM) and playwright"


async def measure() -> list[Goal]:
    """By the browser's own clock, from a key to the picture; the server is a process of its own on this machine."""
    async with embedded() as (folder, servers):
        await fill(servers, SYMBOLS)
        with serving(folder, servers, PORT) as (client, _):
            wait_for(client, "/health/ready")
            return await asyncio.to_thread(_look, client)


def _look(client: httpx.Client) -> list[Goal]:
    with _browser() as browser:
        state = _signed_in(browser, client)
        first = _looking(browser, client, state, _visits)
        keys = _looking(browser, client, state, _typing)
        flips = _looking(browser, client, state, _flipping)
        frames, longest = _looking(browser, client, state, _streaming)
    _tell("first page", first)
    _tell("key to results", keys)
    _tell("next chart", flips)
    return [
        Goal("D1", statistics.median(first), 1_500, None, "lower", "ms"),
        Goal("D2", float(np.percentile(keys, 95)), 150, None, "lower", "ms"),
        Goal("D3", float(np.percentile(flips, 95)), 50, None, "lower", "ms"),
        Goal("D4.frames", frames, 50, None, "higher", "/s"),
        Goal("D4.task", longest, 100, None, "lower", "ms"),
        Goal("D5", heaviest(), 250, None, "lower", "kB"),
    ]


def _tell(what: str, taken: list[float]) -> None:
    low, half, high, most = np.percentile(taken, [0, 50, 95, 100])
    print(f"  {what}: {len(taken)} times, {low:.0f} / {half:.0f} / {high:.0f} / {most:.0f} ms", file=sys.stderr)


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
    path = os.environ.get("RALPH_CHROMIUM") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit(MISSING) from None
    if path is None:
        raise SystemExit(MISSING)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def _signed_in(browser: Browser, client: httpx.Client) -> Any:
    context = browser.new_context(base_url=str(client.base_url))
    page = context.new_page()
    page.goto(client.post("/api/v1/login-links").raise_for_status().json()["path"])
    page.locator("main .card").first.wait_for()
    state = context.storage_state()
    context.close()
    return state


def _looking(browser: Browser, client: httpx.Client, state: Any, look: Callable[[Page, httpx.Client], Any]) -> Any:
    """With a page of its own, which has clocks in it."""
    context = browser.new_context(
        base_url=str(client.base_url), storage_state=state, viewport={"width": 1_400, "height": 900}
    )
    page = context.new_page()
    page.add_init_script(CLOCKS)
    try:
        return look(page, client)
    finally:
        context.close()


def _visits(page: Page, client: httpx.Client) -> list[float]:
    """From going to the address to the first page with its numbers; the very first visit is not counted."""
    page.add_init_script(f"window.first = until({json.dumps(FIRST)})")
    taken = []
    for _ in range(VISITS + 1):
        page.goto("/")
        taken.append(float(page.evaluate("window.first")))
        page.wait_for_load_state("networkidle")
    return taken[1:]


def _typing(page: Page, client: httpx.Client) -> list[float]:
    """From a key to the results of the text that it makes."""
    page.goto("/screener")
    field = page.locator("#expression")
    taken = []
    for screen in SCREENS:
        field.fill("")
        for at, key in enumerate(screen, 1):
            text = screen[:at]
            said = client.post("/api/v1/screens/validate", json={"expression": text}).json()
            wanted = "[data-for]" if said["valid"] else "textarea"
            page.evaluate("wanted => { window.seen = until(wanted) }", f"{wanted[:-1]}={json.dumps(text)}]")
            field.press(key)
            if said["valid"]:
                taken.append(float(page.evaluate("window.seen")))
            page.wait_for_timeout(PAUSE_MS)
    return taken


def _flipping(page: Page, client: httpx.Client) -> list[float]:
    """From the arrow key to the next chart, at the pace of somebody who looks at each."""
    asked = {"expression": "close > sma(20)", "limit": FLIPS + 1}
    order = [match["symbol"] for match in client.post("/api/v1/screens/run", json=asked).json()["matches"]]
    page.goto(f"/screener?q={asked['expression']}")
    page.locator(f'[data-subject="{order[0]}"]').wait_for()
    taken = []
    for symbol in order[1:]:
        page.wait_for_timeout(2 * PAUSE_MS)
        page.evaluate("wanted => { window.seen = until(wanted) }", f'[data-subject="{symbol}"]')
        page.keyboard.press("ArrowDown")
        taken.append(float(page.evaluate("window.seen")))
    return taken


def _streaming(page: Page, client: httpx.Client) -> tuple[float, float]:
    """Pictures a second of the live board while all rows change, and the longest task of the page."""
    page.route("**/api/v1/feed*", lambda route: route.fulfill(json={"ticks": 0}))
    page.add_init_script(feed(SYMBOLS, RATE))
    page.goto("/live")
    page.locator(f'[data-rows="{SYMBOLS}"]').wait_for()
    frames = float(page.evaluate("seconds => frames_of(seconds)", FRAMES_S))
    return frames, float(max(page.evaluate("window.long"), default=0.0))


def feed(symbols: int, rate: int) -> str:
    """A script that puts a live market of its own into a page."""
    return FEED.replace("SYMBOLS", str(symbols)).replace("RATE", str(rate))


def heaviest() -> float:
    """Kilobytes of compressed scripts that a first visit loads, of the page that loads most."""
    manifest = json.loads((WEB / "dist" / "manifest.json").read_text())
    entry = next(name for name, chunk in manifest.items() if chunk.get("isEntry"))

    def needed(name: str) -> set[str]:
        return {name}.union(*(needed(each) for each in manifest[name].get("imports", []) if each != name))

    def weight(names: set[str]) -> int:
        files = {manifest[name]["file"] for name in names}
        return sum(len(gzip.compress((WEB / "dist" / file).read_bytes())) for file in files)

    return max(weight(needed(entry) | needed(page)) for page in [entry, *manifest[entry]["dynamicImports"]]) / 1_000
