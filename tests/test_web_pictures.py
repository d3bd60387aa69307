"""A screenshot of every page in both languages and themes, for people to look at: RALPH_PICTURES says where to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import at, browsing, new_link, signed_in, visiting
from serving import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long

VIEWS: dict[str, Any] = {"desk": {"width": 1_400, "height": 900}, "phone": {"width": 390, "height": 844}}
SCREEN = "rsi(14) < 45 and close > sma(50)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = Path(os.environ.get("RALPH_PICTURES") or tmp_path_factory.mktemp("pictures"))
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture(scope="module")
def paths(simulated: Server) -> list[str]:
    """Every page with something on it."""
    with simulated.client(params={"workspace": "demo"}) as client:
        code = client.post("/api/v1/scans/vcp/run", json={"limit": 1}).json()["matches"][0]["symbol"]
        signal = client.get("/api/v1/signals", params={"limit": 1}).json()["signals"][0]["id"]
    found = [
        "/",
        "/screener",
        f"/screener?q={SCREEN}",
        "/symbols",
        f"/symbols/{code}?ind=sma(20),macd(12,26,9),rsi(14)",
    ]
    found += [f"/signals?id={signal}", "/signals?view=performance", "/live"]
    tabs = ("imports", "jobs", "schedule", "quality", "health", "sources")
    parts = ("first", "language", "keys", "api")
    return [*found, *(f"/system?tab={tab}" for tab in tabs), *(f"/help?part={part}" for part in parts)]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("look", [(language, theme) for language in ("ko", "en") for theme in ("light", "dark")])
def test_every_page_can_be_looked_at(
    browser: Browser, simulated: Server, paths: list[str], folder: Path, look: tuple[str, str], view: str
) -> None:
    language, theme = look
    with simulated.client() as client:
        cookies = signed_in(browser, simulated.url, new_link(client))
    settings = json.dumps(json.dumps({"language": language, "theme": theme}))
    with visiting(browser, simulated.url, storage_state=cookies, viewport=VIEWS[view]) as page:
        page.add_init_script(f"localStorage.setItem('ralph.settings', {settings})")
        for path in paths:
            page.goto(at(path))
            page.wait_for_load_state("networkidle")
            name = re.sub(r"\W+", "-", path.split("?id=")[0]).strip("-") or "today"
            picture = folder / f"{name}.{view}.{theme}.{language}.png"
            page.screenshot(path=picture)
            assert picture.stat().st_size > 0
