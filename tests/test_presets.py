"""The presets: named, described and readable; and each finds on the real market what it says it does."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from presets_reference import REFERENCES, SHARES, series_of
from screens_markets import invented, until

from ralph import screens
from ralph.market.beside import FLOW_FIELDS, Beside
from ralph.market.capital import Capital
from ralph.market.columns import BarColumns, build_panel
from ralph.market.panel import Panel
from ralph.market.symbol import Listing, Symbol
from ralph.screens.presets import Preset, find_preset, presets

SHARED = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent / ".." / "shared"))
FILE = SHARED / "data" / "krx_daily.parquet"
FLOWS_FILE = SHARED / "data" / "krx_flows.parquet"
DAYS = 20
HANGUL = re.compile(r"[가-힣]")


def test_there_are_many_and_each_is_named_and_described_in_both_languages() -> None:
    assert len(presets()) >= 30
    names = [name for preset in presets() for name in (preset.id, preset.name.en.casefold(), preset.name.ko)]
    assert len({preset.id for preset in presets()}) == len(presets())
    for preset in presets():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", preset.id)
        assert HANGUL.search(preset.about.ko)
        assert preset.name.en
        assert preset.name.ko
        assert not HANGUL.search(preset.about.en + preset.name.en)
        assert preset.tags
        assert all(re.fullmatch(r"[a-z]+", tag) for tag in preset.tags)
        assert find_preset(f"  {preset.id.upper()} ") is preset
        assert names.count(preset.name.ko) == 1
    assert find_preset("골든크로스") is find_preset("Golden  cross")
    assert find_preset("nothing") is None


def test_presets_are_read_and_run() -> None:
    panel = build_panel(invented(symbols=30, days=300))
    for preset in presets():
        answer = screens.run(panel, screens.Request(expression=preset.expression))
        assert answer.total_scanned == 30, preset.id


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    if not FILE.exists():
        pytest.skip(f"the shared market file is absent: {FILE.name}")
    return pl.read_parquet(FILE).sort("symbol", "date")


@pytest.mark.long
def test_each_preset_equals_an_independent_computation(frame: pl.DataFrame) -> None:
    """On twenty days spread over the file, and one on which flows are known."""
    asked = list(presets())
    assert {preset.id for preset in asked} == set(REFERENCES)
    flows = pl.read_parquet(FLOWS_FILE)
    bars = bars_of(frame)
    panel = replace(build_panel(bars), beside=beside_of(flows), capital=capital_of(bars))
    spread = panel.sessions[np.linspace(30, panel.sessions.size - 1, DAYS).astype(int)].astype(object).tolist()
    days: list[date] = sorted({*spread, max(flows["date"].to_list())})
    flows = flows.rename({"foreign_net_value": "foreign", "inst_net_value": "inst"})
    frame = frame.join(flows.select("symbol", "date", "foreign", "inst"), on=["symbol", "date"], how="left")
    expected = table_of(frame, asked, days)
    found_of = dict.fromkeys([preset.id for preset in asked], 0)
    for day in days:
        rows = expected.filter(pl.col("date") == day)
        for preset in asked:
            answer = screens.run(panel, screens.Request(expression=preset.expression, as_of=day))
            found = {match.symbol for match in answer.matches}
            sure, perhaps = (set(rows.filter(pl.col(f"{name} {preset.id}"))["symbol"]) for name in ("sure", "perhaps"))
            assert sure <= found <= perhaps, (preset.id, day, sure - found, found - perhaps)
            assert len(perhaps - sure) <= len(rows) // 100, preset.id  # flat prices make ties of means
            found_of[preset.id] += len(found)
    assert sum(count > 0 for count in found_of.values()) >= 0.9 * len(asked), found_of


PREFIX_DAYS = 60


@pytest.mark.long
def test_no_preset_looks_ahead() -> None:
    """The whole answer as of each of sixty days is the same, to the last bit, without later bars and flows."""
    bars = invented(symbols=24, days=420)
    listings = tuple(msgspec.structs.replace(one, sector=f"s{place % 4}") for place, one in enumerate(bars.listings))
    bars = replace(bars, listings=listings)
    said = {"foreign_value": np.random.default_rng(5).normal(1e4, 1e4, len(bars))}
    whole = _with_flows(bars, said)
    days = whole.sessions[-PREFIX_DAYS - 5 : -5].astype(object).tolist()
    found = 0
    for day in days:
        kept = bars.day <= np.datetime64(day)
        cut = _with_flows(until(bars, day), {name: values[kept] for name, values in said.items()})
        for preset in presets():
            asked = screens.Request(
                expression=preset.expression, as_of=day, extras=["funnel", "near_misses", "sparkline", "excluded"]
            )
            answers = [msgspec.structs.replace(screens.run(one, asked), timing_ms=0.0) for one in (whole, cut)]
            assert msgspec.json.encode(answers[0]) == msgspec.json.encode(answers[1]), (preset.id, day)
            found += answers[0].total_matches
    assert found > PREFIX_DAYS


def _with_flows(bars: BarColumns, said: dict[str, np.ndarray]) -> Panel:
    """A Panel of bars with flows for each of them, foreign and institutional alike, and shares."""
    codes = tuple(one.symbol for one in bars.listings)
    flows = {**said, "institution_value": said["foreign_value"]}
    return replace(build_panel(bars), beside=Beside(codes, bars.symbol, bars.day, flows), capital=capital_of(bars))


def bars_of(frame: pl.DataFrame) -> BarColumns:
    names = frame["symbol"].unique(maintain_order=True).to_list()
    places = {name: place for place, name in enumerate(names)}
    return BarColumns(
        listings=tuple(Listing(Symbol(name), sector=name[2:4]) for name in names),
        symbol=frame["symbol"].replace_strict(places, return_dtype=pl.Int32).to_numpy(),
        day=frame["date"].to_numpy().astype("datetime64[D]"),
        value=np.full(len(frame), np.nan),
        flags=(frame["flag"].to_numpy() & 7).astype(np.uint8),
        **{name: frame[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume")},
    )


def capital_of(bars: BarColumns) -> Capital:
    """Every Symbol has as many shares from the first day on."""
    count = len(bars.listings)
    first, nothing = np.full(count, bars.day.min()), np.full(count, np.nan)
    return Capital(np.arange(count, dtype=np.int32), first, np.full(count, SHARES), nothing)


def beside_of(flows: pl.DataFrame) -> Beside:
    names = flows["symbol"].unique(maintain_order=True).to_list()
    places = {name: place for place, name in enumerate(names)}
    nothing = np.full(len(flows), np.nan)
    foreign, institutions = (
        flows[name].cast(pl.Float64).to_numpy() for name in ("foreign_net_value", "inst_net_value")
    )
    said = {"foreign_value": foreign, "institution_value": institutions}
    return Beside(
        codes=tuple(Symbol(name) for name in names),
        symbol=flows["symbol"].replace_strict(places, return_dtype=pl.Int32).to_numpy(),
        day=flows["date"].to_numpy().astype("datetime64[D]"),
        flows={name: said.get(name, nothing) for name in FLOW_FIELDS},
    )


def table_of(frame: pl.DataFrame, asked: list[Preset], days: list[date]) -> pl.DataFrame:
    """For each traded bar of the days, whether each preset holds for certain, and whether perhaps."""
    traded = frame.filter(pl.col("volume") > 0).drop("flag")
    traded = traded.with_columns(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))
    parts = [part.with_columns(**series_of(part)) for part in traded.partition_by("symbol")]
    table = pl.concat(parts).with_columns(pl.selectors.float().fill_nan(None))
    columns = [
        holds.fill_null(value=False).alias(f"{name} {preset.id}")
        for preset in asked
        for name, holds in zip(("sure", "perhaps"), REFERENCES[preset.id], strict=True)
    ]
    return table.select("symbol", "date", *columns).filter(pl.col("date").is_in(days))
