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

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared"))
GOLDEN = SHARED / "golden"
FIELDS = ("open", "high", "low", "close", "volume", "index_close")
CASES = (
    *("rw_a", "rw_b", "rw_krw_ticks", "const_price", "zero_volume_all", "zero_volume_flat_stretches"),
    *("limit_up_down_run", "nan_gaps", "krx_halt_zero_ohl", "monotone_up", "monotone_down"),
    *("short_1", "short_3", "short_30"),
)
UNITS = {"percent": 100.0, "ratio": 100.0}

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no shared golden vectors (RALPH_SHARED_DIR)")


@cache
def frame(case: str) -> dict[str, NDArray[np.float64]]:
    columns = pl.read_parquet(GOLDEN / f"{case}.parquet")
    return {column.name: column.cast(pl.Float64).fill_null(float("nan")).to_numpy() for column in columns}


def calls() -> dict[str, dict[str, Any]]:
    """The golden columns of the indicators there are, and the call that must reproduce each."""
    if not GOLDEN.is_dir():
        return {}
    listed: dict[str, dict[str, Any]] = json.loads((GOLDEN / "map.json").read_text())
    return {column: call for column, call in listed.items() if call["indicator"] in indicators.load()}


def unit(name: str, source: str | None, golden: dict[str, NDArray[np.float64]]) -> float:
    kind = "volume" if source == "volume" else indicators.load()[name].unit
    if kind in UNITS:
        return UNITS[kind]
    return float(np.nanmax(golden["in_volume" if kind == "volume" else "in_high"]))


@needs_golden
def test_there_are_columns_for_every_indicator() -> None:
    """The parametrised test below is not empty by accident: most indicators have a golden column."""
    assert {call["indicator"] for call in calls().values()} >= {"sma", "ema", "rma", "rsi", "macd", "bb", "atr", "adx"}


@needs_golden
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("column", calls() or ["no column"])
def test_a_golden_column_is_reproduced(column: str, case: str) -> None:
    """Values within 1e-8 relative or 1e-9 of the unit (Pine's are rounded to 1e-10: 1e-8), missing values exactly."""
    golden = frame(case)
    call = calls()[column]
    params = call["params"]
    bars = {name: golden[f"in_{name}"] for name in FIELDS}
    found = indicators.series(call["indicator"], **bars, mode=call["mode"], **params)[call["output"]]
    size = unit(call["indicator"], params.get("source"), golden)
    of_unit = 1e-8 if column.startswith("pine_") else 1e-9
    np.testing.assert_array_equal(np.isnan(found), np.isnan(golden[column]))
    np.testing.assert_allclose(found, golden[column], rtol=1e-8, atol=of_unit * size)
