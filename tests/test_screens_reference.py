"""Screens over the real Korean market equal a plain computation with TA-Lib and polars on the same file."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
import talib
from screens_markets import until

from ralph import screens
from ralph.market.columns import BarColumns, build_panel
from ralph.market.panel import Panel
from ralph.market.symbol import Listing

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent / ".." / "shared"))
FILE = SHARED / "data" / "krx_daily.parquet"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"the shared market file is absent: {FILE.name}")

DAYS = [
    date(2023, 12, 28),
    date(2024, 3, 4),
    date(2024, 8, 5),
    date(2024, 11, 14),
    date(2025, 4, 7),
    date(2025, 6, 10),
    date(2025, 9, 19),
    date(2025, 12, 30),
    date(2026, 2, 13),
    date(2026, 5, 29),
]

TIE_RATIO = 1e-10
"""Where two sides are this close, the order of additions in a mean decides, and either answer is right."""

c = pl.col
O, H, L, C, V = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))  # noqa: E741


def prev(x: pl.Expr, bars: int = 1) -> pl.Expr:
    return x.shift(bars).over("symbol")


def below(left: pl.Expr | float, right: pl.Expr | float) -> tuple[pl.Expr, pl.Expr]:
    """left < right for certain, and perhaps: the same but for a tie of rounding."""
    a = left if isinstance(left, pl.Expr) else pl.lit(left)
    b = right if isinstance(right, pl.Expr) else pl.lit(right)
    room = TIE_RATIO * pl.max_horizontal(a.abs(), b.abs())
    return a < b - room, a < b + room


def both(*parts: tuple[pl.Expr, pl.Expr]) -> tuple[pl.Expr, pl.Expr]:
    return pl.all_horizontal([sure for sure, _ in parts]), pl.all_horizontal([perhaps for _, perhaps in parts])


def either(*parts: tuple[pl.Expr, pl.Expr]) -> tuple[pl.Expr, pl.Expr]:
    return pl.any_horizontal([sure for sure, _ in parts]), pl.any_horizontal([perhaps for _, perhaps in parts])


def opposite(part: tuple[pl.Expr, pl.Expr]) -> tuple[pl.Expr, pl.Expr]:
    return ~part[1], ~part[0]


def exactly(condition: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    return condition, condition


EXPRESSIONS: list[tuple[str, tuple[pl.Expr, pl.Expr]]] = [
    ("rsi(14) < 30 and close > sma(200)", both(below(c("rsi14"), 30), below(c("sma200"), C))),
    ("rsi(14) >= 70 or rsi(14, mode=talib) <= 20", either(opposite(below(c("rsi14"), 70)), below(c("rsi14"), 20))),
    ("close > sma(20) and volume > 2 * sma(volume, 20)", both(below(c("sma20"), C), below(2 * c("volume20"), V))),
    ("not (close > sma(20))", opposite(below(c("sma20"), C))),
    ("close > ema(20) and ema(20) > ema(20)[5]", both(below(c("ema20"), C), below(prev(c("ema20"), 5), c("ema20")))),
    ("close < rma(14)", below(C, c("rma14"))),
    ("macd(12, 26, 9, mode=talib).hist > 0", below(0.0, c("hist"))),
    (
        "macd(mode=talib) crosses_above macd(mode=talib).signal",
        both(below(c("signal"), c("macd")), opposite(below(prev(c("signal")), prev(c("macd"))))),
    ),
    (
        "crosses_below(close, sma(20))",
        both(below(C, c("sma20")), opposite(below(prev(C), prev(c("sma20"))))),
    ),
    ("close < bb(20, 2).lower or close > bb(20, 2).upper", either(below(C, c("lower")), below(c("upper"), C))),
    ("(bb.upper - bb.lower) / bb.middle < 10%", below((c("upper") - c("lower")) / c("sma20"), 0.1)),
    ("atr(14, mode=talib) / close > 5%", below(0.05, c("atr14") / C)),
    (
        "stoch(mode=talib) < 20 and stoch(14, 3, 3, mode=talib).d < 20",
        both(below(c("k"), 20), below(c("d"), 20)),
    ),
    (
        "adx(14, mode=talib) > 25 and adx(mode=talib).plus_di > adx(mode=talib).minus_di",
        both(below(25.0, c("adx")), below(c("minus_di"), c("plus_di"))),
    ),
    ("obv > obv[20]", below(prev(c("obv"), 20), c("obv"))),
    ("close > highest(60)[1]", exactly(prev(c("high60")) < C)),
    ("close > highest(close, 60)[1] and value > 10억", both(exactly(prev(c("close60")) < C), below(1e9, C * V))),
    ("close == lowest(close, 20)", exactly(c("low20") == C)),
    ("low != open and high = close", exactly((L != O) & (H == C))),
    ("close / close[1] - 1 >= 10%", opposite(below(C / prev(C) - 1, 0.1))),
    (
        "(close > open)[1] and close > open and close[2] < open[2]",
        exactly((prev(C) > prev(O)) & (C > O) & (prev(C, 2) < prev(O, 2))),
    ),
    ("abs(close - open) > 2 * (high - max(open, close))", exactly(2 * (H - pl.max_horizontal(O, C)) < (C - O).abs())),
    ("sma(close * volume, 20) > 5억", below(5e8, c("value20"))),
    ("ema(rsi(14), 9) < 35", below(c("rsi_ema9"), 35)),
    ("-close < -1만 and min(open, close) > 9천", both(below(-C, -10_000.0), below(9_000.0, pl.min_horizontal(O, C)))),
]


@pytest.fixture(scope="module")
def bars() -> BarColumns:
    frame = pl.read_parquet(FILE).sort("symbol", "date")
    names = frame["symbol"].unique(maintain_order=True).to_list()
    places = {name: place for place, name in enumerate(names)}
    figures = {name: frame[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume")}
    return BarColumns(
        listings=tuple(Listing(name) for name in names),
        symbol=frame["symbol"].replace_strict(places, return_dtype=pl.Int32).to_numpy(),
        day=frame["date"].to_numpy().astype("datetime64[D]"),
        value=np.full(len(frame), np.nan),
        flags=(frame["flag"].to_numpy() & 7).astype(np.uint8),
        **figures,
    )


@pytest.fixture(scope="module")
def panel(bars: BarColumns) -> Panel:
    return build_panel(bars)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Traded bars with a column for each series, TA-Lib's over each Symbol alone; NaN is null."""
    frame = pl.read_parquet(FILE).filter(pl.col("volume") > 0).sort("symbol", "date").drop("flag")
    frame = frame.with_columns(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))
    parts = [part.with_columns(**series_of(part)) for part in frame.partition_by("symbol")]
    return pl.concat(parts).with_columns(pl.selectors.float().fill_nan(None))


def series_of(part: pl.DataFrame) -> dict[str, np.ndarray]:
    h, low, x, v = (part[name].to_numpy() for name in ("high", "low", "close", "volume"))
    macd, signal, hist = talib.MACD(x, 12, 26, 9)
    upper, _, lower = talib.BBANDS(x, 20, 2, 2)
    k, d = talib.STOCH(h, low, x, 14, 3, 0, 3, 0)
    rsi = talib.RSI(x, 14)
    return {
        "rsi14": rsi,
        "rsi_ema9": talib.EMA(rsi, 9),
        "sma20": talib.SMA(x, 20),
        "sma200": talib.SMA(x, 200),
        "volume20": talib.SMA(v, 20),
        "value20": talib.SMA(x * v, 20),
        "ema20": talib.EMA(x, 20),
        "rma14": talib.RMA(x, 14),
        "macd": macd,
        "signal": signal,
        "hist": hist,
        "upper": upper,
        "lower": lower,
        "atr14": talib.ATR(h, low, x, 14),
        "k": k,
        "d": d,
        "adx": talib.ADX(h, low, x, 14),
        "plus_di": talib.PLUS_DI(h, low, x, 14),
        "minus_di": talib.MINUS_DI(h, low, x, 14),
        "obv": talib.OBV(x, v),
        "high60": talib.MAX(h, 60),
        "close60": talib.MAX(x, 60),
        "low20": talib.MIN(x, 20),
    }


@pytest.fixture(scope="module")
def expected(table: pl.DataFrame) -> pl.DataFrame:
    """For each bar of the days, whether each expression holds for certain, and whether perhaps."""
    columns = [
        kept.fill_null(value=False).alias(f"{name} {index}")
        for index, (_, pair) in enumerate(EXPRESSIONS)
        for name, kept in zip(("sure", "perhaps"), pair, strict=True)
    ]
    return table.select("symbol", "date", *columns).filter(pl.col("date").is_in(DAYS))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_screens_equal_talib_and_polars(day: date, panel: Panel, expected: pl.DataFrame) -> None:
    """The same Symbols match every expression, and all that traded are accounted for."""
    rows = expected.filter(pl.col("date") == day)
    found_any = False
    for index, (text, _) in enumerate(EXPRESSIONS):
        answer = screens.run(panel, screens.Request(expression=text, as_of=day))
        found = {match.symbol for match in answer.matches}
        certain, possible = (set(rows.filter(pl.col(f"{name} {index}"))["symbol"]) for name in ("sure", "perhaps"))
        assert certain <= found <= possible, (text, certain - found, found - possible)
        assert len(possible - certain) <= 5, text
        assert answer.total_scanned - answer.excluded["no_bar"] - answer.excluded["halted"] == len(rows)
        assert answer.total_matches == len(found)
        found_any = found_any or bool(found)
    assert found_any


def test_every_expression_finds_something(expected: pl.DataFrame) -> None:
    """On one of the days at least, so that no comparison with the reference is empty."""
    for index, (text, _) in enumerate(EXPRESSIONS):
        assert expected[f"sure {index}"].any(), text


def test_a_real_market_holds_no_secret_of_its_future(bars: BarColumns, panel: Panel) -> None:
    """Deleting later bars changes nothing in the whole answer."""
    text = "(rsi(14) < 40 or close > sma(20)) and ema(close / (close - open), 9) > 0 and adx > 20"
    for day in (DAYS[1], DAYS[4], DAYS[7]):
        request = screens.Request(expression=text, as_of=day, extras=["funnel", "near_misses", "sparkline"])
        answers = [screens.run(market, request) for market in (panel, build_panel(until(bars, day)))]
        assert answers[0].total_matches > 10
        same = [msgspec.json.encode(msgspec.structs.replace(answer, timing_ms=0.0)) for answer in answers]
        assert same[0] == same[1]
