"""The frame around the dashboard's pages: languages, themes, keyboard, phones, problems, and what the build weighs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import PHONE, WEB, Live, at, look, quote, see, sideways, violations, visiting
from serving import Server

from benchmarks.dashboard import heaviest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ROOT = Path(__file__).parent.parent
FOUND = "/screener?q=rsi(14) < 45"
PAGES = ["/", "/screener", FOUND, f"{FOUND}&tab=excluded", f"{FOUND}&tab=compare&vs=close > sma(20)"]
PAGES += ["/symbols", "/symbols/{code}", "/live", "/nothing"]  # signals, system and help are in test_web_live
TOUCH_PX = 44
SCRIPT_KB_MAX = 250  # compressed, of everything a first visit to a page loads


@pytest.fixture(scope="module")
def code(simulated: Server) -> str:
    """A Symbol that a scanner has found."""
    with simulated.client() as client:
        found = client.post("/api/v1/scans/vcp/run", json={"limit": 1}, params={"workspace": "demo"})
        return str(found.json()["matches"][0]["symbol"])


def test_every_page_meets_wcag(page: Page, code: str) -> None:
    """WCAG 2.2 A and AA as far as axe can tell, light and dark in turn, Korean and English."""
    found: dict[str, list[str]] = {}
    for number, path in enumerate(PAGES):
        settings = look(page, number)
        if path == "/nothing":
            page.route("**/nothing*", lambda route: route.fulfill(response=route.fetch(), status=200))
        see(page, path.format(code=code))
        found |= {f"{path} {settings}: {name}": places for name, places in violations(page).items()}
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_language_theme_and_colours_are_switched_and_kept(page: Page) -> None:
    page.goto(at("/"))
    root = page.locator("html")
    assert root.get_attribute("lang") == "en"
    page.get_by_role("button", name="Switch the page to Korean").click()
    page.get_by_role("link", name="조건 검색").first.wait_for()
    before = root.get_attribute("data-theme")
    page.get_by_role("button", name="밝게/어둡게 바꾸기").click()
    page.get_by_role("button", name="상승·하락 색 바꾸기").click()
    page.reload()
    page.get_by_role("region", name="시장 신호등").wait_for()
    assert root.get_attribute("lang") == "ko"
    assert root.get_attribute("data-theme") != before
    assert root.get_attribute("data-colours") == "western"
    assert "▲" in page.get_by_role("region", name="업종").inner_text(), (
        "a direction is told by a sign, not only by colour"
    )


UNREACHED = """() => {
    const every = "a[href], button, input, select, textarea, [role=grid], [tabindex]";
    const isSeen = (each) => each.checkVisibility({ visibilityProperty: true });
    const all = [...document.querySelectorAll(every)].filter(isSeen);
    const led = (each) => each.id === "content" || each.closest("[role=grid], [role=tablist]");
    window.wanted = new Set(all.filter((each) => !each.disabled && !(each.tabIndex < 0 && led(each))));
}"""


def unreached(page: Page) -> list[str]:
    """What can be clicked and is not come to with the Tab key; inside a grid or a row of tabs the arrows lead on."""
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    page.evaluate(UNREACHED)
    for _ in range(3 * page.evaluate("window.wanted.size")):  # a date is several stops
        page.keyboard.press("Tab")
        if page.evaluate("window.wanted.delete(document.activeElement), window.wanted.size") == 0:
            break
    left = "[...window.wanted].filter((each) => each.isConnected).map((each) => each.outerHTML.slice(0, 120))"
    found: list[str] = page.evaluate(left)
    return found


def test_everything_of_the_screener_is_come_to_with_the_tab_key(page: Page) -> None:
    see(page, "/screener")
    assert not unreached(page)


def test_all_pages_are_reached_by_keyboard_alone(page: Page, code: str) -> None:
    page.goto(at("/"))
    page.locator("main .card").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for name, path in (("Screener", "/screener"), ("Signals", "/signals"), ("Live", "/live"), ("System", "/system")):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Commands and symbols").wait_for()
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(f"{path}[?]"))
        page.locator("main h1").first.wait_for(state="attached")
    page.keyboard.press("/")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/symbols/{code}[?]"))
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard")
    keys.wait_for()
    keys.get_by_text("Put on the watchlist").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    page.get_by_role("button", name="Undo").click()


def test_a_phone_shows_every_page_without_scrolling_sideways(
    browser: Browser, simulated: Server, cookies: Any, code: str
) -> None:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "storage_state": cookies}
    with visiting(browser, simulated.url, **options) as phone:
        for path in PAGES[:-1]:
            see(phone, path.format(code=code))
            assert sideways(phone) <= 0, path
        for link in phone.locator("nav a:visible").all():
            box = link.bounding_box()
            assert box is not None
            assert box["height"] >= TOUCH_PX


def test_a_finger_flips_charts_on_a_phone(browser: Browser, simulated: Server, cookies: Any) -> None:
    """To the left is the next one, to the right the one before; the list follows."""
    swipe = """(node, by) => {
        const touch = (x) => [new Touch({ identifier: 1, target: node, clientX: x, clientY: 400 })];
        const say = (what, on, x) => new TouchEvent(what, { bubbles: true, touches: on, changedTouches: touch(x) });
        node.dispatchEvent(say("touchstart", touch(200), 200));
        node.dispatchEvent(say("touchend", [], 200 + by));
    }"""
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "storage_state": cookies}
    with visiting(browser, simulated.url, **options) as phone, simulated.client() as client:
        asked = {"expression": "close > sma(20)", "limit": 2}
        found = client.post("/api/v1/screens/run", json=asked, params={"workspace": "demo"}).json()["matches"]
        phone.goto(at(f"/screener?q={asked['expression']}"))
        for shown, by in ((found[0], -120), (found[1], 120), (found[0], 0)):
            chart = phone.locator(f'[data-subject="{shown["symbol"]}"]')
            chart.wait_for()
            phone.locator(f'[data-row="{shown["symbol"]}"][aria-selected="true"]').wait_for()
            chart.evaluate(swipe, by)


def problem(status: int, code: str, **headers: str) -> dict[str, Any]:
    body = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "detail": "for a test",
        "code": code,
        "request_id": "r-1",
    }
    return {"status": status, "content_type": "application/problem+json", "headers": headers, "body": json.dumps(body)}


@pytest.mark.parametrize(
    ("answer", "kind", "helps"),
    [
        (problem(429, "TOO_MANY_REQUESTS", **{"Retry-After": "1"}), "tooMany", "seconds"),
        (problem(500, "INTERNAL"), "failed", "r-1"),
        (problem(503, "STARTING", **{"Retry-After": "1"}), "busy", "by itself"),
    ],
    ids=["429", "500", "503"],
)
def test_a_failure_shows_what_to_do(
    browser: Browser, simulated: Server, cookies: Any, answer: dict[str, Any], kind: str, helps: str
) -> None:
    """And what passes by itself is asked again: the page comes without anybody doing anything."""
    context = browser.new_context(base_url=simulated.url, storage_state=cookies, locale="en-US")
    page = context.new_page()
    refused = 0

    def refuse(route: Route) -> None:
        nonlocal refused
        refused += 1
        if kind != "failed" and refused > 2:
            route.continue_()
        else:
            route.fulfill(**answer)

    page.route("**/api/v1/gate*", refuse)
    page.goto(at("/"))
    shown = page.locator(f'[data-problem="{kind}"]')
    shown.wait_for()
    assert helps in shown.inner_text()
    if kind != "failed":
        page.get_by_role("region", name="Market gate").wait_for()
    context.close()


def test_who_is_not_signed_in_or_lost_is_told_the_way(browser: Browser, simulated: Server, cookies: Any) -> None:
    for state, path, kind, helps in (
        (None, "/", "signIn", "ralph login"),
        (cookies, "/nothing", "notFound", "Screener"),
        (cookies, "/symbols/999999", "notFound", "999999"),
        (cookies, "/screener?shared=none", "notFound", "Today"),
    ):
        context = browser.new_context(base_url=simulated.url, storage_state=state, locale="en-US")
        page = context.new_page()
        page.goto(at(path))
        shown = page.locator(f'[data-problem="{kind}"]').first
        shown.wait_for()
        assert helps in shown.inner_text()
        context.close()


def test_a_server_that_does_not_answer_is_waited_for(browser: Browser, simulated: Server, cookies: Any) -> None:
    context = browser.new_context(base_url=simulated.url, storage_state=cookies, locale="en-US")
    page = context.new_page()
    page.goto(at("/system?tab=health"))
    page.get_by_role("region", name="Health").get_by_role("row").nth(1).wait_for()
    context.set_offline(True)
    page.locator(".lost").wait_for()
    assert "ralph up" in page.locator(".lost").inner_text()
    assert page.get_by_role("region", name="Health").is_visible(), "what was there stays in sight"
    context.set_offline(False)
    page.locator(".lost").wait_for(state="detached")
    context.close()


def test_the_board_follows_frames_and_asks_again_after_a_break(page: Page) -> None:
    """Prices change in place; rows jump only when somebody sorts; after a break the topics are asked for again."""

    def order() -> list[str | None]:
        return [row.get_attribute("data-row") for row in page.locator("[data-row]").all()]

    live = Live(page)
    page.goto(at("/live"))
    page.locator('main [data-live="live"]').wait_for()
    live.say("board", [quote("S00001", 1_000, 5), quote("S00002", 2_000, 9)], snapshot=True)
    page.locator('[data-rows="2"]').wait_for()
    assert order() == ["S00002", "S00001"]
    live.say("board", [quote("S00001", 1_234, 50)])
    page.get_by_text("1,234").first.wait_for()
    assert order() == ["S00002", "S00001"]
    page.get_by_role("button", name="Sort again").click()
    assert order() == ["S00001", "S00002"]
    live.asked.clear()
    live.hang_up()
    page.locator('main [data-live="off"], main [data-live="connecting"]').first.wait_for()
    page.locator('main [data-live="live"]').wait_for()
    page.wait_for_function("true")
    assert {topic for message in live.asked for topic in message["topics"]} >= {"board", "system"}


def test_scripts_of_a_first_visit_are_light() -> None:
    """Compressed, with everything a page imports, for the heaviest page."""
    assert heaviest() <= SCRIPT_KB_MAX


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name and not package.get("link"))


def test_nothing_built_is_kept_in_the_sources() -> None:
    names = (ROOT / ".gitignore").read_text().split()
    assert {"node_modules/", "ralph/web/dist*/", "ralph/web/generated/"} <= set(names)
