"""One process of several that serve the same stream; whichever leads announces a signal each 20 ms of a common clock.

`python live_process.py DATABASE_URL REDIS_URL BEGAN`: prints its port, then `leads` whenever it begins to lead.
"""

from __future__ import annotations

import asyncio
import sys
import time

from live_server import serving_station

from ralph.config import StreamConfig
from ralph.store.announcements import Announcements
from ralph.store.database import Database
from ralph.store.leadership import Leadership
from ralph.stream.station import Station

SIGNAL_S = 0.02


def say(line: str) -> None:
    """To the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(database_url: str, redis_url: str, began: float) -> None:
    """Serve until killed."""
    database = Database()
    await database.connect(database_url)
    station = Station(Announcements(database), StreamConfig())
    await station.begin("demo", redis_url)

    async def feed() -> None:
        """All signals from the first: those that another leader announced are known by their keys."""
        say("leads")
        number = 0
        while True:
            while began + (number + 1) * SIGNAL_S < time.time():
                number += 1
                station.hub.announce("signals", b'{"signal":%d}' % number, key=str(number))
                station.hub.publish_many("quote:", ["005930"], [b'{"price":%d}' % number])
            await asyncio.sleep(SIGNAL_S / 2)

    async with serving_station(station) as server:
        say(server.url)
        await station.lead(Leadership(database_url, "feed", look_s=0.2), feed)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
