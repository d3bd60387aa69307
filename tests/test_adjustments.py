"""Adjustments as stored: read from files, proposed, decided, and what the Panel and the chart make of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from panel_bars import assert_same
from serving import Server, ralph, serving

from ralph import screens
from ralph.brokers.files import read_actions
from ralph.config import Config
from ralph.config.sections import AdjustmentConfig
from ralph.errors import BadParameter, NotFound
from ralph.jobs.adjustment import find_proposals, show_action
from ralph.jobs.demo import simulated_actions
from ralph.jobs.imports import FileImport, import_file
from ralph.jobs.inbox import DELIVERIES, DeliveriesArgs
from ralph.jobs.kind import JobContext, enqueue
from ralph.market.adjustment import Action
from ralph.market.capital import Capital
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.flags import RAW, Flag
from ralph.market.panel import Panel
from ralph.market.proposals import Proposal, changed_bases, propose
from ralph.market.rules import FileBars, flag_rows, simulated_bars
from ralph.market.symbol import Listing, Symbol
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.store.action_files import import_actions
from ralph.store.actions import decide, find_action, list_actions, store_proposals
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.leases import Claim, claim
from ralph.store.panels import PanelStore

LAST = date(2026, 1, 9)
TODAY = date(2026, 1, 10)


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    """Some splits, reverse splits and bonus issues of 400 companies."""
    found = simulate_market(SEED, LAST, 250, 400)
    assert {action.kind for action in found.truth.actions} == {"split", "reverse", "bonus"}
    return found


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database()
    await found.connect(database_url)
    yield found
    await found.close()


def raw(market: SimulatedMarket) -> BarColumns:
    bars = market.bars_raw
    return replace(bars, flags=flag_rows(bars) | RAW)


def capital(market: SimulatedMarket) -> Capital:
    bars = market.bars_raw
    return Capital(bars.symbol, bars.day, market.shares.astype(np.float64), np.full(len(bars), np.nan))


def until(bars: BarColumns, day: np.datetime64) -> BarColumns:
    return replace(bars, **{name: getattr(bars, name)[bars.day <= day] for name in BAR_COLUMNS})


def with_bases(market: SimulatedMarket) -> FileBars:
    return replace(simulated_bars(market.bars_raw, "raw"), base=market.reference.astype(np.float64))


def test_every_action_of_the_simulated_market_is_found_and_no_other(market: SimulatedMarket) -> None:
    """From base prices and shares all of them, exactly, and from shares alone, also within the daily limit."""
    bars, nowhere = raw(market), np.full(len(market.bars.listings), np.nan)
    bases = np.where(changed_bases(bars, market.reference.astype(np.float64), nowhere), market.reference, np.nan)
    truth = set(simulated_actions(market.truth))
    found = propose(bars, bases, capital(market))
    assert {(each.symbol, each.on, each.ratio) for each in found} == {
        (each.symbol, each.on, each.ratio) for each in truth
    }
    assert all(each.is_certain and set(each.evidence.agree) == {"base_price", "shares"} for each in found)
    alone = propose(bars, np.full(len(bars), np.nan), capital(market))
    assert {(each.symbol, each.on, each.ratio) for each in alone} == {
        (each.symbol, each.on, each.ratio) for each in truth
    }
    unconfirmed = propose(bars, np.full(len(bars), np.nan), Capital.none())
    assert not any(each.is_certain for each in unconfirmed)
    assert not any(0.69 < each.ratio < 1.45 for each in unconfirmed), "a price alone says nothing"
    assert not propose(replace(bars, flags=bars.flags & ~RAW), bases, capital(market))


def test_a_screen_before_a_split_equals_the_screen_of_data_cut_that_day(market: SimulatedMarket) -> None:
    """On eves of actions, early and late, and with universes by market cap."""
    bars, actions, said = raw(market), simulated_actions(market.truth), capital(market)
    panel = replace(build_panel(bars, actions=actions), capital=said)
    days = panel.sessions
    eves = sorted({max(60, int(np.searchsorted(days, np.datetime64(each.on))) - 1) for each in actions})

    def ask(of: Panel, day: date) -> bytes:
        body = {"expression": "close > sma(20) and volume > sma(volume, 20)", "as_of": day, "universe": "top:200"}
        answer = screens.run(of, msgspec.convert(body | {"columns": ["close[5]", "rsi(14)"]}, screens.Request))
        return msgspec.json.encode((answer.matches, answer.total_scanned))

    for eve in (eves[0], eves[len(eves) // 2], eves[-1]):
        known = said.day <= days[eve]
        cut = Capital(said.column[known], said.day[known], said.shares[known], said.market_cap[known])
        alone = replace(build_panel(until(bars, days[eve]), actions=actions), capital=cut)
        assert ask(panel, days[eve].item()) == ask(alone, days[eve].item())
    assert np.allclose(panel.fields["close"], build_panel(market.bars).fields["close"], equal_nan=True, rtol=1e-12)
    explained = panel.flags[:, panel.raw.columns] & Flag.JUMP
    assert int((explained > 0).sum()) < int((flag_rows(market.bars_raw) & Flag.JUMP > 0).sum())


@pytest.mark.anyio
async def test_the_stored_market_is_adjusted_appended_and_mapped_alike(
    database: Database, tmp_path: Path, market: SimulatedMarket
) -> None:
    """Stored raw with its actions: the Panel grown by its last Session, the one built anew and the one built in memory
    are the same bit by bit, a split on that very Session included."""
    days = np.unique(market.bars_raw.day)
    actions = simulated_actions(market.truth)
    lately = Action(Symbol(market.bars_raw.listings[0].symbol), days[-1].item(), "split", 2.0)
    file = tmp_path / "actions.csv"
    lines = [f"{each.symbol},{each.on},{each.kind},{each.ratio!r}" for each in (*actions, lately)]
    file.write_text("\n".join(["symbol,date,kind,ratio", *lines]))
    bars = simulated_bars(market.bars_raw, "raw")
    async with database.acquire() as connection:
        first = replace(
            bars, columns=until(bars.columns, days[-2]), rows_read=int((bars.columns.day <= days[-2]).sum())
        )
        await import_bars(connection, "main", first, adjusted=False)
        report = await import_actions(connection, "main", read_actions(file, today=TODAY))
        assert (report.stored, report.updated, report.rejected) == (len(lines), 0, 0)
        again = await import_actions(connection, "main", read_actions(file, today=TODAY))
        assert (again.stored, again.unchanged, again.data_version) == (0, len(lines), report.data_version)
        await PanelStore(tmp_path / "grown").load(connection, "main")
        await import_bars(connection, "main", bars, adjusted=False)
        grown = await PanelStore(tmp_path / "grown").load(connection, "main")
        anew = await PanelStore(tmp_path / "anew").load(connection, "main")
    assert_same(grown, anew)
    expected = build_panel(raw(market), actions=(*actions, lately))
    assert grown.fields["close"].tobytes() == expected.fields["close"].tobytes()
    assert grown.raw.columns.tolist() == expected.raw.columns.tolist()
    assert (
        grown.as_of(days[-2].item()).field("close").tobytes()
        == expected.as_of(days[-2].item()).field("close").tobytes()
    )


@pytest.mark.anyio
async def test_proposals_are_listed_confirmed_rejected_and_not_made_again(
    database: Database, tmp_path: Path, market: SimulatedMarket
) -> None:
    async with database.acquire() as connection:
        await import_bars(connection, "main", with_bases(market), adjusted=False)
        found = await find_proposals(database, "main", auto=False)
        truth = simulated_actions(market.truth)
        listed = {(each.symbol, each.on, each.ratio) for each in await list_actions(connection, "main")}
        assert {(each.symbol, each.on, each.ratio) for each in truth} <= listed
        assert (found.proposed, found.added, found.confirmed) == (len(listed), len(listed), 0)
        again = await find_proposals(database, "main", auto=True)
        assert (again.proposed, again.added, again.withdrawn, again.confirmed) == (len(listed), 0, 0, 0)
        first, second, *_ = await list_actions(connection, "main", state="proposed", limit=2)
        assert [each.id for each in await list_actions(connection, "main", limit=1, before=first.id)] == [second.id]
        shown = await show_action(database, "main", first.id)
        before, after = (
            [bar for bar in shown.bars if bar.on < first.on],
            [bar for bar in shown.bars if bar.on >= first.on],
        )
        assert all(bar.adjusted_close == bar.close / first.ratio and bar.is_raw for bar in before)
        assert all(bar.adjusted_volume == bar.volume for bar in after)
        panels = PanelStore(tmp_path)
        older = await panels.load(connection, "main")
        (confirmed,) = await decide(connection, "main", [first.id], "confirmed")
        (rejected,) = await decide(connection, "main", [second.id], "rejected")
        assert (confirmed.state, rejected.state) == ("confirmed", "rejected")
        newer = await panels.load(connection, "main")
        assert newer.raw.columns.tolist() == [older.columns[Symbol(first.symbol)]]
        last = await find_proposals(database, "main", auto=False)
        assert (last.proposed, last.added) == (len(listed) - 2, 0)
        await decide(connection, "main", [first.id], "rejected")
        assert (await panels.load(connection, "main")).raw.columns.size == 0
        for ids, error in ((["x"], NotFound), ([first.id, "999999"], NotFound)):
            with pytest.raises(error):
                await decide(connection, "main", ids, "confirmed")
        assert (await find_action(connection, "main", first.id)).state == "rejected"


@pytest.mark.anyio
async def test_certain_proposals_are_confirmed_at_once_where_that_is_set(
    database: Database, market: SimulatedMarket
) -> None:
    bars, nowhere = raw(market), np.full(len(market.bars.listings), np.nan)
    bases = np.where(changed_bases(bars, market.reference.astype(np.float64), nowhere), market.reference, np.nan)
    proposals = propose(bars, bases, capital(market))
    async with database.acquire() as connection:
        await import_bars(connection, "main", with_bases(market), adjusted=False)
        found = await store_proposals(connection, "main", proposals, auto=True)
        assert (found.proposed, found.confirmed) == (0, len(proposals))
        # A second action on a day that has one would be applied on top of it.
        twin = replace_kind(await find_action(connection, "main", "1"))
        await connection.execute(twin)
        with pytest.raises(BadParameter, match="would be applied twice"):
            await decide(connection, "main", [str(await connection.fetchval(_NEWEST))], "confirmed")


_NEWEST = "SELECT max(id) FROM corporate_actions"


def replace_kind(action: object) -> str:
    assert action is not None
    return (
        "INSERT INTO corporate_actions (symbol_id, effective_on, kind, ratio, state, origin) "
        "SELECT symbol_id, effective_on, 'other', ratio, 'proposed', 'proposal' FROM corporate_actions WHERE id = 1"
    )


def test_a_file_of_actions_tells_every_rejected_row_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_text(
        "종목코드,일자,사유,비율\n005930,2018-05-04,액면분할,50\n005930,20180504,split,50\n005930,2018-05-04,split,5\n"
        "5!,2018-05-04,split,5\n000660,never,split,5\n000660,2018-05-04,magic,5\n000660,2018-05-04,bonus,0\n"
        "000660,2018-05-04,bonus,1:5\n000660,2030-01-01,bonus,2\n000660,2026-05-04,reverse split,0.1\n"
    )
    read = read_actions(path, today=TODAY)
    assert [(each.symbol, each.kind, each.ratio) for each in read.actions] == [
        ("000660", "reverse_split", 0.1),
        ("005930", "split", 50.0),
    ]
    assert (read.rows_read, read.duplicates, read.rejected) == (10, 1, 7)
    assert [(reject.line, reject.field) for reject in read.rejects] == [
        (4, "ratio"),
        (5, "symbol"),
        (6, "date"),
        (7, "kind"),
        (8, "ratio"),
        (9, "ratio"),
        (10, "date"),
    ]


def exchanged(ratio: float, *, opens: float, shares_after: float, later: int = 0) -> list[Proposal]:
    """What 40 days of closes of 12,000 won propose, the 20th of which opens elsewhere, and shares that change then or
    some days later; they are said daily."""
    days = np.arange(np.datetime64("2026-03-01"), np.datetime64("2026-04-10"))
    price = np.where(np.arange(40) < 20, 12_000.0, opens)
    columns = (price, price, price, price, np.full(40, 9.0), np.full(40, np.nan), np.full(40, RAW))
    bars = BarColumns((Listing(Symbol("005930")),), np.zeros(40, np.int32), days, *columns)
    shares = np.where(np.arange(40) < 20 + later, 1_000_000.0, shares_after)
    said = Capital(bars.symbol, days, shares, np.full(40, np.nan))
    found = propose(bars, np.full(40, np.nan), said)
    assert all(each.on == days[20] and each.ratio == ratio for each in found)
    return found


def test_exchanges_within_the_daily_limit_are_proved_by_shares() -> None:
    """6:5 on the day itself is certain; a bonus issue weeks before its shares are listed is for a person to confirm;
    shares of another ratio, openings of another size, and shares without an opening propose nothing."""
    (split,) = exchanged(1.2, opens=10_050, shares_after=1_200_000)
    assert (split.is_certain, split.kind, split.evidence.agree) == (True, "bonus", ("shares", "opening"))
    (merged,) = exchanged(5 / 6, opens=14_300, shares_after=833_333)
    assert (merged.is_certain, merged.kind) == (True, "reverse_split")
    (bonus,) = exchanged(1.3, opens=9_400, shares_after=1_299_500, later=12)
    assert (bonus.is_certain, bonus.kind, bonus.evidence.shares_on) == (False, "bonus", date(2026, 4, 2))
    assert not exchanged(1.2, opens=10_050, shares_after=1_197_600), "new shares were sold"
    assert not exchanged(1.2, opens=11_500, shares_after=1_200_000)
    assert not exchanged(1.2, opens=12_000, shares_after=1_200_000)
    assert not exchanged(1.2, opens=10_050, shares_after=1_000_000), "a price alone says nothing"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that confirms by itself where two sources agree."""
    home = tmp_path_factory.mktemp("adjust") / "home"
    home.mkdir(mode=0o700)
    (home / "ralph.toml").write_text("[adjustment]\nauto = true\n")
    with serving(home, "--no-demo") as running:
        yield running


PRICES = "symbol,date,open,high,low,close,volume,change\n" + "".join(
    f"005930,2026-04-{day:02},{price},{price},{price},{price},1000,{0 if day != 10 else price - 20}\n"
    for day, price in ((day, 100 if day < 10 else 21) for day in range(1, 20))
)


def test_the_routes_and_the_command_line_do_the_same(server: Server, tmp_path: Path) -> None:
    """Raw bars are uploaded, a split is proposed, shown, confirmed; the chart follows, but one cut before."""
    with server.client() as client:
        options = {"filename": "prices.csv", "adjusted": "false"}
        assert client.post("/api/v1/imports", params=options, content=PRICES.encode()).status_code == 201
        found = client.post("/api/v1/adjustments/propose", params={"workspace": "main"}).json()
        assert (found["proposed"], found["workspace"]) == (1, "main")
        (proposal,) = client.get("/api/v1/adjustments?workspace=main&state=proposed").json()["adjustments"]
        assert (proposal["on"], proposal["ratio"], proposal["evidence"]["base_price"]) == ("2026-04-10", 5.0, 20.0)
        shown = client.get(f"/api/v1/adjustments/{proposal['id']}?workspace=main").json()["shown"]
        assert [bar["adjusted_close"] for bar in shown["bars"]] == [20.0] * 5 + [21.0] * 5
        problem(client.post("/api/v1/adjustments/confirm?workspace=main", json={}), 422, "ids")
        problem(client.get("/api/v1/adjustments/77?workspace=main"), 404, "id")
        done = client.post("/api/v1/adjustments/confirm?workspace=main", json={"ids": [proposal["id"]]}).json()
        assert [each["adjustment"]["state"] for each in done["adjustments"]] == ["confirmed"]
        chart = client.get("/api/v1/symbols/005930/bars?workspace=main").json()["bars"]
        assert [bar["close"] for bar in chart] == [20.0] * 9 + [21.0] * 10
        assert not any(bar["flags"] for bar in chart)
        earlier = client.get("/api/v1/symbols/005930/bars?workspace=main&to=2026-04-09").json()["bars"]
        assert {bar["close"] for bar in earlier} == {100.0}
        file = tmp_path / "a.csv"
        file.write_text("symbol,date,kind,ratio\n005930,2026-04-15,rights,0\n")
        refused = ralph(server.home, "import", "actions", str(file))
        assert refused.returncode == 1
        assert "no row could be stored" in refused.stderr
        listed = ralph(server.home, "adjustments", "ls", "--workspace", "main", "--json")
        assert [each["state"] for each in msgspec.json.decode(listed.stdout)] == ["confirmed"]
        rejected = ralph(server.home, "adjustments", "reject", proposal["id"], "--workspace", "main")
        assert "1 rejected" in rejected.stdout
        assert ralph(server.home, "adjustments", "confirm").returncode == 2


SPLIT = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"000660,2026-04-{day:02},{price},{price},{price},{price},1000\n"
    for day, price in ((day, 12_000 if day < 10 else 10_000) for day in range(1, 20))
)
MINUTES = "symbol,datetime,open,high,low,close,volume\n" + "".join(
    f"000660,2026-04-{day:02} 09:{minute:02},{price},{price},{price},{price},10\n"
    for day, price in ((9, 12_000), (10, 10_000))
    for minute in range(3)
)


def test_what_arrives_is_adjusted_at_once_where_that_is_set(server: Server, tmp_path: Path) -> None:
    """Raw bars propose nothing alone; shares prove 6:5, whichever way they come; minute bars follow the same factor,
    also as of a day before."""
    shares = tmp_path / "shares.csv"
    shares.write_text("symbol,date,shares\n000660,2026-04-09,1000000\n000660,2026-04-10,1200000\n")
    with server.client() as client:
        for name, text in (("bars", SPLIT), ("minutes", MINUTES)):
            options = {"filename": f"{name}.csv", "kind": name, "adjusted": "false", "workspace": "main"}
            answer = client.post("/api/v1/imports", params=options, content=text.encode())
            assert answer.status_code == 201, answer.text
            assert not [note for note in answer.json()["notes"] if "adjustment.auto" in note]
        minutes = client.get("/api/v1/symbols/000660/bars?timeframe=1m&workspace=main").json()["bars"]
        assert [bar["close"] for bar in minutes] == [12_000.0] * 3 + [10_000.0] * 3
        told = ralph(server.home, "import", "shares", str(shares))
        assert "two sources agree on 1, which are confirmed" in " ".join(told.stdout.split())
        confirmed = client.get("/api/v1/adjustments?state=confirmed&symbol=000660&workspace=main").json()["adjustments"]
        assert [(each["on"], each["ratio"]) for each in confirmed] == [("2026-04-10", 1.2)]
        minutes = client.get("/api/v1/symbols/000660/bars?timeframe=1m&workspace=main").json()["bars"]
        assert [(bar["close"], bar["volume"], bar["flags"]) for bar in minutes] == [(10_000.0, 12.0, [])] * 3 + [
            (10_000.0, 10.0, [])
        ] * 3
        card = client.get("/api/v1/symbols/000660?as_of=2026-04-09&workspace=main").json()
        assert (card["listed"], card["capital"]["shares"], card["capital"]["market_cap"]) == (True, 1_000_000.0, None)
        known = client.get("/api/v1/symbols/000660/shares?limit=1&workspace=main").json()
        assert ([each["on"] for each in known["capital"]], known["truncated"]) == (["2026-04-10"], True)
        earlier = client.get("/api/v1/symbols/000660/bars?timeframe=1m&to=2026-04-09&workspace=main").json()["bars"]
        assert {(bar["close"], bar["volume"]) for bar in earlier} == {(12_000.0, 10.0)}


@pytest.mark.anyio
async def test_delivered_shares_are_followed_too(database: Database, tmp_path: Path) -> None:
    """By the job that imports what was delivered, however often it is run."""
    prices, shares = tmp_path / "p.csv", tmp_path / "inbox" / "daily" / "shares" / "s.csv"
    prices.write_text(SPLIT)
    shares.parent.mkdir(parents=True)
    shares.write_text("symbol,date,shares\n000660,2026-04-09,1000000\n000660,2026-04-10,1200000\n")
    os.utime(shares, (0, 0))  # nobody writes to it any more
    config = Config(home=tmp_path, adjustment=AdjustmentConfig(auto=True))
    await import_file(database, FileImport(prices, "bars", adjusted=False))
    async with database.acquire() as connection:
        await enqueue(connection, DELIVERIES, DeliveriesArgs())
        (lease,) = await claim(connection, Claim("long", [DELIVERIES.name], "test", 60, 1))
    await DELIVERIES.run(JobContext(lease, config, database, lambda phase, done, total: None), DeliveriesArgs())
    async with database.acquire() as connection:
        (split,) = await list_actions(connection, "main")
    assert (split.symbol, split.on, split.ratio, split.state) == ("000660", date(2026, 4, 10), 1.2, "confirmed")


def problem(answer: httpx.Response, status: int, field: str) -> None:
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
