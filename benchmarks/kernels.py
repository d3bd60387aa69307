"""K1-K9: the set of 24 outputs that the goals name, over a market, against other libraries and plain memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import talib
from numpy.typing import NDArray

from benchmarks.goal import Goal, Side, interleaved
from benchmarks.libraries import OneSymbol, incremental, installed, long_frame, polars_native
from ralph.indicators import load
from ralph.indicators.indicator import Mode
from ralph.indicators.live import Live
from ralph.indicators.plan import Plan
from ralph.indicators.terms import CLOSE, SOURCE, Term
from ralph.indicators.together import with_names
from ralph.kernels.opcodes import WIDE

FloatArray = NDArray[np.float64]
Fields = dict[str, FloatArray]
SYMBOLS = 2_800
TOGETHER = WIDE  # Symbols whose full series are computed side by side
CATALOGUE_BARS = 500
BATCH = 256  # Symbols whose ticks are taken together
PEERS_SYMBOLS = 280  # of the libraries that are only shown: a tenth, as some take a minute for all
SLOW_SYMBOLS = 4  # of a library that works bar by bar in Python
WANTED: tuple[tuple[str, dict[str, float], str, tuple[str, ...]], ...] = (
    ("sma", {"period": 20}, "close", ("sma",)),
    ("sma", {"period": 50}, "close", ("sma",)),
    ("sma", {"period": 150}, "close", ("sma",)),
    ("sma", {"period": 200}, "close", ("sma",)),
    ("ema", {"period": 12}, "close", ("ema",)),
    ("ema", {"period": 26}, "close", ("ema",)),
    ("rsi", {"period": 14}, "close", ("rsi",)),
    ("macd", {}, "close", ("macd", "signal", "hist")),
    ("bb", {"period": 20}, "close", ("upper", "middle", "lower")),
    ("atr", {"period": 14}, "close", ("atr",)),
    ("adx", {"period": 14}, "close", ("adx",)),
    ("stoch", {}, "close", ("k", "d")),
    ("cci", {"period": 20}, "hlc3", ("cci",)),
    ("mfi", {"period": 14}, "close", ("mfi",)),
    ("obv", {}, "close", ("obv",)),
    ("roc", {"period": 10}, "close", ("roc",)),
    ("highest", {"period": 252}, "high", ("highest",)),
    ("lowest", {"period": 252}, "low", ("lowest",)),
    ("stdev", {"period": 20}, "close", ("stdev",)),
)


def wanted(mode: Mode) -> Plan:
    """The 24 outputs together."""
    fields = {name: Term(f"read_{name}") for name in ("high", "low")} | {"close": CLOSE}
    fields["hlc3"] = (fields["high"] + fields["low"] + CLOSE) / 3.0
    terms = []
    for name, params, source, outputs in WANTED:
        indicator = load()[name]
        defined = indicator.terms(mode, indicator.bind(params))
        terms += [with_names(defined[output], {SOURCE: fields[source]}) for output in outputs]
    assert len(terms) == 24
    return Plan(terms)


def peer(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> Iterator[FloatArray]:
    """The same outputs by TA-Lib."""
    for period in (20, 50, 150, 200):
        yield talib.SMA(close, period)
    yield talib.EMA(close, 12)
    yield talib.EMA(close, 26)
    yield talib.RSI(close, 14)
    yield from talib.MACD(close, 12, 26, 9)
    yield from talib.BBANDS(close, 20, 2.0, 2.0)
    yield talib.ATR(high, low, close, 14)
    yield talib.ADX(high, low, close, 14)
    yield from talib.STOCH(high, low, close, 14, 3, 0, 3, 0)
    yield talib.CCI(high, low, close, 20)
    yield talib.MFI(high, low, close, volume, 14)
    yield talib.OBV(close, volume)
    yield talib.ROC(close, 10)
    yield talib.MAX(high, 252)
    yield talib.MIN(low, 252)
    yield talib.STDDEV(close, 20)


def market(bars: int, symbols: int = SYMBOLS) -> Fields:
    """Random walks, time-major."""
    random = np.random.default_rng(7)
    close = 10_000.0 * np.exp(np.clip(random.normal(0, 0.02, (bars, symbols)).cumsum(axis=0), -3, 3))
    high = close * (1 + 0.01 * random.random((bars, symbols)))
    low = close * (1 - 0.01 * random.random((bars, symbols)))
    return {"high": high, "low": low, "close": close, "volume": random.integers(1, 10**6, close.shape).astype(float)}


def side(work: Callable[[], object]) -> Side:
    """A side of a comparison that does not wait for anything."""

    async def done() -> None:
        work()

    return Side(done)


async def measure() -> list[Goal]:
    """All goals, on one thread."""
    goals = []
    plan = wanted("talib")
    for bars, scan, whole, marks in ((260, "K1", "K4.260", (40, 100, 8, 12)), (2_500, "K2", "K4.2500", (15, 50, 4, 6))):
        fields = market(bars)
        given = [fields[name] for name in plan.inputs]
        first = np.zeros(SYMBOLS, dtype=np.int32)
        newest = np.empty((24, 1, SYMBOLS))
        columns = {name: np.ascontiguousarray(values.T) for name, values in fields.items()}
        parts = [
            [np.ascontiguousarray(one[:, at : at + TOGETHER]) for one in given] for at in range(0, SYMBOLS, TOGETHER)
        ]
        series = np.empty((24, bars, TOGETHER))
        plan.straighten(SYMBOLS, bars, 1)
        plan.straighten(TOGETHER, bars, bars)

        def last(given: list[FloatArray] = given, first: NDArray[np.int32] = first, out: FloatArray = newest) -> None:
            plan.into(given, first, out)

        def full(
            parts: list[list[FloatArray]] = parts, first: NDArray[np.int32] = first, out: FloatArray = series
        ) -> None:
            for part in parts:
                width = part[0].shape[1]
                plan.into(part, first[:width], out if width == TOGETHER else np.empty((24, out.shape[1], width)))

        def theirs(columns: Fields = columns) -> None:
            for symbol in range(SYMBOLS):
                list(peer(*(columns[name][symbol] for name in ("high", "low", "close", "volume"))))

        def read(given: list[FloatArray] = given) -> None:
            for one in (*given, given[0]):
                one.sum()

        ours, sweep, other, memory = await interleaved(side(last), side(full), side(theirs), side(read))
        await _show_peers(fields, ours / SYMBOLS, sweep / SYMBOLS)
        goals.append(Goal(scan, other / ours, marks[0], marks[1], "higher", "x"))
        goals.append(Goal(whole, other / sweep, marks[2], marks[3], "higher", "x"))
        if bars == 2_500:
            goals.append(Goal("K3", ours / memory, 6, 2, "lower", "x"))
    await _show_catalogue()
    return [*goals, *await _live(plan), _accuracy(plan), _fallen()]


async def _show_peers(fields: Fields, scan_s: float, series_s: float) -> None:
    """Say how long other libraries take for a Symbol's full series, against our scan and series of one."""
    few = {name: values[:, :PEERS_SYMBOLS] for name, values in fields.items()}
    bars = len(few["close"])
    columns = [np.ascontiguousarray(few[name].T) for name in ("high", "low", "close", "volume")]
    frame = long_frame(few)
    sides = {"polars": side(lambda: polars_native(frame))}
    for name, peer_of in installed().items():

        def work(peer_of: OneSymbol = peer_of) -> None:
            for symbol in range(PEERS_SYMBOLS):
                list(peer_of(*(column[symbol] for column in columns)))

        sides[name] = side(work)
    for name, taken in zip(sides, await interleaved(*sides.values()), strict=True):
        each = taken / PEERS_SYMBOLS
        shown = f"scan {each / scan_s:.1f}x, series {each / series_s:.1f}x of {name} ({each / bars * 1e9:.0f} ns/bar)"
        print(f"kernels, {bars} bars: {shown}", file=sys.stderr)


async def _show_catalogue() -> None:
    """Say how long the newest values of every indicator take, over two years of a whole market, and kernels to load."""
    terms = [term for one in load().values() for term in one.terms("tv", one.bind({})).values()]
    plan = Plan(terms)
    fields = market(CATALOGUE_BARS)
    fields |= {"open": fields["close"], "source": fields["close"], "index_close": fields["close"]}
    fields["session"] = np.repeat(np.arange(CATALOGUE_BARS, dtype=np.float64)[:, None], SYMBOLS, axis=1)
    first = np.zeros(SYMBOLS, dtype=np.int32)
    plan.straighten(SYMBOLS, CATALOGUE_BARS, 1)
    (taken,) = await interleaved(side(lambda: plan.last(fields, first, 1)))
    shape = f"{len(load())} indicators, newest values of {SYMBOLS} x {CATALOGUE_BARS} bars"
    print(f"kernels: {shape}: {taken * 1e3:.0f} ms", file=sys.stderr)


async def _live(plan: Plan) -> list[Goal]:
    """Nanoseconds a Symbol: ticks in batches of Symbols from anywhere, and the bar of all that closes."""
    fields = market(300)
    live = Live.start(plan, fields, np.zeros(SYMBOLS, dtype=np.int32))
    live.straighten()
    everyone = np.arange(SYMBOLS)
    batches = np.random.default_rng(1).permutation(SYMBOLS)[: SYMBOLS // BATCH * BATCH].reshape(-1, BATCH)
    ticks = [(lanes, {name: values[-1, lanes] for name, values in fields.items()}) for lanes in batches]
    bars = {name: values[-1] for name, values in fields.items()}

    def peek() -> None:
        for lanes, tick in ticks:
            live.peek(lanes, tick)

    tick, close = await interleaved(side(peek), side(lambda: live.commit(everyone, bars)), repetitions=15)
    theirs = incremental(fields, SLOW_SYMBOLS)

    def talipp() -> None:
        for one, bar in theirs:
            one.commit(bar)
            one.tick(bar)

    (slow,) = await interleaved(side(talipp))
    both = tick / batches.size + close / SYMBOLS
    return [
        Goal("K7", slow / SLOW_SYMBOLS / both, 400, 700, "higher", "x"),
        Goal("K5", tick / batches.size * 1e9, 150, 80, "lower", "ns"),
        Goal("K6", close / SYMBOLS * 1e9, 250, 150, "lower", "ns"),
    ]


def _accuracy(plan: Plan) -> Goal:
    """The largest relative distance from TA-Lib; infinite where values are missing on one side only."""
    fields = {name: values[:, 0].copy() for name, values in market(2_500, 1).items()}
    expected = peer(fields["high"], fields["low"], fields["close"], fields["volume"])
    worst = 0.0
    for ours, theirs in zip(plan.series(fields), expected, strict=True):
        if (np.isnan(ours) != np.isnan(theirs)).any():
            return Goal("K8", np.inf, 1e-9, 1e-11, "lower", "relative")
        there = ~np.isnan(ours)
        away = np.abs(ours[there] - theirs[there]) / np.maximum(np.abs(theirs[there]), 1.0)
        worst = max(worst, float(away.max()))
    return Goal("K8", worst, 1e-9, 1e-11, "lower", "relative")


def _fallen() -> Goal:
    """The deviation of 20 closes after a fall from ten million to one, against two passes in long doubles."""
    random = np.random.default_rng(8)
    close = np.concatenate([1e7 + random.normal(0, 1e5, 60), 1 + 0.01 * random.random(60)])
    indicator = load()["stdev"]
    plan = Plan([with_names(indicator.terms("tv", indicator.bind({"period": 20}))["stdev"], {SOURCE: CLOSE})])
    found = plan.series({"close": close})[0, 90:]
    exact = np.array([np.std(close[bar - 19 : bar + 1].astype(np.longdouble)) for bar in range(90, 120)], dtype=float)
    return Goal("K9", float(np.max(np.abs(found / exact - 1))), 1e-9, 1e-12, "lower", "relative")
