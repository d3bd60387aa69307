"""Volatility contraction bases: known ones are found, the kernel is its slow twin, and nothing looks ahead."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import slow_vcp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph.kernels import base_rows, bases, swings
from ralph.scanners.vcp import DEFAULT_RULES, STATES

FloatArray = NDArray[np.float64]
Bars = tuple[FloatArray, FloatArray, FloatArray, FloatArray]

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared"))
GOLDEN = SHARED / "golden"
DAILY = SHARED / "data" / "krx_daily.parquet"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no shared golden vectors (RALPH_SHARED_DIR)")
needs_data = pytest.mark.skipif(not DAILY.is_file(), reason="no shared market data (RALPH_SHARED_DIR)")

WALKS = 400
CHANCE_MAX = 0.015  # of random walks may hold a base on their last bar


def truth() -> dict[str, Any]:
    return json.loads((GOLDEN / "vcp_synth_truth.json").read_text()) if GOLDEN.is_dir() else {}


def walks(count: int, seed: int, height: int = 420) -> Bars:
    """Random walks of 2.2 % a day with a mild drift [bars, count]: high, low, close, volume."""
    random = np.random.default_rng(seed)
    close = 10_000 * np.exp(np.cumsum(random.normal(0.0006, 0.022, (height, count)), axis=0))
    opened = close * np.exp(random.normal(0.0, 0.008, close.shape))
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0.0, 0.006, close.shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0.0, 0.006, close.shape)))
    return high, low, close, np.exp(random.normal(11.0, 0.6, close.shape))


def scan(bars: Bars, rank: float = np.nan) -> tuple[FloatArray, FloatArray]:
    width = bars[2].shape[1]
    first = np.zeros(width, dtype=np.int32)
    return bases.scan(*bars, first, np.full(width, rank), DEFAULT_RULES)


def case_bars(name: str) -> Bars:
    case = pl.read_parquet(GOLDEN / "vcp_synth.parquet").filter(pl.col("case") == name)
    high, low, close, volume = (case[field].to_numpy()[:, None].copy() for field in ("high", "low", "close", "volume"))
    return high, low, close, volume


def legs_of(found: FloatArray, lane: int) -> list[tuple[int, int]]:
    """Where the contractions' highs and lows stand."""
    rows = found[[base_rows.HIGH_AT, base_rows.LOW_AT], :, lane]
    return [(int(high), int(low)) for high, low in rows.T if not np.isnan(high)]


def agrees(bars: Bars) -> int:
    """Kernel and slow twin find the same; how many bases there were."""
    terms, legs = scan(bars)
    for lane in range(bars[2].shape[1]):
        expected = slow_vcp.find_base(*(field[:, lane] for field in bars))
        assert (terms[base_rows.LEG_COUNT, lane] > 0) == (expected is not None)
        if expected:
            assert legs_of(legs, lane) == [(leg.high_at, leg.low_at) for leg in expected.legs]
            assert terms[base_rows.PIVOT, lane] == expected.pivot
            assert STATES[int(terms[base_rows.STATE, lane])] == expected.state
            assert terms[base_rows.SCORE, lane] == pytest.approx(expected.score, abs=1e-9)
    return int((terms[base_rows.LEG_COUNT] > 0).sum())


@needs_golden
@pytest.mark.parametrize("name", truth() or ["no case"])
def test_known_bases_are_found_and_others_refused(name: str) -> None:
    """Built from known legs: the verdict, the contractions, their depths and the pivot."""
    terms, legs = scan(case_bars(name))
    expected = truth()[name]
    assert (terms[base_rows.LEG_COUNT, 0] > 0) == expected["expected_vcp"]
    if expected["expected_vcp"]:
        assert terms[base_rows.LEG_COUNT, 0] == expected["T"]
        assert terms[base_rows.PIVOT, 0] == pytest.approx(expected["pivot_price"], rel=1e-12)
        places = [(leg["high_idx"], leg["low_idx"]) for leg in expected["contractions"]]
        assert legs_of(legs, 0) == places
        depths = [leg["depth"] for leg in expected["contractions"]]
        np.testing.assert_allclose(legs[base_rows.DEPTH, : expected["T"], 0], depths, rtol=1e-9)


@needs_golden
def test_another_unit_of_price_and_volume_changes_nothing() -> None:
    """Depths, counts, states and scores are ratios; prices scale."""
    for name in truth():
        high, low, close, volume = case_bars(name)
        terms, legs = scan((high, low, close, volume))
        scaled, scaled_legs = scan((high * 137.5, low * 137.5, close * 137.5, volume * 1e-3))
        for row in (base_rows.LEG_COUNT, base_rows.STATE, base_rows.SCORE, base_rows.DRY_UP, base_rows.ADVANCE):
            np.testing.assert_allclose(scaled[row], terms[row], rtol=1e-9)
        np.testing.assert_allclose(scaled_legs[base_rows.DEPTH], legs[base_rows.DEPTH], rtol=1e-9)


@needs_golden
def test_a_tighter_and_drier_end_never_lowers_the_score() -> None:
    """The volume after the last high made smaller, or the last low raised: at least the same score."""
    high, low, close, volume = case_bars("pos_3t")
    before = scan((high, low, close, volume))[0][base_rows.SCORE, 0]
    drier = volume.copy()
    drier[345:-1] *= 0.8
    assert scan((high, low, close, drier))[0][base_rows.SCORE, 0] >= before
    tighter = low.copy()
    tighter[351] += 0.2 * (close[351] - low[351])
    assert scan((high, tighter, close, volume))[0][base_rows.SCORE, 0] >= before


def test_the_kernel_is_its_slow_twin_on_random_walks() -> None:
    """Same bases, contractions, states and scores."""
    assert agrees(walks(WALKS, 7)) > 0


@pytest.mark.long
def test_the_kernel_is_its_slow_twin_on_many_random_walks() -> None:
    """Four thousand of them."""
    assert sum(agrees(walks(500, seed)) for seed in range(8)) > 8


@needs_data
def test_the_kernel_is_its_slow_twin_on_real_symbols() -> None:
    """Twenty Symbols on two dates."""
    agree_on_real(20, 2)


@needs_data
@pytest.mark.long
def test_the_kernel_is_its_slow_twin_on_many_real_symbols() -> None:
    """Two hundred Symbols on twenty dates."""
    assert agree_on_real(200, 20) > 0


def real_symbols(count: int) -> list[Bars]:
    frame = pl.read_parquet(DAILY).filter((pl.col("volume") > 0) & (pl.col("open") > 0))
    listed = frame.group_by("symbol").len().filter(pl.col("len") >= 560).sort("symbol")["symbol"]
    chosen = listed.gather(np.linspace(0, listed.len() - 1, count).astype(int))
    kept = frame.filter(pl.col("symbol").is_in(chosen.to_list())).sort("symbol", "date")
    fields = ("high", "low", "close", "volume")
    groups = kept.partition_by("symbol", maintain_order=True)
    return [tuple(group[field].cast(pl.Float64).to_numpy().copy() for field in fields) for group in groups]  # type: ignore[misc]


def agree_on_real(count: int, dates: int) -> int:
    found = 0
    for symbol in real_symbols(count):
        for end in np.linspace(252, symbol[0].size, dates).astype(int):
            found += agrees(tuple(np.ascontiguousarray(field[:end, None]) for field in symbol))  # type: ignore[arg-type]
    return found


@pytest.mark.long
def test_chance_finds_few_bases() -> None:
    """At most 1.5 % of ten thousand random walks hold one on their last bar."""
    found = sum(int((scan(walks(1_000, seed))[0][base_rows.LEG_COUNT] > 0).sum()) for seed in range(10))
    assert found <= CHANCE_MAX * 10_000


def test_time_turned_round_is_another_market() -> None:
    """What contracts forwards expands backwards: hardly any base is one both ways."""
    bars = walks(WALKS, 3)
    forwards = scan(bars)[0][base_rows.LEG_COUNT] > 0
    turned = tuple(np.ascontiguousarray(field[::-1]) for field in bars)
    backwards = scan(turned)[0][base_rows.LEG_COUNT] > 0  # type: ignore[arg-type]
    assert not (forwards & backwards).any()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["walk", "ticks", "limits", "flat"]))
def test_a_swing_once_confirmed_stays(seed: int, kind: str) -> None:
    """As of any bar, the swings are those confirmed by then, and later bars change none of them; they alternate."""
    high, low, close, _ = (field[:120, 0] for field in walks(1, seed, 120))
    if kind == "ticks":
        high, low, close = (np.round(field / 100) * 100 for field in (high, low, close))
    if kind == "limits":
        close = 1_000 * np.cumprod(np.random.default_rng(seed).choice([1.3, 0.7], 120))
        high, low = close.copy(), close.copy()
    if kind == "flat":
        high, low, close = (np.full(120, 5_000.0) for _ in range(3))
    whole = swings.swings(high.copy(), low.copy(), close.copy())
    assert (np.diff(whole[swings.IS_HIGH]) != 0).all()
    expected = slow_vcp.swings(high, low, close)[0]
    rows = [(int(at), price, bool(is_high), int(by)) for at, price, is_high, by in whole.T]
    assert rows == [(swing.at, swing.price, swing.is_high, swing.confirmed_at) for swing in expected]
    for cut in (14, 50, 97):
        known = whole[:, whole[swings.CONFIRMED_AT] < cut]
        part = swings.swings(high[:cut].copy(), low[:cut].copy(), close[:cut].copy())
        np.testing.assert_array_equal(part, known)


def test_columns_do_not_disturb_each_other() -> None:
    """Young, empty and long ones side by side, whatever stands above their first bar, are as each alone."""
    high, low, close, volume = walks(37, 5)
    first = np.random.default_rng(1).integers(0, 200, 37).astype(np.int32)
    first[3], first[4] = 420, 300
    for field in (high, low, close, volume):
        field[np.arange(420)[:, None] < first] = np.nan
    ranks = np.full(37, np.nan)
    terms, legs = bases.scan(high, low, close, volume, first, ranks, DEFAULT_RULES)
    assert terms[base_rows.EVALUABLE].tolist() == (420 - first >= base_rows.BARS_MIN).astype(float).tolist()
    for lane in range(37):
        own = tuple(np.ascontiguousarray(field[first[lane] :, lane : lane + 1]) for field in (high, low, close, volume))
        alone, alone_legs = scan(own)  # type: ignore[arg-type]
        np.testing.assert_array_equal(alone[:, 0], terms[:, lane])
        alone_legs[[base_rows.HIGH_AT, base_rows.LOW_AT]] += first[lane]
        np.testing.assert_array_equal(alone_legs[:, :, 0], legs[:, :, lane])


def test_a_rank_that_is_known_must_be_high() -> None:
    """With an RS rating below 70 there is no base; with one above, the score counts it."""
    bars = walks(WALKS, 7)
    bare, low, high = (scan(bars, rank)[0] for rank in (np.nan, 69.0, 99.0))
    assert (low[base_rows.LEG_COUNT] == 0).all()
    np.testing.assert_array_equal(high[base_rows.LEG_COUNT], bare[base_rows.LEG_COUNT])
    held = bare[base_rows.LEG_COUNT] > 0
    np.testing.assert_allclose(high[base_rows.SCORE, held], 0.85 * bare[base_rows.SCORE, held] + 15.0)
