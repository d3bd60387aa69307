"""The log of a screen's hits as a file: CSV or Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import asyncpg

from ralph.errors import TooLarge
from ralph.store.screen_hits import Hit, Range, hits_of
from ralph.store.screens import SavedScreen

EXPORT_MAX = 1_000_000  # hits in one file

Format = Literal["csv", "parquet"]


async def load_hits(connection: asyncpg.Connection, saved: SavedScreen, within: Range) -> list[Hit]:
    """All hits of a range; TooLarge where a file could not hold them."""
    hits = await hits_of(connection, saved, within, EXPORT_MAX + 1)
    if len(hits) > EXPORT_MAX:
        raise TooLarge(
            f"more than {EXPORT_MAX:,} hits: ask for a shorter time", field="from", accepted="a later `from`"
        )
    return hits


def export_hits(hits: Sequence[Hit], saved: SavedScreen, place: tuple[str, bool], form: Format) -> bytes:
    """The file, the newest Session first; place is the workspace and whether it is simulated, which every row names."""
    import polars as pl  # a second's work that no other command needs

    workspace, is_simulated = place
    frame = pl.DataFrame(
        {
            "workspace": [workspace] * len(hits),
            "simulated": [is_simulated] * len(hits),
            "screen": [saved.name] * len(hits),
            "version": [hit.version for hit in hits],
            "as_of": [hit.as_of for hit in hits],
            "symbol": [hit.symbol for hit in hits],
            "name": [hit.name for hit in hits],
            "score": [hit.score for hit in hits],
        },
        schema={
            "workspace": pl.String,
            "simulated": pl.Boolean,
            "screen": pl.String,
            "version": pl.Int32,
            "as_of": pl.Date,
            "symbol": pl.String,
            "name": pl.String,
            "score": pl.Float64,
        },
    )
    sink = io.BytesIO()
    if form == "csv":
        frame.write_csv(sink)
    else:
        frame.write_parquet(sink)
    return sink.getvalue()
