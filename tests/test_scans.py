"""Scans of a whole market: planted bases are found, nothing looks ahead, and every door gives the same answer."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from saved_market import DAYS, client, server
from screens_markets import until

from ralph import cli, scanners
from ralph.errors import BadParameter, NotFound
from ralph.market.beside import Beside
from ralph.market.columns import build_panel
from ralph.market.flags import Flag
from ralph.market.panel import Panel
from ralph.scanners import gate
from ralph.scanners.around import Around
from ralph.scanners.component import points
from ralph.scanners.running import Asked, ScanAnswer, run
from ralph.scanners.weather import measure_breadth
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket

__all__ = ["client", "server"]

LAST = date(2026, 11, 20)
NAMES = tuple(scanners.load())
RECALL_MIN = 0.8


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate_market(SEED, LAST, 500, 150)


@pytest.fixture(scope="module")
def panel(market: SimulatedMarket) -> Panel:
    return build_panel(market.bars)


def scan(panel: Panel, name: str, day: date | None = None, *, is_ranked: bool = True, **asked: Any) -> ScanAnswer:
    view = panel.as_of(day)
    asked.setdefault("universe", view.listed)
    return run(Around(view, is_ranked=is_ranked), scanners.find(name), Asked(**asked))


def told(answer: ScanAnswer) -> bytes:
    """All that a run says, but for how long it took."""
    return msgspec.json.encode(msgspec.structs.replace(answer, timing_ms=0.0))


def test_planted_bases_are_found_the_day_before_and_on_the_day_they_break_out(
    market: SimulatedMarket, panel: Panel
) -> None:
    """By their pivot and their contractions, near it and then through it."""
    found = asked = 0
    for base in market.truth.bases:
        if base.breakout_on is None:
            continue
        at = int(np.searchsorted(panel.sessions, np.datetime64(base.breakout_on)))
        if at < 300:
            continue
        asked += 1
        days = [panel.sessions[place].astype(object) for place in (at - 1, at)]
        answers = [scan(panel, "vcp", day, is_ranked=False, universe_filter="none") for day in days]
        own = [[setup for setup in answer.matches if setup.symbol == base.symbol] for answer in answers]
        if own[0] and own[1]:
            found += 1
            assert [setup.state for (setup,) in own] == ["near", "breakout"]
            assert own[0][0].pivot == own[1][0].pivot == base.pivot
            assert len(own[0][0].contractions) == base.planned
    assert asked >= 8
    assert found >= RECALL_MIN * asked


@pytest.mark.parametrize("name", NAMES)
def test_a_scan_sees_nothing_after_its_day(panel: Panel, market: SimulatedMarket, name: str) -> None:
    """Loaded with later bars or without, on days a year and more into the market."""
    for place in (-60, -17):
        day = panel.sessions[place].astype(object)
        short = build_panel(until(market.bars, day))
        for universe_filter in ("default", "none"):
            later = scan(panel, name, day, universe_filter=universe_filter)
            assert told(later) == told(scan(short, name, universe_filter=universe_filter))


@pytest.mark.parametrize("name", NAMES)
def test_every_setup_explains_its_score(panel: Panel, name: str) -> None:
    """Best first; 0 to 100; each component within its maximum and told in two languages; finite numbers only."""
    answer = scan(panel, name, universe_filter="none")
    keys = [(-setup.score, setup.symbol) for setup in answer.matches]
    assert keys == sorted(keys)
    assert answer.total_matches == len(answer.matches) <= answer.total_scanned
    for setup in answer.matches:
        assert 0 <= setup.score <= 100 + 1e-9
        reached, reachable = points(setup.components)
        assert setup.score == pytest.approx(100 * reached / reachable)
        for component in setup.components:
            assert component.en
            assert component.ko
            assert (component.points is None) == (component.value is None)
            assert component.points is None or -1e-9 <= component.points <= component.maximum + 1e-9
        assert all(value is None or math.isfinite(value) for value in setup.values.values())


def test_all_scanners_find_something_somewhere(panel: Panel) -> None:
    days = [panel.sessions[place].astype(object) for place in range(-120, 0, 12)]
    found = {name: sum(scan(panel, name, day, universe_filter="none").total_matches for day in days) for name in NAMES}
    assert all(count > 0 for name, count in found.items() if name != "closing_bet"), found


def test_a_symbol_is_left_out_on_a_flagged_day_and_twenty_sessions_after(market: SimulatedMarket) -> None:
    """Sessions are counted, not the Symbol's bars."""
    bars = market.bars
    place = int(np.flatnonzero(bars.symbol == bars.symbol[-1])[-60])
    flags = bars.flags.copy()
    flags[bars.symbol == bars.symbol[-1]] &= ~np.uint8(Flag.JUMP | Flag.INCONSISTENT)
    flags[place] |= Flag.JUMP
    changed = build_panel(replace(bars, flags=flags))
    column = changed.columns[bars.listings[bars.symbol[-1]].symbol]
    universe = np.arange(len(changed.listings)) == column
    flagged_at = int(np.searchsorted(changed.sessions, bars.day[place]))
    left_out = []
    for session in range(flagged_at - 2, flagged_at + 24):
        day = changed.sessions[session].astype(object)
        answer = scan(changed, "new_high", day, universe=universe, universe_filter="none")
        if answer.excluded["anomaly"]:
            left_out.append(session - flagged_at)
        assert answer.total_scanned + sum(answer.excluded.values()) == 1
    assert left_out[0] == 0
    assert left_out[-1] == 20


def test_the_default_filter_leaves_out_funds_and_quiet_shares(panel: Panel) -> None:
    whole, lively = (scan(panel, "new_high", universe_filter=each) for each in ("none", "default"))
    assert lively.total_scanned + lively.excluded["filtered"] == whole.total_scanned
    kept = np.flatnonzero(Around(panel.as_of()).is_common)
    common = {panel.symbols[column] for column in kept}
    assert {setup.symbol for setup in lively.matches} <= {setup.symbol for setup in whole.matches} & common


def test_places_are_among_the_whole_market_whoever_is_looked_at(panel: Panel) -> None:
    """A Symbol alone scores as it does among all."""
    whole = scan(panel, "daytrading", universe_filter="none", params={"share_min": 0.0})
    for setup in whole.matches[::40]:
        universe = np.arange(len(panel.listings)) == panel.columns[setup.symbol]
        alone = scan(panel, "daytrading", universe=universe, universe_filter="none", params={"share_min": 0.0})
        assert alone.matches == [setup]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_checked(name: str) -> None:
    scanner = scanners.find(name)
    assert scanner.bind({}) == {param.name: param.default for param in scanner.params}
    for param in scanner.params:
        assert param.low <= param.default <= param.high
        for value in (param.low - 1, param.high + 1, math.nan, *([param.low + 0.5] if param.whole else [])):
            with pytest.raises(BadParameter, match=param.name) as refused:
                scanner.bind({param.name: value})
            assert refused.value.field == f"params.{param.name}"
    with pytest.raises(BadParameter, match="no parameter 'nothing'"):
        scanner.bind({"nothing": 1})
    with pytest.raises(NotFound, match=f"did you mean '{name}'"):
        scanners.find(name + "x")


def test_a_parameter_changes_what_is_found(panel: Panel) -> None:
    usual, stricter = (scan(panel, "relative_volume", params={"ratio": ratio}) for ratio in (2.0, 4.0))
    assert {setup.symbol for setup in stricter.matches} < {setup.symbol for setup in usual.matches}
    assert stricter.params == {"ratio": 4.0, "bars": 20.0}


def indexed(panel: Panel, closes: dict[str, tuple[float, ...]]) -> Panel:
    """The Panel with closes of indices on its newest Sessions."""
    lines = {name: (panel.sessions[-len(line) :], np.array(line)) for name, line in closes.items()}
    return replace(panel, beside=Beside(indices=lines))


def test_the_gate_is_told_by_the_indices_of_its_session(panel: Panel) -> None:
    fresh = indexed(panel, {"KOSPI": (100.0, 102.0), "KOSDAQ": (100.0, 100.5)})
    judged = gate.as_of(Around(fresh.as_of()))
    assert [part.value for part in judged.components[:2]] == pytest.approx([0.02, 0.005])
    assert judged.state != "unknown"
    day = panel.sessions[-2].astype(object)
    assert gate.as_of(Around(fresh.as_of(day))).state == "unknown", "the index has no close the Session before"
    stale = replace(
        fresh, beside=Beside(indices={**fresh.beside.indices, "KOSDAQ": (panel.sessions[-3:-1], np.ones(2))})
    )
    assert gate.as_of(Around(stale.as_of())).state == "unknown"
    assert gate.as_of(Around(panel.as_of())).state == "unknown"


def test_breadth_counts_as_one_would(panel: Panel, market: SimulatedMarket) -> None:
    view = panel.as_of()
    counted = measure_breadth(view).markets
    rises = falls = highs = lows = judged = 0
    bars = market.bars
    for place in np.flatnonzero(view.listed & view.traded):
        mine = np.flatnonzero((bars.symbol == place) & (bars.volume > 0))
        close, high, low = bars.close[mine], bars.high[mine], bars.low[mine]
        rises += close.size > 1 and close[-1] > close[-2]
        falls += close.size > 1 and close[-1] < close[-2]
        if close.size > 252:
            judged += 1
            highs += high[-1] > high[-253:-1].max()
            lows += low[-1] < low[-253:-1].min()
    whole = counted["all"]
    assert (whole.advancers, whole.decliners) == (rises, falls)
    assert (whole.judged, whole.new_highs, whole.new_lows) == (judged, highs, lows)
    assert sum(one.symbols for name, one in counted.items() if name != "all") == whole.symbols
    assert (whole.foreign_net, whole.foreign_net_of) == (None, None)


def test_foreign_buying_is_that_of_the_whole_market_where_it_is_known(panel: Panel) -> None:
    days = panel.sessions[-2:]
    lines = {"KOSPI": (days, np.array([1e9, 5e9])), "KOSDAQ": (days[:1], np.array([2e9]))}
    told = replace(panel, beside=Beside(markets=lines))
    newest, before = (measure_breadth(told.as_of(day.astype(object))).markets for day in days[::-1])
    assert (newest["KOSPI"].foreign_net, newest["KOSPI"].foreign_net_of) == (5e9, "market")
    assert newest["KOSDAQ"].foreign_net_of is None
    assert newest["all"].foreign_net_of is None, "one market is not all of them"
    assert (before["all"].foreign_net, before["all"].foreign_net_of) == (3e9, "market")


def run_cli(*arguments: str) -> Any:
    return CliRunner().invoke(cli.group, list(arguments))


@pytest.fixture(scope="module")
def prices(market: SimulatedMarket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market's bars as a file."""
    import polars as pl

    bars = market.bars
    codes = np.array([listing.symbol for listing in bars.listings])
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    path = tmp_path_factory.mktemp("scans") / "prices.parquet"
    pl.DataFrame({"symbol": codes[bars.symbol], "date": bars.day, **columns}).write_parquet(path)
    return path


def test_a_file_is_scanned_without_a_server(prices: Path, panel: Panel, market: SimulatedMarket) -> None:
    """The answer of CONTRACTS; the RS rule is left out."""
    base = next(each for each in reversed(market.truth.bases) if each.breakout_on is not None)
    day = str(base.breakout_on)
    answer = run_cli("scan", "vcp", "--file", str(prices), "--as-of", day, "--universe-filter", "none", "--json")
    assert answer.exit_code == 0, answer.output
    body = json.loads(answer.stdout)
    assert (body["workspace"], body["simulated"], body["as_of"], body["expression"]) == ("file", False, day, "vcp")
    (own,) = (match for match in body["matches"] if match["symbol"] == base.symbol)
    assert (own["state"], own["pivot"]) == ("breakout", base.pivot)
    first, *_ = own["contractions"]
    assert first["depth"] == pytest.approx(1 - first["low"] / first["high"])
    assert first["high_on"] < first["low_on"]
    assert next(part for part in own["components"] if part["name"] == "rank")["points"] is None
    expected = scan(panel, "vcp", base.breakout_on, is_ranked=False, universe_filter="none")
    assert body["total_matches"] == expected.total_matches
    table = run_cli("scan", "vcp", "--file", str(prices), "--as-of", day, "--universe-filter", "none", "--limit", "1")
    assert table.exit_code == 0
    assert "by chance alone" in table.stderr


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("scan", "nothing"), "name"),
        (("scan", "vcp", "--param", "near"), "param"),
        (("scan", "vcp", "--param", "near=3"), "params.near"),
        (("scan", "vcp", "--file", "x.csv", "--universe", "list:mine"), "universe"),
    ],
)
def test_what_is_wrong_with_a_command_is_named(arguments: tuple[str, ...], field: str) -> None:
    error = run_cli(*arguments).exception
    assert getattr(error, "field", None) == field


def test_scanners_are_listed(client: httpx.Client) -> None:
    """With the same words on the command line and over HTTP."""
    listed = json.loads(run_cli("scan", "ls", "--json").stdout)
    assert [each["name"] for each in listed] == sorted([*NAMES, "opening_range_breakout", "vwap_reclaim"])
    assert client.get("/api/v1/scans").json() == {"scanners": listed}
    assert all(each["en"] and each["ko"] for each in listed)
    assert "vcp" in run_cli("scan", "ls").stdout


def test_scans_over_http(client: httpx.Client) -> None:
    """Three Symbols on four days: one number can be told of them, a base cannot."""
    body = {"universe_filter": "none", "params": {"bars": 2}, "as_of": DAYS[-1]}
    answer = client.post("/api/v1/scans/range_expansion/run", json=body)
    assert answer.status_code == 200, answer.text
    told_once = answer.json()
    assert (told_once["workspace"], told_once["simulated"], told_once["as_of"]) == ("main", False, DAYS[-1])
    assert told_once["total_scanned"] == 3
    again = client.post("/api/v1/scans/range_expansion/run", json=body)
    assert again.content == answer.content
    assert "hit" in again.headers["Cache-Status"]
    none = client.post("/api/v1/scans/vcp/run", json={"universe_filter": "none", "universe": "KOSPI"}).json()
    assert (none["total_scanned"], none["matches"]) == (3, [])
    filtered = client.post("/api/v1/scans/vcp/run", json={}).json()
    assert (filtered["total_scanned"], filtered["excluded"]["filtered"]) == (0, 3)


@pytest.mark.parametrize(
    ("name", "body", "status", "field"),
    [
        ("nothing", {}, 404, "name"),
        ("vcp", {"as_of": "2020-01-01"}, 404, "as_of"),
        ("vcp", {"universe": "NASDAQ"}, 422, "universe"),
        ("vcp", {"params": {"near": 7}}, 422, "params.near"),
        ("vcp", {"params": {"far": 7}}, 422, "params.far"),
        ("vwap_reclaim", {}, 404, "as_of"),
        ("new_high", {"at": "10:30"}, 404, "as_of"),
        ("new_high", {"at": "08:30"}, 422, "at"),
        ("new_high", {"at": "soon"}, 422, "at"),
        ("new_high", {"at": "10:30", "params": {"bars": 3}}, 422, "params.bars"),
    ],
)
def test_a_bad_scan_is_refused(client: httpx.Client, name: str, body: dict[str, Any], status: int, field: str) -> None:
    answer = client.post(f"/api/v1/scans/{name}/run", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize(
    "body", [{"limit": 0}, {"universe_filter": "some"}, {"whatever": 1}, {"params": {"near": "x"}}]
)
def test_a_body_of_another_shape_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/api/v1/scans/vcp/run", json=body).status_code in (400, 422)


def test_setups_gate_and_breadth_over_http(client: httpx.Client) -> None:
    setups = client.get("/api/v1/setups", params={"symbol": "005930"}).json()
    assert (setups["symbol"], setups["excluded"], setups["setups"]) == ("005930", "filtered", [])
    whole = client.get("/api/v1/setups", params={"symbol": "005930", "universe_filter": "none"}).json()
    assert whole["excluded"] is None
    assert {each["scanner"] for each in whole["setups"]} <= set(NAMES)
    assert client.get("/api/v1/setups", params={"symbol": "999999"}).json()["field"] == "symbol"
    judged = client.get("/api/v1/gate").json()
    assert (judged["state"], judged["score"]) == ("unknown", None)
    assert judged["components"][0]["points"] is None
    breadth = client.get("/api/v1/breadth", params={"as_of": DAYS[-1]})
    assert breadth.json()["markets"]["KOSPI"]["advancers"] == 2
    assert breadth.json()["before"] == str(DAYS[-2])
    first = client.get("/api/v1/breadth", params={"as_of": DAYS[0]}).json()
    assert (first["as_of"], first["before"]) == (str(DAYS[0]), None)
    etag = breadth.headers["ETag"]
    again = client.get("/api/v1/breadth", params={"as_of": DAYS[-1]}, headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert client.get("/api/v1/gate", params={"as_of": "2020-01-01"}).status_code == 404


def asked_of_home(*arguments: str) -> dict[str, Any]:
    answer = run_cli(*arguments)
    assert answer.exit_code == 0, answer.output
    body: dict[str, Any] = json.loads(answer.stdout)
    return body


def test_commands_ask_the_running_server_s_market(server: Any) -> None:
    place = ("--home", str(server.home), "--workspace", "main", "--json")
    body = asked_of_home("gate", *place)
    assert (body["state"], body["breadth"]["all"]["symbols"]) == ("unknown", 3)
    found = asked_of_home("scan", "vcp", "--universe-filter", "none", *place)
    assert (found["workspace"], found["total_scanned"]) == ("main", 3)
