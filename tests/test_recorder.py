"""Recordings: whole pieces, each once; to disk while there is no database; played again they say the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from live_days import batches_of, frame_of, market_after, same_columns

from ralph.live.feed import PlayedDay, Recorded
from ralph.live.pump import Publisher, pump
from ralph.live.recorder import Recorder, RecorderState
from ralph.live.spool import Spool, pack, unpack
from ralph.market.recording import Chunk, Mark, MinuteRows, Run, Step
from ralph.market.tick import Batch
from ralph.simulator.live import LiveDay
from ralph.store.database import Database
from ralph.store.recordings import Stored, close_abandoned, find_recording, gaps, load_batches, write_chunk
from ralph.tape.tape import Tape

Result = TypeVar("Result")
HERE = Path(__file__).parent


def run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    database = Database()
    await database.connect(url)
    try:
        yield database
    finally:
        await database.close()


class Told:
    """A hub that keeps every frame as it would be sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def publish(self, topic: str, key: str, data: msgspec.Struct) -> None:
        self.frames.append(f"{topic} {key} ".encode() + msgspec.json.encode(data))

    def publish_many(self, prefix: str, keys: Sequence[str], rows: Sequence[msgspec.Struct]) -> None:
        for key, row in zip(keys, rows, strict=True):
            self.publish(prefix + key, key, row)

    def announce(self, topic: str, data: msgspec.Struct, key: str | None = None) -> int:
        self.frames.append(f"{topic} {key} ".encode() + msgspec.json.encode(data))
        return len(self.frames)

    def subscribers(self, topic: str) -> int:
        return 1

    def newest(self, topic: str) -> dict[str, bytes]:
        return {}

    def newest_of(self, prefix: str) -> list[bytes]:
        return []


class Nobody:
    """Watches nothing and counts nothing."""

    async def closed(self, tape: Tape, publish: object) -> None:
        """A minute is over."""

    def advanced(self, batch: Batch, seconds: float) -> None:
        """A batch is through."""


def nothing(state: RecorderState) -> None:
    """Nobody asks how the recorder does."""


def few(day: LiveDay, minutes: int = 12) -> list[Batch]:
    """The first minutes of a day and its last."""
    batches = batches_of(day)
    return [*batches[:minutes], *batches[-2:]]


def test_a_recorded_day_played_again_says_the_same(database_url: str, tmp_path: Path) -> None:
    """Frames, bars and signals are the same bytes, whatever the speed: the batches come again as they came."""
    day = market_after(31)[1]

    async def play() -> tuple[list[bytes], list[bytes], int]:
        async with connected(database_url) as database:
            recorder = Recorder(database, Spool(tmp_path / "spool"), nothing, every_s=0.05)
            writing = asyncio.create_task(recorder.run())
            recorder.begin("demo", day.on, "simulator", day.universe)
            live = Told()
            tape = Tape(frame_of(day))
            await pump(PlayedDay(day, 100_000.0), tape, Publisher(live, tape, "x"), recorder, Nobody(), Nobody())
            recorder.end(is_whole=True)
            writing.cancel()
            await asyncio.wait([writing])
            async with database.acquire() as connection:
                stored = await find_recording(connection, "demo", day.on)
                assert stored is not None
                assert stored.is_whole
                span = day.hours.opens_at - 10**10, day.hours.closes_at + 10**12
                batches = await load_batches(connection, "demo", stored, span, day.universe)
                bars = await connection.fetchval("SELECT count(*) FROM bars_minute")
                assert await gaps(connection, "demo") == []
            again = Told()
            second = Tape(frame_of(day))
            feed = Recorded(batches, day.hours.closes_at, 100_000.0)
            await pump(feed, second, Publisher(again, second, "x"), None, Nobody(), Nobody())
            return live.frames, again.frames, bars

    live, again, bars = run(play())
    assert live == again
    assert bars == np.count_nonzero(day.paths.volume)


def pieces() -> list[Chunk]:
    """Three pieces of a recording of the first minutes of a day."""
    day = market_after(30)[1]
    own = Run("0123456789abcdef", "demo", day.on, "simulator", day.universe)
    nobody = np.zeros(0, dtype=np.int64)
    none = np.zeros(0)
    no_bars = MinuteRows(nobody, nobody, none, none, none, none, nobody, none)
    found = []
    for number, batch in enumerate(batches_of(day)[:3], 1):
        ticks = batch.ticks.take(slice(0, 50))
        clocks = np.full(len(ticks), batch.now)
        mark = Mark(batch.now, 0, "index", "KOSPI", batch.now, 2_600.5)
        step = Step(number, "abc", day.on, "triggered", 1_000.0, "entry", batch.now)
        found.append(Chunk(own, number, batch.now, ticks, clocks, no_bars, (mark,), (step,)))
    return found


def same(one: Chunk, other: Chunk) -> bool:
    return (
        same_columns(one.ticks, other.ticks)
        and (one.run, one.number, one.until, one.marks, one.steps)
        == (other.run, other.number, other.until, other.marks, other.steps)
        and one.batch_at.tobytes() == other.batch_at.tobytes()
        and (one.is_last, one.is_whole, one.ticks_lost) == (other.is_last, other.is_whole, other.ticks_lost)
    )


def test_a_piece_on_disk_is_whole_or_not_there(tmp_path: Path) -> None:
    """Pieces come back as they were put, oldest first, after a restart too; torn and damaged files are known."""
    spool = Spool(tmp_path)
    for piece in pieces():
        assert spool.put(piece)
    (tmp_path / "000000000009-x.new").write_bytes(b"torn")
    again = Spool(tmp_path)
    assert not (tmp_path / "000000000009-x.new").exists()
    assert len(again) == 3
    for piece in pieces():
        found = again.first()
        assert found is not None
        path, chunk = found
        assert chunk is not None
        assert same(chunk, piece)
        again.drop(path)
    assert again.first() is None
    text = pack(pieces()[0])
    assert unpack(text[:-1]) is None
    assert unpack(b"") is None
    assert not Spool(tmp_path, bytes_max=len(text) - 1).put(pieces()[0])


def test_a_piece_is_stored_once(database_url: str) -> None:
    """Sent again after a lost answer it changes nothing; one that never came is a gap."""

    async def work() -> tuple[int, int, list[str], int]:
        async with connected(database_url) as database, database.acquire() as connection:
            first, second, third = pieces()
            assert await write_chunk(connection, first)
            assert not await write_chunk(connection, first)
            assert await write_chunk(connection, third)
            assert not await write_chunk(connection, second)
            ticks = await connection.fetchval("SELECT count(*) FROM ticks")
            steps = await connection.fetchval("SELECT count(*) FROM live_transitions")
            reasons = [gap.reason for gap in await gaps(connection, "demo")]
            abandoned = await close_abandoned(connection, "demo")
            assert await close_abandoned(connection, "demo") == 0
            return ticks, steps, reasons, abandoned

    ticks, steps, reasons, abandoned = run(work())
    assert (ticks, steps, abandoned) == (100, 2, 1)
    assert reasons == ["1 pieces never came"]


def test_without_a_database_pieces_go_to_disk_and_come_back(database_url: str, tmp_path: Path) -> None:
    """It says so; when the database is back all of it is stored, in order, without a gap."""
    day = market_after(30)[1]
    states: list[RecorderState] = []

    async def work() -> tuple[int, int]:
        away = Database()  # nobody has connected it
        spool = Spool(tmp_path / "spool")
        recorder = Recorder(away, spool, states.append, every_s=0.02)
        writing = asyncio.create_task(recorder.run())
        recorder.begin("demo", day.on, "simulator", day.universe)
        sent = 0
        for batch in few(day, 6):
            recorder.record(batch)
            sent += len(batch.ticks)
            await asyncio.sleep(0.05)
        assert not states[-1].ok
        assert states[-1].spooled > 0
        assert "no database" in states[-1].detail
        await away.connect(database_url)
        recorder.end(is_whole=False)
        for _ in range(500):
            if is_well(states[-1]):
                break
            await asyncio.sleep(0.02)
        writing.cancel()
        await asyncio.wait([writing])
        async with away.acquire() as connection:
            assert await gaps(connection, "demo") == []
            stored = await connection.fetchval("SELECT count(*) FROM ticks")
        await away.close()
        return sent, stored

    sent, stored = run(work())
    assert sent == stored
    assert states[-1].lost == 0


def is_well(state: RecorderState) -> bool:
    return state.ok and state.spooled == 0


def test_what_memory_does_not_hold_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ralph.live.recorder.BUFFER_TICKS_MAX", 10)
    day = market_after(30)[1]
    recorder = Recorder(Database(), Spool(tmp_path), nothing)
    recorder.begin("demo", day.on, "simulator", day.universe)
    recorder.record(batches_of(day)[0])
    assert recorder.state().lost == len(batches_of(day)[0].ticks)
    assert "lost" in recorder.state().detail


CHILD = """
import asyncio, sys
from pathlib import Path
from live_days import batches_of, market_after
from ralph.live.recorder import Recorder
from ralph.live.spool import Spool
from ralph.store.database import Database

async def work():
    database = Database()
    await database.connect(sys.argv[1])
    day = market_after(30)[1]
    recorder = Recorder(database, Spool(Path(sys.argv[2])), lambda state: print(state.written, flush=True), every_s=0.1)
    asyncio.create_task(recorder.run())
    recorder.begin("demo", day.on, "simulator", day.universe)
    for batch in batches_of(day):
        recorder.record(batch)
        await asyncio.sleep(0.02)

asyncio.run(work())
"""


def killed_after(database_url: str, folder: Path, pieces_told: int) -> int:
    """Kill a recorder when it has said so often that a piece is stored; how many ticks it said at last."""
    command = [sys.executable, "-c", CHILD, database_url, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline() or 0) for _ in range(pieces_told)]
        child.send_signal(signal.SIGKILL)
        rest = [int(line) for line in child.stdout.read().split()]
    return [0, *told, *rest][-1]


@pytest.mark.parametrize("pieces_told", [1, 4])
def test_a_recorder_that_is_killed_loses_nothing_that_it_acknowledged(
    database_url: str, tmp_path: Path, pieces_told: int
) -> None:
    """What was stored stays, in whole pieces and in order; that the rest is missing is written down."""
    acknowledged = killed_after(database_url, tmp_path, pieces_told)
    assert acknowledged > 0

    async def work() -> None:
        async with connected(database_url) as database, database.acquire() as connection:
            row = await connection.fetchrow("SELECT no, ticks, chunks, recorded_at, ended_at FROM feed_runs")
            assert row["ticks"] >= acknowledged
            assert row["ended_at"] is None
            assert await connection.fetchval("SELECT count(*) FROM ticks") == row["ticks"]
            day = market_after(30)[1]
            stored = Stored(row["no"], "", "simulator", False)
            span = day.hours.opens_at, day.hours.closes_at
            batches = await load_batches(connection, "demo", stored, span, day.universe)
            expected = [batch for batch in batches_of(day) if len(batch.ticks)][: len(batches)]
            for found, sent in zip([each for each in batches if len(each.ticks)], expected, strict=False):
                assert same_columns(found.ticks, sent.ticks)
            assert await close_abandoned(connection, "demo") == 1
            (gap,) = await gaps(connection, "demo")
            assert gap.since == row["recorded_at"]
            assert gap.until is None

    run(work())
