"""Real markets: unadjusted splits are found, and explain how raw and adjusted closes differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ralph.brokers.files import read_bars
from ralph.market.adjustment import Action
from ralph.market.capital import Capital
from ralph.market.columns import BarColumns, build_panel
from ralph.market.flags import RAW
from ralph.market.proposals import Proposal, changed_bases, propose
from ralph.simulator.market import SEED, simulate_market

TODAY = date(2026, 6, 1)
STEP = 0.02  # the ratio of raw to adjusted closes changes by more: an action lies between


def whole_market(folder: Path) -> tuple[BarColumns, list[Proposal]]:
    """The raw bars of the exchange's daily statistics, and what they propose."""
    path = folder / "data" / "krx_marcap.parquet"
    read = read_bars(path, today=TODAY)
    bars = replace(read.columns, flags=read.columns.flags | RAW)
    assert read.base is not None
    shares = pl.read_parquet(path, columns=["shares"]).to_series().to_numpy().astype(np.float64)[read.lines - 2]
    bases = np.where(changed_bases(bars, read.base, np.full(len(bars.listings), np.nan)), read.base, np.nan)
    said = Capital(bars.symbol, bars.day, shares, np.full(len(bars), np.nan))
    return bars, propose(bars, bases, said)


def unexplained(folder: Path, bars: BarColumns, actions: Sequence[Action]) -> tuple[int, list[tuple[str, str, float]]]:
    """Between neighbouring common days of one block: how often the ratio of raw to adjusted closes changes, and where
    it still does once the raw bars are adjusted."""
    panel = build_panel(bars, actions=actions)
    traded = np.flatnonzero(bars.volume > 0)
    rows = panel.rows[np.searchsorted(panel.sessions, bars.day[traded]), bars.symbol[traded]]
    ours = pl.DataFrame(
        {
            "symbol": [bars.listings[at].symbol for at in bars.symbol[traded].tolist()],
            "date": bars.day[traded],
            "raw": bars.close[traded],
            "ours": panel.fields["close"][rows, bars.symbol[traded]],
        }
    )
    theirs = pl.read_parquet(folder / "data" / "krx_daily.parquet", columns=["symbol", "date", "close", "flag"])
    both = ours.join(theirs.filter(pl.col("flag") == 0), on=["symbol", "date"]).sort("symbol", "date")

    def changes(column: str) -> pl.Expr:
        ratio = pl.col(column) / pl.col("close")
        return (ratio / ratio.shift(1).over("symbol") - 1.0).abs()

    near = (pl.col("date") - pl.col("date").shift(1).over("symbol")).dt.total_days() <= 15
    both = both.with_columns(changes("raw").alias("before"), changes("ours").alias("after"), near.alias("near"))
    both = both.filter(pl.col("near"))
    left = both.filter(pl.col("after") > STEP)
    return both.filter(pl.col("before") > STEP).height, [
        (row["symbol"], str(row["date"]), round(row["after"], 3)) for row in left.iter_rows(named=True)
    ]


@pytest.mark.long
def test_proposals_explain_how_raw_and_adjusted_closes_differ(shared_dir: Path) -> None:
    bars, found = whole_market(shared_dir)
    certain = [each for each in found if each.is_certain]
    assert 25 <= len(certain) <= 35
    assert len(found) <= 140
    total, none = unexplained(shared_dir, bars, [])
    assert total == len(none) == 30
    for chosen, most in ((certain, 25), (found, 9)):  # as measured; of 30 steps
        actions = [Action(each.symbol, each.on, each.kind, each.ratio) for each in chosen]
        _, left = unexplained(shared_dir, bars, actions)
        assert len(left) <= most, f"{len(left)} of {total} steps are left by {len(actions)} actions: {left}"


@pytest.mark.long
def test_the_truth_table_of_the_demo_market_is_found_whole() -> None:
    """Precision and recall of 1, with base prices and shares and with shares alone."""
    market = simulate_market(SEED, date(2026, 5, 29))
    bars = replace(market.bars_raw, flags=market.bars_raw.flags | RAW)
    said = Capital(bars.symbol, bars.day, market.shares.astype(np.float64), np.full(len(bars), np.nan))
    reference = market.reference.astype(np.float64)
    bases = np.where(changed_bases(bars, reference, np.full(len(bars.listings), np.nan)), reference, np.nan)
    truth = {(each.symbol, each.on, each.ratio) for each in market.truth.actions}
    for base in (bases, np.full(len(bars), np.nan)):
        found = {(each.symbol, each.on, each.ratio) for each in propose(bars, base, said)}
        assert found == truth
