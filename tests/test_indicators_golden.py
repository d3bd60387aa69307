"""The indicators reproduce the golden columns, in both modes, with exactly their missing values."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from ralph import indicators
from ralph.indicators.indicator import Mode

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared"))
GOLDEN = SHARED / "golden"
FIELDS = ("open", "high", "low", "close", "volume", "index_close")
CASES = (
    *("rw_a", "rw_b", "rw_krw_ticks", "const_price", "zero_volume_all", "zero_volume_flat_stretches"),
    *("limit_up_down_run", "nan_gaps", "krx_halt_zero_ohl", "monotone_up", "monotone_down"),
    *("short_1", "short_3", "short_30"),
)
UNITS = {"percent": 100.0, "ratio": 100.0, "number": 100.0}

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no shared golden vectors (RALPH_SHARED_DIR)")


Golden = dict[str, NDArray[np.float64]]


@cache
def frame(case: str) -> Golden:
    columns = pl.read_parquet(GOLDEN / f"{case}.parquet")
    return {column.name: column.cast(pl.Float64).fill_null(float("nan")).to_numpy() for column in columns}


@cache
def computed(case: str, name: str, mode: Mode, params: tuple[tuple[str, object], ...]) -> Golden:
    """All outputs of a call over a case; a rating has thirty."""
    bars = {field: frame(case)[f"in_{field}"] for field in FIELDS}
    given: dict[str, Any] = {**bars, **dict(params)}
    return indicators.series(name, mode=mode, **given)


@cache
def calls() -> dict[str, dict[str, Any]]:
    """The golden columns of the indicators there are, and the call that must reproduce each."""
    if not GOLDEN.is_dir():
        return {}
    listed: dict[str, dict[str, Any]] = json.loads((GOLDEN / "map.json").read_text())
    return {column: call for column, call in listed.items() if call["indicator"] in indicators.load()}


def unit(name: str, output: str, source: str | None, golden: Golden) -> float:
    indicator = indicators.load()[name]
    kind = "volume" if source == "volume" else indicator.unit_of(output)
    if kind in UNITS:
        return UNITS[kind]
    return float(np.nanmax(golden["in_volume" if kind == "volume" else "in_high"]))


def over_traded(golden: Golden, formula: pl.Expr) -> NDArray[np.float64]:
    """A formula over the bars that there are; NaN at the others."""
    bars = {name: golden[f"in_{name}"] for name in ("open", "high", "low", "close", "volume")}
    there = ~np.isnan(bars["close"]) & ((bars["open"] != 0) | (bars["volume"] != 0))
    columns = pl.DataFrame({name: values[there] for name, values in bars.items()})
    found = np.full(there.size, np.nan)
    found[there] = columns.select(formula.cast(pl.Float64)).to_series().fill_null(float("nan")).to_numpy()
    return found


TYPICAL = (pl.col("high") + pl.col("low") + pl.col("close")) / 3
FLOW = pl.col("volume") * TYPICAL.diff().ne(0.0).fill_null(value=True)
RATINGS = ("tr_", "tr24_", "tr20_")
RESIDUE = {
    "talib_vwma20": pl.col("volume").rolling_sum(20),
    "talib_rvol20": pl.col("volume").rolling_sum(20).shift(1),
    "pine_mfi14": FLOW.rolling_sum(14),
}
STILL = {
    "pine_cci20_close": pl.col("close").rolling_max(20) - pl.col("close").rolling_min(20),
    "pine_cci20_hlc3": TYPICAL.rolling_max(20) - TYPICAL.rolling_min(20),
}
"""Where one of these is 0 there is nothing to divide by, and libraries print what rounding left of older bars. Of the
first ours is NaN, of the second 0."""


def compared(column: str, golden: Golden) -> NDArray[np.bool_]:
    """The bars at which a column counts: not a library's residue, and ratings where both derivations agree."""
    if column.startswith(RATINGS):
        return np.equal(golden["tr_agree"], 1.0)
    if column in RESIDUE:
        return np.not_equal(over_traded(golden, RESIDUE[column]), 0.0)
    if column in STILL:
        return np.logical_not(np.abs(over_traded(golden, STILL[column])) <= 1e-10 * golden["in_close"])
    return np.ones(golden[column].size, dtype=np.bool_)


@needs_golden
def test_there_are_columns_for_every_indicator() -> None:
    """The parametrised test below is not empty by accident: most indicators have a golden column."""
    assert {call["indicator"] for call in calls().values()} >= {"sma", "ema", "rma", "rsi", "macd", "bb", "atr", "adx"}


@needs_golden
@pytest.mark.parametrize("column", calls() or ["no column"])
def test_a_golden_column_is_reproduced(column: str) -> None:
    """In every case, values within 1e-8 relative or 1e-9 of the unit (Pine's are rounded to 1e-10: 1e-8); missing
    values and ratings exactly."""
    for case in CASES:
        reproduces(column, case)


def reproduces(column: str, case: str) -> None:
    golden = frame(case)
    call = calls()[column]
    params = call["params"]
    found = computed(case, call["indicator"], call["mode"], tuple(params.items()))[call["output"]]
    counts = compared(column, golden)
    if column in RESIDUE:
        assert np.isnan(found[~counts]).all(), case
    if column in STILL:
        assert (found[~counts] == 0).all(), case
    found, expected = found[counts], golden[column][counts]
    if column.startswith(RATINGS):
        np.testing.assert_array_equal(found, expected, err_msg=case)
        return
    size = unit(call["indicator"], call["output"], params.get("source"), golden)
    of_unit = 1e-8 if column.startswith("pine_") else 1e-9
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=case)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=of_unit * size, err_msg=case)
