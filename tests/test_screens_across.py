"""What looks beyond one Symbol's daily bars: places in the market, flows, companies, lists, saved screens."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from screens_markets import invented
from test_screens_laws import BARS, PANEL

from ralph import screens
from ralph.errors import BadExpression, DataNotFound, RalphError, TooLarge
from ralph.market.capital import Capital
from ralph.market.columns import BarColumns, build_panel
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Past
from ralph.screens.across import listed
from ralph.screens.universe import members

DAYS = [session.astype(object) for session in PANEL.sessions]


def matched(text: str, panel: Panel = PANEL, context: screens.Context | None = None, **options: object) -> set[str]:
    """The Symbols that match."""
    request = screens.Request(expression=text, **options)  # type: ignore[arg-type]
    return {match.symbol for match in screens.run(panel, request, context).matches}


def values(text: str, panel: Panel = PANEL, **options: object) -> dict[str, float | None]:
    """A number for every Symbol that has a bar."""
    request = screens.Request(expression="close > 0", columns=[text], **options)  # type: ignore[arg-type]
    return {match.symbol: next(iter(reversed(match.values.values()))) for match in screens.run(panel, request).matches}


def table(bars: BarColumns = BARS) -> pl.DataFrame:
    """Traded bars as polars sees them, with the change over three of them."""
    frame = pl.DataFrame(
        {
            "symbol": [bars.listings[column].symbol for column in bars.symbol],
            "market": [bars.listings[column].market for column in bars.symbol],
            "day": bars.day,
            "close": bars.close,
            "volume": bars.volume,
        }
    )
    traded = frame.filter(pl.col("volume") > 0).sort("symbol", "day")
    change = pl.col("close") / pl.col("close").shift(3) - 1
    return traded.with_columns(change.over("symbol").alias("change"))


RANKED = table().filter(pl.col("change").is_not_null())
FIGURES = {
    "rank(change(close, 3))": pl.col("change").rank("min", descending=True).over("day"),
    "market_percentile(change(close, 3))": (pl.col("change").rank("average").over("day") - 1)
    / (pl.len().over("day") - 1)
    * 100,
    "market_median(change(close, 3))": pl.col("change").median().over("day"),
}


@pytest.mark.parametrize("text", FIGURES)
@pytest.mark.parametrize("back", [0, 2])
def test_places_equal_a_plain_computation_by_day(text: str, back: int) -> None:
    """Ranks, percentiles and medians of each day, also of the second bar before: of its day, whatever was halted."""
    figure = RANKED.with_columns(FIGURES[text].alias("figure"))
    expected = table().join(figure.select("symbol", "day", "figure"), on=["symbol", "day"], how="left")
    expected = expected.with_columns(pl.col("figure").shift(back).over("symbol"))
    for day in (DAYS[7], DAYS[40], DAYS[-1]):
        rows = {row["symbol"]: row["figure"] for row in expected.filter(pl.col("day") == day).iter_rows(named=True)}
        found = values(f"{text}[{back}]", as_of=day)
        assert set(found) == set(rows)
        for symbol, value in rows.items():
            if value is not None or text.startswith("rank"):
                assert found[symbol] == (None if value is None else pytest.approx(value, rel=1e-12)), (day, symbol)


def test_places_are_among_the_universe_asked_for() -> None:
    """The best of one market is first there, whatever the other has."""
    for market in ("KOSPI", "KOSDAQ"):
        ranks = sorted(value for value in values("rank(change(close, 3))", universe=market).values() if value)
        assert ranks[0] == 1
        assert len(ranks) == len(
            [one for one in values("change(close, 3)", universe=market).values() if one is not None]
        )
    one = values("market_percentile(close)", universe=[PANEL.symbols[0]])
    assert list(one.values()) == [None]


def with_sectors() -> Panel:
    """Three sectors; one Symbol moved, one has none."""
    sectors = ["반도체", "은행", "건설"]
    listings = [changed(one, sector=sectors[place % 3]) for place, one in enumerate(BARS.listings)]
    moved = Past("sector", "은행", date(2025, 1, 1), date(2025, 2, 10))
    listings[0] = changed(listings[0], past=(moved,))
    listings[1] = changed(listings[1], sector=None)
    return build_panel(dataclasses.replace(BARS, listings=tuple(listings)))


def changed(listing: Listing, **fields: object) -> Listing:
    return type(listing)(**{**{name: getattr(listing, name) for name in listing.__struct_fields__}, **fields})


def test_sectors_are_those_of_the_day() -> None:
    """Membership and places follow who was counted where then; no sector is neither in nor out."""
    panel = with_sectors()
    early, late = DAYS[10], DAYS[-1]
    first, second = panel.symbols[0], panel.symbols[1]
    assert first in matched('sector == "은행"', panel, as_of=early) or first not in matched(
        "close > 0", panel, as_of=early
    )
    assert first in matched('sector in ("반도체", "건설")', panel, as_of=late)
    for text in ('sector == "은행"', 'not sector == "은행"'):
        assert second not in matched(text, panel)
    ranks = values("sector_rank(close)", panel)
    closes = values("close", panel)
    for symbol, place in ranks.items():
        column = panel.columns[next(one for one in panel.symbols if one == symbol)]
        mine = panel.listings[column].sector
        others = [closes[one.symbol] for one in panel.listings if one.sector == mine and one.symbol in closes]
        expected = None if mine is None else 1 + sum(other > closes[symbol] for other in others)  # type: ignore[operator]
        assert place == expected
    with pytest.raises(BadExpression, match="known: 건설, 반도체, 은행") as caught:
        matched('close > 0 and sector == "조선"', panel)
    assert caught.value.position == 14


def test_a_rating_is_given_among_common_shares_with_a_year() -> None:
    """1-99, ties alike, the same in any universe; who is younger or no common share has none."""
    bars = invented(symbols=30, days=330, seed=9)
    listings = [*bars.listings]
    listings[4] = Listing(listings[4].symbol, kind="ETF", market="KOSPI")
    panel = build_panel(dataclasses.replace(bars, listings=tuple(listings)))
    found = values("rs_rating()", panel)
    raw = values(
        "0.4 * change(close, 63) + 0.2 * change(close, 126) + 0.2 * change(close, 189) + 0.2 * change(close, 252)",
        panel,
    )
    eligible = {symbol: value for symbol, value in raw.items() if value is not None and symbol != listings[4].symbol}
    assert 10 < len(eligible) < 30
    for symbol, rating in found.items():
        if symbol not in eligible:
            assert rating is None
            continue
        below = sum(other < eligible[symbol] for other in eligible.values())
        ties = sum(other == eligible[symbol] for other in eligible.values())
        place = below + (ties + 1) / 2
        assert rating == min(max(np.floor(1 + 98 * (place - 1) / (len(eligible) - 1) + 0.5), 1), 99)
    few = list(eligible)[:2]
    assert values("rs_rating()", panel, universe=few) == {symbol: found[symbol] for symbol in few}


def test_flows_are_summed_and_missing_where_none_are_stored() -> None:
    """Won over the newest traded bars."""
    close = PANEL.fields["close"]
    flow = np.where(np.isnan(close), np.nan, np.where(close > 2000, 5e9, -3e9))
    panel = dataclasses.replace(PANEL, fields={**PANEL.fields, "foreign_value": flow})
    view = panel.as_of()
    for symbol, value in values("foreign_net(3)", panel).items():
        column = panel.columns[next(one for one in panel.symbols if one == symbol)]
        has_three = view.height - view.first[column] >= 3
        assert value == (view.field("foreign_value")[-3:, column].sum() if has_three else None)
    assert set(values("inst_net(3)", panel).values()) == {None}
    assert screens.run(panel, screens.Request(expression="indiv_net(1) > 0")).excluded["missing_value"] > 0


def test_figures_of_companies_are_those_known_then() -> None:
    """Shares as last told, market caps grown with the price, on each bar as on a screen as of that day."""
    told = [(0, DAYS[2], 1000.0, np.nan), (0, DAYS[30], np.nan, 7e9), (1, DAYS[5], 10.0, 1e6)]
    column, day, shares, caps = (np.array(one) for one in zip(*told, strict=True))
    order = np.argsort(day.astype("datetime64[D]"), kind="stable")
    capital = Capital(column[order].astype(np.int32), day.astype("datetime64[D]")[order], shares[order], caps[order])
    panel = dataclasses.replace(PANEL, capital=capital)
    for as_of in (DAYS[1], DAYS[3], DAYS[20], DAYS[30], DAYS[-1]):
        view = panel.as_of(as_of)
        found = values("market_cap", panel, as_of=as_of)
        for symbol, cap in found.items():
            expected = view.market_caps[panel.columns[next(one for one in panel.symbols if one == symbol)]]
            assert cap == (None if np.isnan(expected) else expected)
    assert values("shares", panel, as_of=DAYS[10]).get(panel.symbols[0], 1000.0) == 1000.0
    assert set(values("shares").values()) == {None}
    ages = values("listing_age")
    assert max(age for age in ages.values() if age) == len(DAYS)


def test_lists_and_saved_screens_come_from_the_context() -> None:
    """By name without case; a saved screen reads as if it stood there; unknown names and circles are refused."""
    names = [PANEL.symbols[0], PANEL.symbols[5], "NOWHERE"]
    context = screens.Context(
        lists={"Core": names},
        screens={
            "cheap": "close < 2000",
            "Good": 'in screen "cheap" and in list core',
            "a": "in screen b",
            "b": "in screen a",
        },
    )
    everyone = matched("close > 0")
    assert matched('in list "core"', context=context) == everyone & set(names)
    assert matched('not in list "core"', context=context) == everyone - set(names)
    assert matched("in screen good", context=context) == matched("close < 2000") & set(names)
    assert matched("not in screen cheap", context=context) == everyone - matched("close < 2000")
    assert screens.names_in(screens.parse('in list x or (in screen "y" and in list z)')) == (("x", "z"), ("y",))
    for text, position in (("close > 0 and in list none", 14), ("in screen a", 0), ("in screen x", 0)):
        with pytest.raises(BadExpression) as caught:
            matched(text, context=context)
        assert caught.value.position == position
    wide = {f"s{level}": " or ".join([f"in screen s{level + 1}"] * 30) for level in range(6)} | {"s6": "close > 1"}
    with pytest.raises(RalphError):
        matched("in screen s0", context=screens.Context(screens=wide))


DATED = [
    "rsi(3) < 45 or close > sma(5)",
    "rank(change(close, 3)) <= 4 and not market == KOSPI",
    "weekly.close > weekly.open[1] and count(close > open, 4)[1] >= 2",
    "rank(volume)[2] < 5 or since(market_percentile(close) > 80) == 0",
    "listing_age > 20 and percentile(volume, 9) > 50",
]


@pytest.mark.parametrize("text", DATED)
@pytest.mark.parametrize("universe", [None, "KOSPI", "few"])
def test_many_dates_at_once_are_single_runs(text: str, universe: str | None) -> None:
    """Who matches, who could not, and who was looked at, on every date."""
    chosen: list[str] | str | None = [*PANEL.symbols[:5]] if universe == "few" else universe
    dates = [*DAYS[3::6], DAYS[-1]]
    seen = screens.run_dates(
        screens.parse(text), PANEL, dates, listed if chosen is None else lambda view: members(view, chosen)
    )
    for row, day in enumerate(dates):
        answer = screens.run(PANEL, screens.Request(expression=text, as_of=day, universe=chosen))
        found = {PANEL.symbols[column] for column in np.flatnonzero(seen.matched[row])}
        assert found == {match.symbol for match in answer.matches}, day
        excluded = answer.excluded
        assert int(seen.missing[row].sum()) == excluded["missing_value"] + excluded["young_listing"]
        assert int(seen.scanned[row].sum()) == answer.total_scanned - excluded["no_bar"] - excluded["halted"]


def test_dates_are_checked() -> None:
    """In order, each once, each with data."""
    node = screens.parse("close > 0")
    for wrong in ([], [DAYS[2], DAYS[1]], [DAYS[1], DAYS[1]]):
        with pytest.raises(RalphError, match="rising"):
            screens.run_dates(node, PANEL, wrong)
    with pytest.raises(DataNotFound):
        screens.run_dates(node, PANEL, [DAYS[-1] + timedelta(days=400)])


def test_a_run_can_be_stopped_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked is asked whether to go on, before each block of Symbols."""
    from ralph.screens import blocks

    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise TooLarge("enough")

    monkeypatch.setattr(blocks, "CELLS_MAX", 200)
    with pytest.raises(TooLarge, match="enough"):
        matched("rsi(14) < 50", context=screens.Context(check=check))
    assert len(asked) == 3


def test_too_much_work_is_refused_by_the_name_of_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is computed."""
    from ralph.screens import blocks

    monkeypatch.setattr(blocks, "COST_CELLS_MAX", 100)
    with pytest.raises(TooLarge, match=r"are for percentile\(volume, 40\) > 5"):
        matched("close > 1 and percentile(volume, 40) > 5")
