"""Measures within a Session equal their golden columns, and see nothing after their slot."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph.scanners import intraday

FloatArray = NDArray[np.float64]
SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared"))
FILE = SHARED / "golden" / "intraday_5m.parquet"
needs_golden = pytest.mark.skipif(not FILE.is_file(), reason="no shared golden vectors (RALPH_SHARED_DIR)")
SLOT_MINUTES = 5


def golden(name: str) -> FloatArray:
    frame = pl.read_parquet(FILE).sort("session", "slot")
    sessions = frame["session"].n_unique()
    return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(sessions, -1)


def fields() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    opened, high, low, close, volume = (golden(name) for name in ("open", "high", "low", "close", "volume"))
    return opened, high, low, close, volume


def equal(found: NDArray[np.generic], name: str, unit: float = 1.0) -> None:
    expected = golden(name)
    np.testing.assert_array_equal(np.isnan(found.astype(np.float64)), np.isnan(expected))
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=1e-8, atol=1e-9 * unit)


@needs_golden
def test_every_golden_column_is_reproduced() -> None:
    """VWAP and its deviation, relative volumes, gap, opening ranges and their breaks, reclaims and new highs."""
    opened, high, low, close, volume = fields()
    price, deviation = intraday.vwap(high, low, close, volume)
    equal(price, "lib_vwap_session", 5e4)
    # The column is a difference of squares of prices: its rounding shows up to the root of the precision.
    np.testing.assert_allclose(deviation, golden("def_vwap_sd"), rtol=1e-8, atol=5e4 * np.finfo(float).eps ** 0.5)
    equal(np.cumsum(volume, axis=1), "def_cumvol")
    equal(intraday.relative_volume(volume, 10), "def_rvol_tod10")
    equal(intraday.relative_volume(volume, 10, cumulative=False), "def_rvol_slot10")
    gap = intraday.gap_pct(opened, close, volume)
    equal(np.repeat(gap[:, None], close.shape[1], axis=1), "def_gap_pct", 100)
    for minutes in (5, 15, 30):
        opening = intraday.opening_range(high, low, volume, minutes // SLOT_MINUTES)
        equal(opening.high, f"def_or{minutes}_high")
        equal(opening.low, f"def_or{minutes}_low")
        equal(intraday.breaks_out(close, opening), f"def_orb{minutes}_up_first")
    equal(intraday.reclaims(close, price), "def_vwap_reclaim")
    equal(intraday.new_highs(high, volume), "def_new_intraday_high")


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 11), symbols=st.integers(1, 3))
def test_nothing_looks_ahead_and_symbols_stand_apart(seed: int, cut: int, symbols: int) -> None:
    """What is measured at a slot stays when later slots arrive, and a Symbol alone gives what it gives among others."""
    random = np.random.default_rng(seed)
    shape = (4, 12, symbols)
    close: FloatArray = np.asarray(1_000 * np.exp(np.cumsum(random.normal(0, 0.01, shape), axis=1)))
    high: FloatArray = np.asarray(close * 1.01)
    low: FloatArray = np.asarray(close * 0.99)
    volume = random.integers(0, 3, shape).astype(np.float64)

    def measures(slots: int, lanes: slice) -> list[NDArray[np.generic]]:
        part: list[FloatArray] = [field[:, :slots, lanes] for field in (high, low, close, volume)]
        price, deviation = intraday.vwap(*part)
        opening = intraday.opening_range(part[0], part[1], part[3], 2)
        breaks, back = intraday.breaks_out(part[2], opening), intraday.reclaims(part[2], price, 2)
        volumes = intraday.relative_volume(part[3], 2)
        return [price, deviation, volumes, opening.high, breaks, back, intraday.new_highs(part[0], part[3])]

    whole = measures(12, slice(None))
    for found, expected in zip(measures(cut, slice(None)), whole, strict=True):
        np.testing.assert_array_equal(found[:, 2:cut], expected[:, 2:cut])
    for found, expected in zip(measures(12, slice(0, 1)), whole, strict=True):
        np.testing.assert_array_equal(found, expected[:, :, :1])


def test_a_session_without_trade_has_no_measures() -> None:
    """No VWAP, no gap to it or from it, no opening range."""
    close = np.full((3, 4), 100.0)
    volume = np.full((3, 4), 10.0)
    volume[1] = 0
    assert np.isnan(intraday.vwap(close, close, close, volume).price[1]).all()
    gap = intraday.gap_pct(close, close, volume)
    assert np.isnan(gap).all()
    assert np.isnan(intraday.opening_range(close, close, volume, 2).high[1]).all()
