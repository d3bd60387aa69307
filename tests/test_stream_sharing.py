"""What several processes share: the journal in Postgres, the log in Redis, and the lock that says who leads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from live_server import MemoryJournal
from redis.asyncio import Redis

from ralph.config import StreamConfig
from ralph.jobs.kind import enqueue
from ralph.jobs.kinds import KINDS
from ralph.jobs.news import JobNews
from ralph.jobs.telling import Telling
from ralph.store.announcements import Announcements
from ralph.store.database import Database
from ralph.store.leadership import Leadership
from ralph.store.ledger import cancel_job
from ralph.stream.hub import Hub
from ralph.stream.relay import ANNOUNCED, LOG, NEWEST, STATE, Relay
from ralph.stream.rounds import Rounds
from ralph.stream.station import Station
from ralph.stream.topic import Announced

pytestmark = pytest.mark.anyio


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[Announcements]:
    database = Database()
    await database.connect(database_url)
    yield Announcements(database)
    await database.close()


async def test_the_journal_tells_what_followed_over_epochs(journal: Announcements) -> None:
    """In order; of this workspace and topic alone; and says when it does not know."""
    first = await journal.begin("demo")
    await journal.write(first, [("signals", n, f"k{n}", f'{{"n":{n}}}') for n in range(1, 6)])
    await journal.write(first, [("signals", 5, "k5", "another"), ("scans", 1, None, "1")])
    other = await journal.begin("main")
    await journal.write(other, [("signals", 1, None, '"main"')])
    second = await journal.begin("demo")
    await journal.write(second, [("signals", 1, "k6", '{"n":6}')])
    told = await journal.after(first, second, "signals", 3, 10)
    assert told == [(first, 4, '{"n":4}'), (first, 5, '{"n":5}'), (second, 1, '{"n":6}')]
    assert await journal.after(first, second, "signals", 3, 2) == told[:2]
    assert await journal.after(second, second, "signals", 1, 10) == []
    assert await journal.after("nobody's", second, "signals", 1, 10) is None
    assert await journal.after(first, other, "signals", 1, 10) is None
    assert await journal.keys("demo") == [("signals", f"k{n}") for n in range(1, 7)]


async def test_the_journal_knows_where_it_is_not_whole(journal: Announcements, database_url: str) -> None:
    """A number left out, and what was removed because it is old, are never passed over in silence."""
    epoch = await journal.begin("demo")
    await journal.write(epoch, [("signals", n, None, "1") for n in (1, 2, 4)])
    assert await journal.after(epoch, epoch, "signals", 1, 10) is None
    await journal.write(epoch, [("signals", 3, None, "1")])
    assert [entry[1] for entry in await journal.after(epoch, epoch, "signals", 1, 10) or ()] == [2, 3, 4]
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE announcements SET announced_at = now() - interval '8 days' WHERE number < 3")
    await connection.close()
    await journal.cut()
    assert await journal.after(epoch, epoch, "signals", 1, 10) is None
    assert [entry[1] for entry in await journal.after(epoch, epoch, "signals", 2, 10) or ()] == [3, 4]


class Member:
    """A hub with its relay."""

    def __init__(self, url: str, journal: MemoryJournal, workspace: str = "demo") -> None:
        self.hub = Hub()
        self.relay = Relay(self.hub, url, lambda: journal.begin(workspace), workspace)

    def kept(self, topic: str) -> list[bytes]:
        found: Announced = self.hub._announced_of(topic)
        return [text for _, text in found.kept(0)]

    def quote(self, symbol: str) -> bytes:
        return self.hub._newest_of("board").rows()[symbol].text()


@contextlib.asynccontextmanager
async def members(url: str, count: int) -> AsyncIterator[list[Member]]:
    """So many that follow."""
    journal = MemoryJournal()
    made = [Member(url, journal) for _ in range(count)]
    for member in made:
        await member.relay.begin()
    tasks = [asyncio.ensure_future(member.relay.follow()) for member in made]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in made:
            await member.relay.close()


@contextlib.asynccontextmanager
async def leading(member: Member) -> AsyncIterator[asyncio.Future[None]]:
    """One of them leads for a while."""
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(member.relay.lead(work))
    await asyncio.wait_for(began.wait(), 10)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(1_500):
        with contextlib.suppress(KeyError):
            if what():
                return
        await asyncio.sleep(0.01)
    raise AssertionError("it never did")


async def test_every_hub_has_what_the_leader_publishes_and_leaders_follow_each_other(redis_url: str) -> None:
    """Numbers go on from the leader before; what had a key is not announced again; who comes later has all of it."""
    async with members(redis_url, 2) as (one, two):
        assert one.hub.epoch == two.hub.epoch == "epoch0"
        async with leading(one):
            one.hub.publish_many("quote:", ["005930", "000660"], [b"1", b"2"])
            assert [one.hub.announce("signals", b'"%d"' % n, f"k{n}") for n in range(3)] == [1, 2, 3]
            assert one.hub.announce("signals", b'"0"', "k0") == 1
            await until(lambda: len(two.kept("signals")) == 3)
            assert one.hub.announce("signals", b'"0"', "k0") == 1
        async with leading(two):
            assert two.hub.announce("signals", b'"2"', "k2") == 3
            assert two.hub.announce("signals", b'"3"', "k3") == 4
            two.hub.publish_many("quote:", ["000660"], [b"5"])
            await until(lambda: len(one.kept("signals")) == 4 and one.quote("000660") == b"5")
        async with members(redis_url, 1) as (late,):
            for member in (one, two, late):
                assert member.kept("signals") == [b'"0"', b'"1"', b'"2"', b'"3"']
                assert (member.quote("005930"), member.quote("000660")) == (b"1", b"5")


async def test_an_earlier_leader_is_not_listened_to(redis_url: str) -> None:
    """One that was away and believes it leads finds out, and nobody hears what it says."""
    async with members(redis_url, 2) as (one, two), leading(one) as first:
        one.hub.announce("signals", b"1")
        await until(lambda: len(two.kept("signals")) == 1)
        async with leading(two):
            assert one.hub.announce("signals", b'"old"') == 2
            await asyncio.wait_for(first, 10)
            assert two.hub.announce("signals", b'"new"') == 2
            await until(lambda: one.kept("signals") == two.kept("signals") == [b"1", b'"new"'])


async def test_who_was_too_far_behind_begins_with_the_newest(redis_url: str) -> None:
    """A log that lost what was not read yet, as one that is too long does."""
    redis = Redis.from_url(redis_url)
    async with members(redis_url, 2) as (one, two), leading(one):
        one.hub.announce("signals", b"1")
        await until(lambda: len(two.kept("signals")) == 1)
        await redis.hincrby(STATE, "batch", 7)
        one.relay._number += 7
        for number in range(2, 5):
            one.hub.announce("signals", b"%d" % number)
        await until(lambda: two.kept("signals") == [b"1", b"2", b"3", b"4"])
    await redis.aclose()


async def test_redis_that_comes_back_empty_begins_an_epoch(redis_url: str) -> None:
    """The leader finds that nobody knows it, and the next one counts anew."""
    redis = Redis.from_url(redis_url)
    async with members(redis_url, 2) as (one, two):
        async with leading(one) as first:
            one.hub.announce("signals", b"1")
            await until(lambda: len(two.kept("signals")) == 1)
            await redis.delete(LOG, NEWEST, ANNOUNCED, STATE)
            one.hub.announce("signals", b"2")
            await asyncio.wait_for(first, 10)
        async with leading(one):
            assert one.hub.announce("signals", b"2") == 1
            await until(lambda: two.hub.epoch == one.hub.epoch != "epoch0" and two.kept("signals") == [b"2"])
    await redis.aclose()


async def test_the_leaders_own_clients_are_served_while_redis_is_away(redis_url: str) -> None:
    """And the others hear of every announcement when it is back."""
    redis = Redis.from_url(redis_url)
    async with members(redis_url, 2) as (one, two), leading(one):
        one.hub.announce("signals", b"1")
        await until(lambda: len(two.kept("signals")) == 1)
        await redis.config_set("maxclients", "1")
        await redis.execute_command("CLIENT KILL TYPE normal SKIPME yes")
        for number in range(2, 6):
            one.hub.announce("signals", b"%d" % number)
        await until(lambda: one.kept("signals") == [b"1", b"2", b"3", b"4", b"5"])
        assert two.kept("signals") == [b"1"]
        await redis.config_set("maxclients", "10000")
        one.hub.announce("signals", b"6")
        await until(lambda: two.kept("signals") == one.kept("signals") == [b"%d" % n for n in range(1, 7)])
    await redis.aclose()


async def test_one_leads_and_another_takes_over(database_url: str) -> None:
    """When the session of the first ends, whichever way."""
    leads: list[str] = []

    def work(name: str) -> Callable[[], Awaitable[None]]:
        async def lead() -> None:
            leads.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                leads.remove(name)

        return lead

    first = asyncio.ensure_future(Leadership(database_url, "feed", look_s=0.05).run(work("first")))
    await until(lambda: leads == ["first"])
    second = asyncio.ensure_future(Leadership(database_url, "feed", look_s=0.05).run(work("second")))
    other = asyncio.ensure_future(Leadership(database_url, "other", look_s=0.05).run(work("other")))
    await until(lambda: leads == ["first", "other"])
    first.cancel()
    await until(lambda: sorted(leads) == ["other", "second"])
    for task in (second, other):
        task.cancel()
    await asyncio.gather(first, second, other, return_exceptions=True)
    assert leads == []


async def test_a_leader_whose_session_is_cut_goes_on_with_another(database_url: str) -> None:
    """Nobody else took the lock meanwhile, so nothing has changed."""
    begun = 0

    async def lead() -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    leader = Leadership(database_url, "feed", look_s=0.05)
    task = asyncio.ensure_future(leader.run(lead))
    await until(lambda: begun == 1)
    connection = await asyncpg.connect(database_url)
    count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    for _ in range(2):
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ralph leader'"
        )
        for _ in range(500):
            if await connection.fetchval(count):
                break
            await asyncio.sleep(0.02)
    await connection.close()
    assert begun == 1
    assert leader.is_leader
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_journal_catches_up_after_the_database_was_away() -> None:
    """What was announced meanwhile is written when it is back, once, in order."""
    from ralph.errors import DatabaseDown

    class Shut(MemoryJournal):
        """A journal that is away at times."""

        is_away = True

        async def write(self, epoch: str, entries: object) -> None:
            if self.is_away:
                raise DatabaseDown("away")
            await super().write(epoch, entries)  # type: ignore[arg-type]

    journal = Shut()
    station = Station(journal, StreamConfig())
    await station.begin("demo")
    for number in range(5):
        station.hub.announce("signals", b"%d" % number)
    with pytest.raises(DatabaseDown):
        await station.scribe.write()
    station.hub.announce("scans", b"5")
    assert station.scribe.unwritten == 6
    journal.is_away = False
    await station.scribe.write()
    assert [(entry[1], entry[2], entry[4]) for entry in journal.entries] == [
        *(("signals", n + 1, str(n)) for n in range(5)),
        ("scans", 1, "5"),
    ]
    assert station.scribe.unwritten == 0


async def test_who_follows_a_job_is_told_of_it(database_url: str) -> None:
    """From how it stands to its end; a job that is not there is nothing to tell of."""
    database = Database()
    await database.connect(database_url)
    hub = Hub()
    told: list[bytes] = []
    rounds = Rounds(hub, slow_s=5.0)
    news = JobNews(database)
    tasks = [asyncio.ensure_future(work) for work in (news.run(), Telling(news, hub, look_s=0.02).run())]
    async with database.acquire() as connection:
        job_id = await enqueue(connection, KINDS["quality"], KINDS["quality"].parse(b"{}"))
        mailbox = rounds.join(Slip(told))
        for topic in (f"jobs:{job_id}", "jobs:999999"):
            hub.subscribe(mailbox, topic)
        for _ in range(2):
            before = len(told)
            for _ in range(500):
                await rounds.round()
                if len(told) > before:
                    break
                await asyncio.sleep(0.01)
            await cancel_job(connection, job_id)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()
    assert [(b'"queued"' in text, b'"cancelled"' in text) for text in told] == [(True, False), (False, True)]


class Slip:
    """A socket that keeps what is written."""

    def __init__(self, told: list[bytes]) -> None:
        self.is_ready = True
        self.is_open = True
        self.on_ready: Callable[[], None] | None = None
        self.on_used: Callable[[], None] | None = None
        self._told = told

    def straight(self) -> int:
        return -1

    def write(self, wire: bytes) -> None:
        self._told.append(wire)

    def hang_up(self, code: int, reason: str) -> None:
        raise AssertionError(reason)
