"""The dashboard in a browser, against a real server on the simulated market: what people do with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from browsing import at, drop, visiting
from serving import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCREEN = "rsi(14) < 45 and close > sma(50)"
FLIPS = 10


def run(client: httpx.Client, **request: Any) -> Any:
    answer = client.post("/api/v1/screens/run", json={"expression": SCREEN, "limit": 1_000, **request})
    return answer.raise_for_status().json()


def matches(page: Page, total: int) -> None:
    """Wait until the screener shows so many."""
    page.locator(f'[data-matches="{total}"]').wait_for()


def test_the_first_visit_shows_a_simulated_market_that_says_so(page: Page, client: httpx.Client) -> None:
    page.goto(at("/"))
    page.locator("[data-gate]").wait_for()
    assert "Simulated" in page.locator(".ribbon").inner_text()
    gate = client.get("/api/v1/gate").json()
    page.goto(at(f"/?as_of={gate['as_of']}"))  # as of a closed Session it does not go on with the live market
    page.locator(f'[data-gate="{gate["state"]}"]').wait_for()
    first = next(iter(gate["sectors"]))
    assert first in page.get_by_role("region", name="Sectors").inner_text()


def test_what_changed_is_told_from_a_session_that_has_data(page: Page, client: httpx.Client) -> None:
    """Live and as of a day: the lines are differences of the API's answers; nothing that is absent is asked for, which
    would be an error in the browser's log."""
    newest = client.get("/api/v1/breadth").json()
    for path, day in (("/", newest["as_of"]), (f"/?as_of={newest['before']}", newest["before"])):
        page.goto(at(path))
        told = page.locator('[data-changed="rising"]')
        told.wait_for()
        now = client.get("/api/v1/breadth", params={"as_of": day}).json()
        was = client.get("/api/v1/breadth", params={"as_of": now["before"]}).json()
        assert page.locator("[data-since]").get_attribute("data-since") == now["before"] == was["as_of"]
        rising = [each["markets"]["all"]["advancers"] for each in (was, now)]
        assert told.inner_text().endswith(f"Rising {rising[0]} → {rising[1]}")


def test_typing_changes_the_results_and_errors_come_with_their_fix(page: Page, client: httpx.Client) -> None:
    page.goto(at("/screener"))
    field = page.get_by_role("combobox", name="Condition")
    field.fill(SCREEN)
    matches(page, run(client)["total_matches"])
    field.press_sequentially(" and volume > 0")
    page.wait_for_url(re.compile("volume"))
    matches(page, run(client, expression=f"{SCREEN} and volume > 0")["total_matches"])
    field.fill("rsii(14) < 45")
    assert page.locator(".bad").inner_text() == "rsii"
    assert field.get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Fix: rsi").click()
    matches(page, run(client, expression="rsi(14) < 45")["total_matches"])


def test_what_could_stand_at_the_cursor_is_offered_and_taken_by_keyboard(page: Page) -> None:
    page.goto(at("/screener"))
    field = page.get_by_role("combobox", name="Condition")
    field.press_sequentially("close > sm")
    page.get_by_role("option").first.wait_for()
    field.press("ArrowDown")
    field.press("Enter")
    assert field.input_value() == "close > sma("


def test_a_number_of_a_rule_can_be_turned_beside_the_text(page: Page, client: httpx.Client) -> None:
    page.goto(at(f"/screener?q={SCREEN}"))
    number = page.get_by_role("spinbutton", name="Number in rsi(14) < 45").nth(1)
    number.fill("50")
    number.press("Enter")
    changed = SCREEN.replace("45", "50")
    matches(page, run(client, expression=changed)["total_matches"])
    assert page.get_by_role("combobox", name="Condition").input_value() == changed


def test_ten_charts_are_flipped_by_keyboard(page: Page, client: httpx.Client) -> None:
    """Each key shows the next match's own chart, in the order of the API."""
    expected = [match["symbol"] for match in run(client, expression="close > sma(20)")["matches"]]
    page.goto(at("/screener?q=close > sma(20)"))
    page.locator(f'[data-subject="{expected[0]}"]').wait_for()
    for symbol in expected[1 : FLIPS + 1]:
        page.keyboard.press("ArrowDown")
        page.locator(f'[data-subject="{symbol}"]').wait_for()
    page.keyboard.press("Space")
    page.locator(f'[data-subject="{expected[FLIPS + 1]}"]').wait_for()
    page.keyboard.press("ArrowUp")
    page.locator(f'[data-subject="{expected[FLIPS]}"]').wait_for()


def test_a_match_is_hidden_and_comes_back(page: Page, client: httpx.Client) -> None:
    first, second = (match["symbol"] for match in run(client, expression="close > sma(20)", limit=2)["matches"])
    page.goto(at("/screener?q=close > sma(20)"))
    page.locator(f'[data-subject="{first}"]').wait_for()
    page.keyboard.press("x")
    page.locator(f'[data-subject="{second}"]').wait_for()
    page.reload()
    page.locator(f'[data-row="{second}"]').wait_for()
    assert page.locator(f'[data-row="{first}"]').count() == 0
    page.get_by_role("button", name="Show 1 hidden").click()
    page.locator(f'[data-row="{first}"]').wait_for()


def test_an_earlier_day_runs_the_screen_as_of_it(page: Page, client: httpx.Client) -> None:
    today = run(client)
    page.goto(at(f"/screener?q={SCREEN}"))
    matches(page, today["total_matches"])
    page.locator("#as-of").fill(today["as_of"])
    page.locator("body").click(position={"x": 5, "y": 500})
    page.keyboard.press("[")
    page.wait_for_url(re.compile("as_of="))
    (day,) = re.findall(r"as_of=(\d{4}-\d\d-\d\d)", page.url)
    assert day < today["as_of"]
    matches(page, run(client, as_of=day)["total_matches"])


def test_a_screen_is_saved_and_its_link_leads_there(
    page: Page, browser: Browser, simulated: Server, cookies: Any
) -> None:
    page.goto(at(f"/screener?q={SCREEN}"))
    page.locator("[data-matches]").wait_for()
    page.keyboard.press("s")
    page.get_by_label("Name", exact=True).fill("dips")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("screen="))
    page.get_by_role("button", name="Share link").click()
    link = page.get_by_role("textbox", name="Share link").input_value()
    assert "shared=" in link
    total = page.locator("[data-matches]").get_attribute("data-matches")
    with visiting(browser, simulated.url, storage_state=cookies) as other:
        other.goto(link)
        matches(other, int(total or -1))
        assert other.get_by_role("combobox", name="Condition").input_value() == SCREEN


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_all_matches_come_as_a_file(client: httpx.Client, form: str) -> None:
    """What the buttons of the screener fetch: every match, in order, and the market it speaks of."""
    import io

    import polars as pl

    asked = {"expression": SCREEN, "columns": ["close", "change(close, 1)"], "format": form}
    answer = client.get("/api/v1/screens/run", params=asked).raise_for_status()
    assert "simulated" in answer.headers["content-disposition"]
    readers: dict[str, Any] = {"csv": pl.read_csv, "xlsx": pl.read_excel, "parquet": pl.read_parquet}
    frame = readers[form](io.BytesIO(answer.content))
    expected = run(client, columns=asked["columns"])["matches"]
    assert frame["symbol"].to_list() == [match["symbol"] for match in expected]
    assert frame["close"].to_list() == [match["values"]["close"] for match in expected]
    assert set(frame["workspace"].to_list()) == {"demo"}


def test_who_is_excluded_is_listed_with_the_reason(page: Page, client: httpx.Client) -> None:
    asked = "close > sma(400)"
    excluded = run(client, expression=asked, **{"with": ["excluded"]})
    listed = excluded["excluded_symbols"]
    assert {each["why"] for each in listed} == {
        why for why, count in excluded["excluded"].items() if count and why != "not_in_universe"
    }
    page.goto(at(f"/screener?q={asked}"))
    page.get_by_role("tab", name="Excluded").click()
    table = page.get_by_role("grid", name="Excluded")
    table.wait_for()
    assert int(table.get_attribute("aria-rowcount") or 0) == 1 + len(listed)
    assert listed[0]["reason"]["en"] in page.locator(f'[data-row="{listed[0]["symbol"]}"]').inner_text()
    why = listed[-1]["why"]
    page.locator(f'[data-why="{why}"]').click()
    few = sum(each["why"] == why for each in listed)
    page.locator(f'[aria-label="Excluded"][aria-rowcount="{1 + few}"]').wait_for()
    page.wait_for_url(re.compile(f"why={why}"))


def test_two_screens_are_compared(page: Page, client: httpx.Client) -> None:
    """Who meets one, both, the other: as the API's own answers say; the chart follows the list of each."""
    other = "close > sma(20)"
    one, two = ([match["symbol"] for match in run(client, expression=text)["matches"]] for text in (SCREEN, other))
    page.goto(at(f"/screener?q={SCREEN}"))
    page.get_by_role("tab", name="Compare").click()
    page.get_by_label("Compare with").fill(other)
    page.get_by_label("Compare with").press("Enter")
    both = [symbol for symbol in one if symbol in two]
    counts = {"one": len(one) - len(both), "both": len(both), "other": len(two) - len(both)}
    for side, count in counts.items():
        page.locator(f'[data-side="{side}"][data-count="{count}"]').wait_for()
    page.locator('[data-side="other"]').click()
    first = next(symbol for symbol in two if symbol not in one)
    page.locator(f'[data-subject="{first}"]').wait_for()
    assert "vs=" in page.url, "the address leads others to the same comparison"
    page.reload()
    page.locator(f'[data-side="both"][data-count="{len(both)}"]').wait_for()


@pytest.mark.long
def test_a_watched_screen_tells_who_enters_and_leaves(page: Page, client: httpx.Client) -> None:
    """From the simulated market's own stream, through tape, hub and socket to the page."""
    page.goto(at("/screener?q=close > close[1]"))
    page.locator("[data-matches]").wait_for()
    page.get_by_role("button", name="Watch live").click()
    page.locator("#screen-name").fill("moving")
    page.locator("#screen-name").press("Enter")
    page.get_by_role("button", name="Watch live").click()
    page.get_by_role("button", name="Watching").wait_for()
    for event in ("entered", "left"):
        page.locator(f'[data-move="{event}"]').first.wait_for(timeout=150_000)
    symbol = page.locator("[data-move]").first.get_attribute("data-symbol")
    assert client.get(f"/api/v1/symbols/{symbol}").status_code == 200
    page.get_by_role("button", name="Watching").click()
    page.locator("[data-move]").first.wait_for(state="detached")
    client.delete("/api/v1/screens/moving").raise_for_status()


def test_a_signal_is_drawn_with_the_numbers_of_its_record(page: Page, client: httpx.Client) -> None:
    page.goto(at("/signals"))
    page.get_by_role("grid", name="Signals").wait_for()
    page.keyboard.press("ArrowDown")
    page.locator("[data-signal] figure").wait_for()
    shown = page.locator("[data-signal]").get_attribute("data-signal")
    signal = client.get(f"/api/v1/signals/{shown}").json()["signal"]
    levels = [float(text or "nan") for text in _attributes(page, "[data-level]", "data-price")]
    assert levels == [signal["levels"]["entry"], signal["levels"]["stop"], *signal["levels"]["targets"]]
    assert _attributes(page, "[data-mark]", "data-on")[0] == signal["armed_on"]
    page.keyboard.press("Enter")


def test_legs_and_pivot_are_those_of_the_scanner(page: Page, client: httpx.Client) -> None:
    setup = client.post("/api/v1/scans/vcp/run", json={"limit": 1, "universe_filter": "none"}).json()["matches"][0]
    page.goto(at(f"/symbols/{setup['symbol']}"))
    page.locator("[data-leg]").first.wait_for()
    for name, key in (("data-high", "high"), ("data-low", "low")):
        drawn = [float(text or "nan") for text in _attributes(page, "[data-leg]", name)]
        assert drawn == [leg[key] for leg in setup["contractions"]]
    assert _attributes(page, "[data-leg]", "data-high-on") == [leg["high_on"] for leg in setup["contractions"]]
    assert _attributes(page, '[data-level="pivot"]', "data-price") == [f"{setup['pivot']:g}"]
    rating = client.get(f"/api/v1/symbols/{setup['symbol']}/rating").json()["rating"]
    assert page.locator("[data-component]").count() == len(rating["components"]) == 26
    assert float(_attributes(page, "[data-rating]", "data-rating")[0] or "nan") == pytest.approx(rating["all"]["value"])


def _attributes(page: Page, selector: str, name: str) -> list[str | None]:
    return [each.get_attribute(name) for each in page.locator(selector).all()]


def test_indicators_are_put_on_the_chart_and_taken_off(page: Page, client: httpx.Client) -> None:
    symbol = run(client, expression="close > 0", limit=1)["matches"][0]["symbol"]
    page.goto(at(f"/symbols/{symbol}"))
    page.get_by_label("Add an indicator").select_option("macd")
    page.get_by_role("button", name=re.compile("Remove macd")).wait_for()
    assert "macd" in page.url
    page.get_by_role("button", name=re.compile("Remove macd")).click()
    page.get_by_role("button", name=re.compile("Remove macd")).wait_for(state="detached")


def test_a_dropped_file_is_previewed_with_its_bad_row_and_then_stored(page: Page, tmp_path: Path) -> None:
    rows = [
        "종목코드,일자,시가,고가,저가,종가,거래량",
        "005930,2026-01-05,100,110,90,105,1000",
        "005930,2026-01-06,1,2,1,abc,5",
    ]
    page.goto(at("/system"))
    page.locator("[data-drop]").wait_for()
    drop(page, "prices.csv", rows)
    preview = page.locator('[data-report="preview"]')
    preview.wait_for()
    assert (preview.get_attribute("data-stored"), preview.get_attribute("data-rejected")) == ("1", "1")
    assert page.locator("[data-reject]").get_attribute("data-reject") == "3"
    page.get_by_role("button", name="Import", exact=True).click()
    done = page.locator('[data-report="done"]')
    done.wait_for()
    assert done.get_attribute("data-stored") == "1"
