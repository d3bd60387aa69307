"""`ralph watch`: quotes, a screen or signals as they change, in a table that moves."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from ralph.cli.options import home_option, json_option, run, settings
from ralph.cli.output import make_table, number, print_table
from ralph.embedded.home import Home
from ralph.errors import BadParameter, NotAllowed, Unavailable

PAUSES_S = (1.0, 2.0, 5.0, 10.0)  # before connecting again, longer each time it fails
ROWS_MAX = 40  # the newest; more do not fit on a screen
MESSAGE_BYTES = 1 << 24  # a snapshot of the whole board

QUOTES = ("symbol", "price", "change", "change %", "volume", "session", "at")
SIGNALS = ("event", "system", "symbol", "name", "grade", "entry", "stop", "armed on")
SCREEN = ("event", "symbol", "name", "price", "at")


class Watched:
    """What was heard, as rows of a table: the newest quote of each Symbol, or the last events."""

    def __init__(self, topics: list[str]) -> None:
        self.topics = topics
        self.since: dict[str, int] = {}
        self.epoch: str | None = None
        self._rows: dict[Any, tuple[Any, ...]] = {}

    @property
    def headings(self) -> tuple[str, ...]:
        """Of the columns."""
        kind = self.topics[0].partition(":")[0]
        return {"signals": SIGNALS, "screen": SCREEN}.get(kind, QUOTES)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The newest first."""
        return list(reversed(self._rows.values()))[:ROWS_MAX]

    @property
    def right(self) -> tuple[int, ...]:
        """The columns of numbers."""
        return tuple(place for place, name in enumerate(self.headings) if name in RIGHT)

    def take(self, frame: dict[str, Any], epoch: str) -> None:
        """One frame."""
        topic, data = frame["topic"], frame["data"]
        kind = topic.partition(":")[0]
        if kind in ("signals", "screen"):
            self.epoch, self.since[topic] = frame.get("epoch", epoch), frame["seq"]
            row = _signal(data) if kind == "signals" else _match(data)
            self._put((topic, self.epoch, frame["seq"]), row)
        else:
            for quote in data if isinstance(data, list) else (data,):
                self._put(quote["symbol"], _quote(quote))

    def request(self) -> dict[str, Any]:
        """What to ask for when connected, or connected again."""
        asked: dict[str, Any] = {"op": "subscribe", "id": 1, "topics": self.topics}
        return {**asked, "since": self.since, "epoch": self.epoch} if self.since else asked

    def _put(self, key: Any, row: tuple[Any, ...]) -> None:
        self._rows.pop(key, None)
        self._rows[key] = row


RIGHT = frozenset({"price", "change", "change %", "volume", "entry", "stop"})


@click.command("watch")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--screen", metavar="ID", help="Symbols that enter and leave a saved screen, by its id.")
@click.option("--signals", is_flag=True, help="Every step of every signal.")
@click.option("--seconds", type=click.FloatRange(min=0), help="End after so long; else Ctrl-C ends it.")
@click.option("--frames", "count", type=click.IntRange(min=1), metavar="COUNT", help="End after so many frames.")
@home_option
@json_option
def watch_command(
    symbols: tuple[str, ...],
    screen: str | None,
    signals: bool,
    seconds: float | None,
    count: int | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Watch SYMBOLs (or the whole board), a screen, or signals; with --json a line for each frame."""
    if bool(symbols) + bool(screen) + signals > 1:
        raise BadParameter("symbols, --screen and --signals are watched one at a time", field="symbols")
    topics = [f"quote:{symbol}" for symbol in symbols] or [f"screen:{screen}" if screen else "board"]
    watched = Watched(["signals"] if signals else topics)
    own = Home(settings(home).home)
    holder = own.holder()
    if holder is None or holder.url is None:
        raise Unavailable(f"no server holds {own.path}; start one with `ralph up`")
    url = holder.url.replace("http", "ws", 1) + "/ws"
    with _shown(watched, as_json) as show:
        run(_watch(_frames(url, own.owner_key(), watched), watched, show, seconds, count))
    if not as_json and not sys.stdout.isatty():
        print_table(watched.headings, watched.rows, right=watched.right)


async def _watch(
    frames: AsyncGenerator[tuple[dict[str, Any], str]],
    watched: Watched,
    show: Callable[[dict[str, Any]], None],
    seconds: float | None,
    count: int | None,
) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), contextlib.aclosing(frames):
            async for frame, epoch in frames:
                watched.take(frame, epoch)
                show(frame)
                count = None if count is None else count - 1
                if count == 0:
                    return


@contextlib.contextmanager
def _shown(watched: Watched, as_json: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What to do with each frame: a line, a table that moves, or nothing where nobody looks until the end."""
    if as_json:
        yield lambda frame: click.echo(msgspec.json.encode(frame))
    elif not sys.stdout.isatty():
        yield lambda frame: None
    else:
        from rich.live import Live

        def table() -> Any:
            return make_table(watched.headings, watched.rows, right=watched.right)

        with Live(get_renderable=table, refresh_per_second=8):
            yield lambda frame: None


async def _frames(url: str, key: str, watched: Watched) -> AsyncGenerator[tuple[dict[str, Any], str]]:
    """Frames with the epoch of their connection, for ever: a connection that ends is made again."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

    failures = 0
    while True:
        try:
            headers = {"Authorization": f"Bearer {key}"}
            async with connect(url, additional_headers=headers, compression=None, max_size=MESSAGE_BYTES) as socket:
                epoch = msgspec.json.decode(await socket.recv())["epoch"]
                await socket.send(msgspec.json.encode(watched.request()).decode())
                async for text in socket:
                    for frame in _understood(msgspec.json.decode(text)):
                        yield frame, epoch
                    failures = 0
        except InvalidStatus as error:
            if error.response.status_code in (401, 403):
                raise NotAllowed(f"the server at {url} does not know this home's key") from error
        except (OSError, ConnectionClosed, InvalidHandshake):
            pass
        pause_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
        click.echo(f"the connection ended; again in {pause_s:g} s", err=True)
        await asyncio.sleep(pause_s)
        failures += 1


def _understood(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The frames of a message. BadParameter with the server's words where it refused what was asked."""
    if message["type"] == "error":
        raise BadParameter(message["detail"], field=message.get("field"), accepted=message.get("accepted"))
    frames: list[dict[str, Any]] = message.get("frames", [])
    return frames


def _quote(quote: dict[str, Any]) -> tuple[Any, ...]:
    ratio = quote.get("change_ratio")
    percent = None if ratio is None else f"{ratio * 100:+.2f}"
    numbers = [number(quote.get(name), 0) for name in ("price", "change")]
    return (
        quote["symbol"],
        *numbers,
        percent,
        number(quote.get("volume"), 0),
        quote.get("session"),
        _clock(quote.get("at")),
    )


def _signal(data: dict[str, Any]) -> tuple[Any, ...]:
    signal = data["signal"]
    levels = signal.get("levels") or {}
    about = (signal.get("system"), signal.get("symbol"), signal.get("name"), signal.get("grade"))
    prices = (number(levels.get("entry"), 0), number(levels.get("stop"), 0))
    return (data.get("event"), *about, *prices, signal.get("armed_on"))


def _match(data: dict[str, Any]) -> tuple[Any, ...]:
    about = (data.get("event"), data.get("symbol"), data.get("name"))
    return (*about, number(data.get("price"), 0), _clock(data.get("at")))


def _clock(at: str | None) -> str:
    """The time of an RFC 3339 instant, as it is written there."""
    return (at or "").partition("T")[2][:8]
