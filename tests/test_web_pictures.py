"""A screenshot of every page in both languages and themes, for people to look at: RALPH_PICTURES says where to."""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browsing import DESK, PHONE, at, keep_settings, visiting
from serving import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long

VIEWS: dict[str, Any] = {"desk": DESK, "phone": PHONE}
SCREEN = "rsi(14) < 45 and close > sma(50)"
TABS = [f"/system?tab={tab}" for tab in ("imports", "jobs", "schedule", "quality", "health", "sources")]
PARTS = [f"/help?part={part}" for part in ("first", "language", "keys", "api")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = Path(os.environ.get("RALPH_PICTURES") or tmp_path_factory.mktemp("pictures"))
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture
def paths(client: httpx.Client) -> dict[str, str]:
    """Every page with something on it, by the name of its picture."""
    code = client.post("/api/v1/scans/vcp/run", json={"limit": 1}).json()["matches"][0]["symbol"]
    signal = client.get("/api/v1/signals", params={"limit": 1}).json()["signals"][0]["id"]
    screen = f"/screener?q={SCREEN}"
    found = {
        "today": "/",
        "screener-start": "/screener",
        "screener": screen,
        "screener-near": f"{screen}&tab=near",
        "screener-excluded": "/screener?q=close > sma(240)&tab=excluded",
        "screener-compare": f"{screen}&tab=compare&vs=close > sma(20)",
        "screener-wrong": "/screener?q=rsii(14) < 45",
        "symbols": "/symbols",
        "symbol": f"/symbols/{code}?ind=sma(20),macd(12,26,9),rsi(14)",
        "signal": f"/signals?id={signal}",
        "performance": "/signals?view=performance",
        "live": "/live",
        "lost": "/nothing",
    }
    return found | {re.sub(r"\W+", "-", path).strip("-"): path for path in TABS + PARTS}


@pytest.mark.parametrize("look", [(*each, view) for each in product(("ko", "en"), ("light", "dark")) for view in VIEWS])
def test_every_page_can_be_looked_at(
    browser: Browser, simulated: Server, cookies: Any, paths: dict[str, str], folder: Path, look: tuple[str, str, str]
) -> None:
    language, theme, view = look
    with visiting(browser, simulated.url, storage_state=cookies, viewport=VIEWS[view]) as page:
        keep_settings(page, language=language, theme=theme)
        for name, path in paths.items():
            page.goto(at(path))
            page.wait_for_load_state("networkidle")
            picture = folder / f"{name}.{view}.{theme}.{language}.png"
            page.screenshot(path=picture, full_page=view == "phone")
            assert picture.stat().st_size > 0
