"""`ralph.indicators.series`: any indicator by name over plain arrays, and what it says to bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ralph import indicators
from ralph.errors import BadParameter, NotFound
from ralph.indicators.card import UNITS
from ralph.indicators.indicator import Param
from ralph.kernels import jit

Bars = dict[str, Any]


@pytest.fixture
def bars() -> Bars:
    """Sixty bars."""
    random = np.random.default_rng(1)
    close = 1_000 + np.cumsum(random.normal(0, 10, 60))
    return {"open": close - 1, "high": close + 5, "low": close - 5, "close": close, "volume": np.arange(60.0) + 1}


def test_the_first_twelve_are_there() -> None:
    """With their names, in order of name."""
    expected = {"sma", "ema", "rma", "rsi", "macd", "bb", "atr", "stoch", "adx", "obv", "highest", "lowest"}
    assert expected <= set(indicators.load())
    assert list(indicators.load()) == sorted(indicators.load())


def test_listing_indicators_does_not_load_numba() -> None:
    """`ralph --help` and `ralph indicators` would wait for it."""
    code = "import sys, ralph.indicators as i; assert i.load(); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_indicator_says_what_it_is() -> None:
    """In English and Korean, one line each, with its unit and where its formula is from."""
    for indicator in indicators.load().values():
        assert indicator.en.isascii()
        assert not indicator.ko.isascii()
        assert {indicator.unit, *indicator.units.values()} <= set(UNITS)
        assert indicator.formula_source
        assert ("source" in indicator.inputs) == (indicator.source is not None)
        for text in (indicator.en, indicator.ko, indicator.formula_source):
            assert "\n" not in text


@pytest.mark.parametrize("hole", ["missing", "halt"])
def test_missing_bars_and_halts_are_stepped_over(bars: Bars, hole: str) -> None:
    """The bars around them get the values they would have without them; the bars themselves get none."""
    gone = np.array([0, 7, 8, 31, 59])
    kept = np.setdiff1d(np.arange(60), gone)
    compact = {name: values[kept] for name, values in bars.items()}
    if hole == "missing":
        bars["high"][gone] = np.nan
    else:
        for name in ("open", "high", "low", "volume"):
            bars[name][gone] = 0.0
    for name in indicators.load():
        found = indicators.series(name, **bars, index_close=bars["close"], session=np.floor(np.arange(60.0) / 7))
        expected = indicators.series(name, **compact, index_close=compact["close"], session=np.floor(kept / 7))
        for output, values in found.items():
            assert np.isnan(values[gone]).all()
            np.testing.assert_array_equal(values[kept], expected[output])


def test_bars_without_volume_are_bars(bars: Bars) -> None:
    """Zero volume alone takes nothing away."""
    bars["volume"][:] = 0.0
    assert np.isnan(indicators.series("sma", **bars, period=5)["sma"]).sum() == 4


def test_a_source_is_chosen_by_name(bars: Bars) -> None:
    """A field or one of the usual means of prices; the default is the indicator's own."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    means = {"volume": bars["volume"], "hl2": (high + low) / 2, "hlc3": (high + low + close) / 3}
    means["ohlc4"] = (bars["open"] + high + low + close) / 4
    for name, source in means.items():
        found = indicators.series("sma", **bars, period=1, source=name)["sma"]
        np.testing.assert_array_equal(found, source)
    np.testing.assert_array_equal(indicators.series("highest", **bars, period=1)["highest"], high)
    np.testing.assert_array_equal(indicators.series("lowest", **bars, period=1)["lowest"], low)


@pytest.mark.parametrize("size", [0, 1])
def test_no_bars_are_no_error(bars: Bars, size: int) -> None:
    """Results are as long as the input, however short."""
    few = {name: values[:size] for name, values in bars.items()}
    for name in indicators.load():
        for values in indicators.series(name, **few, index_close=few["close"], session=few["close"]).values():
            assert values.shape == (size,)


@pytest.mark.parametrize(
    ("name", "given", "field", "says"),
    [
        ("sma", {"period": 0}, "period", "period must be a whole number from 1 to 5000, not 0"),
        ("sma", {"period": 5001}, "period", "from 1 to 5000, not 5001"),
        ("sma", {"period": 2.5}, "period", "not 2.5"),
        ("sma", {"period": float("nan")}, "period", "not nan"),
        ("sma", {"period": float("inf")}, "period", "not inf"),
        ("sma", {"period": 10**400}, "period", "from 1 to 5000"),
        ("sma", {"period": "14"}, "period", "not '14'"),
        ("sma", {"period": True}, "period", "not True"),
        ("sma", {"period": None}, "period", "not None"),
        ("bb", {"mult": -1}, "mult", "mult must be a number from 0.001 to 50, not -1"),
        ("sma", {"length": 5}, "length", "sma has no parameter 'length'; it has: period"),
        ("obv", {"period": 5}, "period", "obv has no parameter 'period'; it has: none"),
        ("atr", {"source": "close"}, "source", "atr has no parameter 'source'"),
        ("sma", {"source": "clsoe"}, "source", "did you mean 'close'?"),
        ("sma", {"source": 3}, "source", "there is no source 3"),
        ("sma", {"mode": "pine"}, "mode", "mode must be tv or talib, not 'pine'"),
    ],
)
def test_a_wrong_parameter_is_named(bars: Bars, name: str, given: dict[str, Any], field: str, says: str) -> None:
    """With its range or the names there are, in one line."""
    with pytest.raises(BadParameter) as refused:
        indicators.series(name, **bars, **given)
    assert refused.value.field == field
    assert says in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 200


def test_an_unknown_indicator_gets_a_suggestion(bars: Bars) -> None:
    """The nearest name."""
    with pytest.raises(NotFound, match="did you mean 'stoch'"):
        indicators.series("stock", **bars)


def test_arrays_that_do_not_fit_are_named(bars: Bars) -> None:
    """Of another length, of another shape, not numbers."""
    for bad, says in (
        (bars["low"][:-1], "low must have 60"),
        (np.ones((60, 1)), "low must be"),
        (["x"] * 60, "low must"),
    ):
        with pytest.raises(BadParameter, match=says):
            indicators.series("sma", **{**bars, "low": bad})


def test_numpy_numbers_are_numbers() -> None:
    """A period computed with numpy is taken, and comes out as a plain int."""
    assert type(Param("period", 20).check(np.int64(5))) is int
    assert Param("mult", 2.0, low=0.5, whole=False).check(np.float32(0.5)) == 0.5


def test_the_kernel_cache_goes_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured folder, else the first that can be written to, and never one that others can write to."""
    assert (jit.choose_cache(str(tmp_path / "mine")) or Path()).is_relative_to(tmp_path / "mine")
    taken = tmp_path / "a file"
    taken.touch()
    usable = tmp_path / "usable"
    monkeypatch.setattr(jit, "_cache_bases", lambda configured: iter([taken, usable]))
    chosen = jit.choose_cache("")
    assert chosen is not None
    assert chosen.is_relative_to(usable)
    assert chosen.stat().st_mode & 0o077 == 0
    chosen.chmod(0o777)
    assert jit.choose_cache("") is None


def test_kernels_work_where_nothing_can_be_written(tmp_path: Path) -> None:
    """They are compiled for the one process, in a folder that goes with it."""
    code = """
import sys, tempfile
from pathlib import Path
tempfile.tempdir = sys.argv[1]
Path.mkdir = lambda *a, **k: (_ for _ in ()).throw(PermissionError())
from ralph import kernels
bars = __import__("numpy").ones(3)
assert kernels.uptrend.keeps_template(bars, bars, bars) == 0
assert len(list(Path(sys.argv[1]).glob("ralph-kernels-*"))) == 1
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "NUMBA_CACHE_DIR": ""})
    assert not list(tmp_path.iterdir())


def test_the_kernel_cache_forgets_old_versions(tmp_path: Path) -> None:
    """Of many compiled versions ours and the newest few others stay; folders that are not ours are left alone."""
    chosen = jit.choose_cache(str(tmp_path))
    assert chosen is not None
    (chosen.parent / "something else").mkdir()
    for number in range(10):
        (chosen.parent / f"{number:012x}").mkdir()
    assert jit.choose_cache(str(tmp_path)) == chosen
    assert chosen.is_dir()
    assert (chosen.parent / "something else").is_dir()
    assert len(list(chosen.parent.iterdir())) == jit.CACHE_VERSIONS_MAX + 1
