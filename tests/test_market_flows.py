"""Net buying on whole markets: read with its unit, stored in won, once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import asyncpg
import pytest

from ralph.brokers.files import read_dated
from ralph.errors import BadFile, BadParameter
from ralph.store.dated import import_dated

TODAY = date(2026, 11, 20)
_STORED = """
    SELECT code, session_on, individual_value, foreign_value, pension_value
      FROM market_flows_daily
      JOIN markets ON id = market_id
  ORDER BY code, session_on
"""


@pytest.mark.anyio
async def test_amounts_are_stored_in_won_by_market_and_twice_changes_nothing(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(
        "시장,일자,개인,외국인,기관계,기타법인\n코스피,2026-01-05,-30,10,20,0\nKOSDAQ,2026-01-05,5,,,\n", "cp949"
    )
    file = read_dated(path, "market-flows", unit="eok", today=TODAY)
    first, second = [await import_dated(connection, "main", file) for _ in range(2)]
    assert (first.stored, second.stored, second.unchanged) == (2, 0, 2)
    assert (first.kind, first.data_version) == ("market-flows", "1")
    assert [tuple(row)[:4:2] for row in await connection.fetch(_STORED)] == [("KOSDAQ", 5e8), ("KOSPI", -30e8)]
    path.write_text("market,date,pension_value\nKOSPI,2026-01-05,7\n")
    more = await import_dated(connection, "main", read_dated(path, "market-flows", today=TODAY))
    assert (more.stored, more.updated) == (0, 1), "what a file does not say stays"
    row = (await connection.fetch(_STORED))[1]
    assert (row["individual_value"], row["foreign_value"], row["pension_value"]) == (-30e8, 10e8, 7)


def test_amounts_too_small_for_won_ask_for_their_unit(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text("market,date,individual,foreign\nKOSPI,2026-01-05,-6892,730\n")
    with pytest.raises(BadFile, match="--unit eok"):
        read_dated(path, "market-flows", today=TODAY)
    with pytest.raises(BadParameter, match="no unit 'pence'"):
        read_dated(path, "market-flows", today=TODAY, unit="pence")
    assert read_dated(path, "market-flows", today=TODAY, unit="won").rows.numbers["foreign_value"].tolist() == [730]
    path.write_text("market,date,individual,foreign\nKOSPI,2026-01-05,-689200000000,730\n")
    assert read_dated(path, "market-flows", today=TODAY).rows.numbers["foreign_value"].tolist() == [730]
