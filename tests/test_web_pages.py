"""The dashboard's signals, live board and system pages in a browser, against a real server on the simulated market."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browsing import Live, drop, quote
from serving import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEMO = "workspace=demo"
DRAWS = 200  # what the page asks for


def text_of(page: Page, selector: str) -> str:
    return page.locator(selector).first.inner_text()


def test_performance_stands_beside_chance_as_the_api_tells_it(page: Page, client: httpx.Client) -> None:
    page.goto(f"/signals?view=performance&by=grade&{DEMO}")
    page.locator('[data-compared="true"]').wait_for(state="attached", timeout=60_000)
    asked: dict[str, Any] = {"by": "grade", "draws": DRAWS, "equity": True}
    report = client.get("/api/v1/signals/performance", params=asked).json()
    shown = [row.get_attribute("data-group") for row in page.locator("[data-group]").all()]
    assert shown == list(report["groups"])
    system = next(name for name, each in report["groups"].items() if "/" not in name and each["count"])
    row = page.locator(f'[data-group="{system}"]')
    assert f"{report['groups'][system]['count']:,}" in row.inner_text()
    percentile = float(row.get_attribute("data-percentile") or "nan")
    assert percentile == pytest.approx(report["groups"][system]["chance"]["percentile"])
    row.get_by_role("button").click()
    last = report["equity"][system][-1]
    assert float(page.locator("[data-equity]").get_attribute("data-equity") or "nan") == pytest.approx(
        last["net_ratio"]
    )
    drawn = {each.get_attribute("data-grade"): each.get_attribute("data-r") for each in page.locator("[data-r]").all()}
    assert {grade: float(r or "nan") for grade, r in drawn.items()} == pytest.approx(
        report["calibration"][system]["mean_r"]
    )


def test_a_closed_signal_leads_to_its_record_and_its_day(page: Page, client: httpx.Client) -> None:
    page.goto(f"/signals?state=closed&{DEMO}")
    page.get_by_role("grid", name="Signals").wait_for()
    page.keyboard.press("j")
    page.locator("[data-signal] figure").wait_for()
    shown = page.locator("[data-signal]").get_attribute("data-signal")
    page.wait_for_url(re.compile(f"id={shown}"))  # the address leads others to the same signal
    card = client.get(f"/api/v1/signals/{shown}").json()
    signal = card["signal"]
    assert signal["state"] == "closed"
    assert float(page.locator("[data-net]").get_attribute("data-net") or "nan") == signal["outcome"]["net_ratio"]
    steps = [each.get_attribute("data-step") for each in page.locator("[data-step]").all()]
    assert steps == [each["state"] for each in card["transitions"]]
    page.get_by_role("link", name="Open that day on the symbol's page").click()
    page.wait_for_url(re.compile(f"/symbols/{signal['symbol']}\\?.*as_of={signal['armed_on']}"))


def test_filters_stay_in_the_address_and_an_empty_list_says_why(page: Page, client: httpx.Client) -> None:
    page.goto(f"/signals?{DEMO}")
    page.get_by_role("grid", name="Signals").wait_for()
    page.locator("#grade").select_option("S")
    page.locator("#system").select_option("new_high")
    wanted = client.get("/api/v1/signals", params={"grade": "S", "system": "new_high", "limit": 500}).json()["signals"]
    page.locator(f'[data-count="{len(wanted)}"]').wait_for()
    assert re.search("grade=S.*system=new_high|system=new_high.*grade=S", page.url)
    page.locator("#since").fill("2031-01-01")
    page.get_by_role("heading", name="No signal is like that").wait_for()
    page.get_by_role("button", name="Clear the filters").last.click()
    page.get_by_role("grid", name="Signals").wait_for()


def test_an_open_signal_is_closed_by_hand_after_a_question(page: Page, client: httpx.Client) -> None:
    signal = client.get("/api/v1/signals", params={"state": "triggered", "limit": 1}).json()["signals"][0]
    page.goto(f"/signals?id={signal['id']}&{DEMO}")
    page.get_by_role("button", name="Close by hand…").click()
    dialog = page.get_by_role("dialog", name="Close by hand")
    dialog.get_by_role("button", name="Cancel").click()
    assert client.get(f"/api/v1/signals/{signal['id']}").json()["signal"] == signal, "nothing happens unasked"
    page.get_by_role("button", name="Close by hand…").click()
    dialog.get_by_label(re.compile("Price")).fill(str(signal["levels"]["entry"]))
    dialog.get_by_role("button", name="Close by hand").click()
    page.locator("[data-net]").wait_for()
    assert client.get(f"/api/v1/signals/{signal['id']}").json()["signal"]["reason"] == "manual"


def test_what_is_closed_is_what_was_asked_about(page: Page, client: httpx.Client) -> None:
    """The next Signal is chosen while its card is still on the way: the button acts on the one in sight."""
    signals = client.get("/api/v1/signals", params={"state": "triggered", "limit": 2}).json()["signals"]
    shown, late = (each["id"] for each in signals)
    closed: list[str] = []

    def answer(route: Any) -> None:
        closed.append(route.request.url.split("?")[0])
        route.fulfill(json=client.get(f"/api/v1/signals/{shown}").json())

    page.route(re.compile(f"/signals/{late}[?]"), lambda route: None)
    page.route(re.compile("/close"), answer)
    page.goto(f"/signals?state=triggered&id={shown}&{DEMO}")
    page.locator(f'[data-signal="{shown}"]').wait_for()
    page.locator(f'[data-row="{late}"]').click()
    page.get_by_role("button", name="Close by hand…").click()
    page.get_by_role("dialog", name="Close by hand").get_by_role("button", name="Close by hand").click()
    page.get_by_text(re.compile("is closed")).wait_for()
    assert [url.rpartition("/api/v1")[2] for url in closed] == [f"/signals/{shown}/close"]


def test_what_is_written_about_one_symbol_is_not_kept_for_another(page: Page, client: httpx.Client) -> None:
    first, second = (each["symbol"] for each in client.get("/api/v1/symbols", params={"limit": 2}).json()["symbols"])
    page.goto(f"/symbols/{first}?{DEMO}")
    page.locator("#note").fill("about the first")
    page.evaluate(f"history.pushState(null, '', '/symbols/{second}?{DEMO}'); dispatchEvent(new Event('popstate'))")
    page.locator(f'[data-subject^="{second}"]').wait_for()
    assert page.locator("#note").input_value() == ""


def test_a_watched_screen_shows_moves_as_they_are_told(page: Page, client: httpx.Client) -> None:
    body = {"name": "told", "expression": "close > 0", "watch": True}
    screen = client.post("/api/v1/screens", json=body).raise_for_status().json()["screen"]["id"]
    live = Live(page)
    page.goto(f"/screener?screen={screen}&{DEMO}")
    page.get_by_role("button", name="Watching").wait_for()
    page.locator('[data-live="live"]').first.wait_for()
    moved = {"screen": screen, "symbol": "S00001", "name": "하나", "price": 1_010, "at": "2026-11-20T01:00:00Z"}
    for number, event in enumerate(("entered", "left"), 1):
        live.say(f"screen:{screen}", {**moved, "event": event}, seq=number)
    page.locator('[data-move="left"][data-symbol="S00001"]').wait_for()
    page.get_by_text("하나 entered").wait_for()
    assert page.locator("[data-move]").count() == 2
    client.delete(f"/api/v1/screens/{screen}").raise_for_status()


def test_a_job_is_begun_followed_and_its_report_shown(page: Page, client: httpx.Client) -> None:
    page.goto(f"/system?tab=quality&{DEMO}")
    page.get_by_role("region", name="Data quality").get_by_role("button", name="Check all bars").click()
    page.wait_for_url(re.compile("tab=jobs"))
    newest = page.locator("[data-job]").first
    newest.wait_for()
    job = newest.get_attribute("data-job")
    page.locator(f'[data-job="{job}"][data-state="succeeded"]').wait_for(timeout=60_000)
    page.get_by_role("tab", name="Data quality").click()
    counts = client.get("/api/v1/quality").json()["run"]["counts"]
    page.locator("[data-kind]").first.wait_for()
    assert [each.get_attribute("data-kind") for each in page.locator("[data-kind]").all()] == list(counts)


def test_a_file_whose_columns_are_not_known_is_helped_and_its_bad_rows_stay_to_be_read(
    refused: Page, simulated: Server
) -> None:
    """A list of names, by drop: guessed by its file name, refused with the reason, helped by a column, stored."""
    page = refused
    page.goto("/system?tab=imports")
    page.locator("[data-drop]").wait_for()
    drop(page, "symbols.csv", ["who,종목명,시장", "0030R0,새 종목,KOSPI", "x!,없는 회사,KOSPI"])
    assert page.locator("#import-kind").input_value() == "symbols"
    page.locator("[data-problem]").wait_for()
    assert page.get_by_role("button", name="Import", exact=True).is_disabled()
    page.get_by_label(re.compile("Name columns")).fill("symbol=who")
    page.get_by_label(re.compile("Name columns")).press("Tab")
    preview = page.locator('[data-report="preview"]')
    preview.wait_for()
    assert (preview.get_attribute("data-stored"), preview.get_attribute("data-rejected")) == ("1", "1")
    with simulated.client(params={"workspace": "main"}) as main:
        before = main.get("/api/v1/imports")
        assert "symbols.csv" not in before.text, "a preview stores nothing"
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator('[data-report="done"]').wait_for()
    page.goto("/system?tab=imports&workspace=main")
    page.locator('[data-import="symbols.csv"]').get_by_role("button").click()
    page.locator('[data-reject="3"]').wait_for()


def test_health_shows_every_part(page: Page, client: httpx.Client) -> None:
    page.goto(f"/system?tab=health&{DEMO}")
    page.locator("[data-part]").first.wait_for()
    parts = {each.get_attribute("data-part") for each in page.locator("[data-part]").all()}
    assert parts == set(client.get("/health").json()["parts"])


OUTLOOK: dict[str, Any] = {
    "now": "2026-11-20T00:00:00Z",
    "until": "2026-11-21T00:00:00Z",
    "schedules": [
        {
            "name": "end_of_day",
            "en": "End of the Session",
            "ko": "장 마감 처리",
            "when": "20 minutes after the close",
            "on_sessions": True,
            "kind": "end_of_day",
            "workspace": "demo",
            "screen": None,
            "paused": False,
            "last": {"tick": "2026-11-19T07:50:00Z", "by_hand": False, "job": "1", "state": "succeeded"},
            "next_at": "2026-11-20T06:50:00Z",
        }
    ],
    "upcoming": [{"at": "2026-11-20T06:50:00Z", "name": "end_of_day"}],
    "truncated": False,
}


def test_a_schedule_shows_what_runs_next_and_rests_when_told(page: Page) -> None:
    """Against the answers of the schedule's API as they are written down, whether or not this server has one."""
    told: list[str] = []

    def answer(route: Any) -> None:
        told.append(f"{route.request.method} {route.request.url.split('/api/v1')[1].split('?')[0]}")
        paused = "POST /schedule/end_of_day/pause" in told
        schedules = [{**OUTLOOK["schedules"][0], "paused": paused}]
        route.fulfill(json={**OUTLOOK, "schedules": schedules})

    page.route(re.compile("/api/v1/schedule"), answer)
    page.goto(f"/system?tab=schedule&{DEMO}")
    row = page.locator('[data-schedule="end_of_day"]')
    row.wait_for()
    assert "11-20 15:50" in row.inner_text()
    assert "15:50 End of the Session" in text_of(page, "ol")
    row.get_by_role("button", name="Pause: End of the Session").click()
    page.locator('[data-paused="true"]').wait_for()
    row.get_by_role("button", name="Run now: End of the Session").click()
    page.get_by_text("End of the Session has begun").wait_for()
    assert told[:2] == ["GET /schedule", "POST /schedule/end_of_day/pause"]


def test_help_holds_the_language_the_keys_and_the_api(page: Page, client: httpx.Client) -> None:
    page.goto(f"/help?{DEMO}")
    page.get_by_role("tab", name="The language of screens").click()
    page.get_by_role("searchbox", name="Find").fill("crosses")
    page.get_by_role("link", name="close crosses_above sma(20)").click()
    page.wait_for_url(re.compile("/screener"))
    assert page.get_by_role("combobox", name="Condition").input_value() == "close crosses_above sma(20)"
    page.goto(f"/help?part=api&{DEMO}")
    for link in page.get_by_role("tabpanel").get_by_role("link").all():
        address = link.get_attribute("href") or ""
        if address != "/docs/live":
            assert client.get(address).status_code == 200, address


def test_parts_of_pages_are_found_by_name(page: Page) -> None:
    page.goto(f"/help?{DEMO}")
    for word, place in (("licences", "tab=sources"), ("Performance", "view=performance"), ("일정", "tab=schedule")):
        page.keyboard.press("Control+k")
        page.keyboard.type(word)
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(place))


FEED: dict[str, Any] = {
    "workspace": "demo",
    "state": "playing",
    "detail": "",
    "source": "simulated",
    "session": "2026-11-20",
    "speed": 10.0,
    "clock": "2026-11-20T01:00:00Z",
    "lag_ms": 0.0,
    "ticks": 1_234_567,
    "ticks_per_s": 0.0,
    "duplicates": 3,
    "late": 2,
}


def test_the_board_shows_marks_checks_tape_and_feed(page: Page, client: httpx.Client) -> None:
    found = client.post("/api/v1/scans/daytrading/run", json={"limit": 1}).json()["matches"][0]
    symbol = found["symbol"]
    page.route(re.compile("/api/v1/feed"), lambda route: route.fulfill(json=FEED))
    live = Live(page)
    page.goto(f"/live?{DEMO}")
    page.locator('main [data-live="live"]').wait_for()
    rows = [quote(symbol, 1_000, 5, limit="up", vi=True), quote("ZZ0001", None, 9, halted=True)]
    live.say("board", rows, snapshot=True)
    live.say("system", {"health": "ok", "feed": {"state": "playing", "lag_ms": 12.4, "ticks_per_s": 3210}, "at": ""})
    page.locator('[data-feed="playing"]').wait_for()
    feed = page.get_by_role("region", name="Feed")
    feed.get_by_text("Ticks 1,234,567 · Duplicates 3 · Late 2").wait_for()
    assert "lag 12 ms" in feed.inner_text()
    row = page.locator(f'[data-row="{symbol}"]')
    assert "limit up · volatility interruption" in row.inner_text()
    row.click()
    checks = page.locator("[data-check]")
    checks.first.wait_for()
    names = [each.get_attribute("data-check") for each in checks.all()]
    assert names == [each["name"] for each in found["components"]]
    caught = {"symbol": symbol, "name": found["name"], "price": 1_010, "at": "2026-11-20T01:00:01Z", "values": {}}
    for scan in ("volume_spike", "gap_up"):
        live.say("scans", {"scan": scan, "reasons": [{"en": f"why {scan}", "ko": "왜"}], **caught}, seq=1)
    page.locator("[data-caught]").nth(1).wait_for()
    page.get_by_role("combobox", name="Scan tape").select_option("gap_up")
    assert page.locator("[data-caught]").count() == 1
    assert "why gap_up" in text_of(page, "[data-caught]")
    page.get_by_role("searchbox", name="Filter by name or code").fill(symbol.lower())
    page.locator('[data-rows="1"]').wait_for()
    live.hang_up()
    page.get_by_text("These are the last quotes").wait_for()
    assert row.is_visible(), "what was there stays in sight"


def test_a_signal_that_moves_changes_its_row_at_once_and_none_is_missed(page: Page, client: httpx.Client) -> None:
    """Also over a break: what was numbered is asked for from where it stopped."""
    newest = client.get("/api/v1/signals", params={"limit": 1}).json()["signals"][0]
    live = Live(page)
    page.goto(f"/signals?{DEMO}")
    row = page.locator(f'[data-row="{newest["id"]}"]')
    row.wait_for()
    live.say("signals", {"event": "expired", "signal": {**newest, "state": "expired"}}, seq=7)
    page.locator(f'[data-row="{newest["id"]}"]', has_text="expired").wait_for()
    live.asked.clear()
    live.hang_up()
    page.locator('[data-live="live"]').first.wait_for()
    page.wait_for_function("() => document.querySelector('[data-live=live]')")
    since = [message["since"] for message in live.asked if "signals" in message["topics"]]
    assert since == [{"signals": 7}]
