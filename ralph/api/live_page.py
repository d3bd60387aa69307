"""/docs/live: the protocol of `/ws` on one page, with the limits that this server has."""

from __future__ import annotations

from litestar import Response, get
from litestar.di import NamedDependency

from ralph.config import Config
from ralph.stream.mailbox import FLUSH_BURST, FLUSHES_PER_S
from ralph.stream.protocol import (
    MESSAGE_BURST,
    MESSAGE_BYTES,
    MESSAGES_PER_S,
    PROTOCOL,
    TOPICS_MAX,
)
from ralph.stream.sockets import FRAGMENTS_MAX, PINGS_PER_S
from ralph.stream.topic import SNAPSHOT_FRAMES
from ralph.stream.topics import KINDS

PAGE = """\
Ralph, live: the protocol of /ws (version {protocol})

A WebSocket at /ws carries JSON in text messages, in both directions. Connect with the browser's session, or with the
header `Authorization: Bearer KEY` (`ralph login --key`). A page of another origin is refused with 403, a client without
a key with 401; the body says why, as everywhere.

1. The server says hello

    {{"type":"hello","protocol":{protocol},"epoch":"5f0c…","server_time":"2026-05-29T01:00:00Z","workspace":"demo",
     "simulated":true,"limits":{{…}}}}

2. You ask; `id` is a number of your choice that the answer carries

    {{"op":"subscribe","id":1,"topics":["board","signals"]}}
    {{"op":"subscribe","id":2,"topics":["signals"],"since":{{"signals":41}},"epoch":"5f0c…"}}
    {{"op":"unsubscribe","id":3,"topics":["board"]}}
    {{"op":"ping","id":4}}

   and are answered

    {{"type":"subscribed","id":1,"topics":["board","signals"],"since":{{"signals":41}}}}
    {{"type":"unsubscribed","id":3,"topics":["board"]}}
    {{"type":"pong","id":4}}
    {{"type":"error","id":1,"code":"BAD_PARAMETER","detail":"…","field":"topics","accepted":"…"}}

   A request is done as a whole or, after an error, not at all. `since` of an answer: the numbers reached so far.

3. Frames come, several in a message, at most about {flushes:g} messages a second ({burst} at once after a rest)

    {{"type":"frames","frames":[{{"topic":"board","seq":17,"snapshot":true,"data":[…]}},
     {{"topic":"signals","seq":42,"data":{{…}}}}]}}

   The first frames of a topic show what is now and are marked `snapshot`; what follows them follows without a gap.

Topics

{topics}

Published topics: only the newest counts. A slow reader gets the newest of each symbol, not all there were.
Announced topics: every frame is numbered (`seq`, from 1 in each epoch) and comes once, in order. A snapshot of one is
its last frames, {snapshot} at most.

Coming back: remember the epoch of the hello and the last `seq` of each announced topic, and ask with `since` and
`epoch`. You get everything after it, from the database where it is long ago. A frame that carries an `epoch` of its own
belongs to that one: remember it with the `seq`. Where too much is missing you get
{{"type":"reset","topic":"signals"}} and a snapshot: ask over HTTP for the rest.

Limits: {topic_count} topics of a connection, messages of {message_bytes} bytes in {fragments} fragments,
{messages:g} messages a second ({message_burst} at once after a rest), {pings} pings a second.
The server pings every {ping_s:g} s; who does not answer for as long is closed.
So is who reads nothing for {slow_s:g} s.

Close codes

  1002  not the WebSocket protocol                    mend the client
  1003  a binary message                              mend the client
  1007  text that is not JSON, or not UTF-8           mend the client
  1008  too many messages or pings                    slow down, then connect again
  1009  a message that is too large                   mend the client
  1011  no answer to our ping                         connect again
  1012  the server stops, or a new epoch begins       connect again, with since
  1013  you read too slowly                           connect again, with since
  3000  your session or key holds no more             sign in again

Wait a second before you connect again, and longer each time that fails.
"""


@get("/docs/live", operation_id="livePage", include_in_schema=False, sync_to_thread=False, media_type="text/plain")
def live_page(config: NamedDependency[Config]) -> Response[str]:
    """The page, for programmers."""
    rows = [f"  {kind.form:16} {'announced' if kind.is_announced else 'published'}  {kind.content}" for kind in KINDS]
    text = PAGE.format(
        protocol=PROTOCOL,
        flushes=FLUSHES_PER_S,
        burst=FLUSH_BURST,
        topics="\n".join(rows),
        snapshot=SNAPSHOT_FRAMES,
        topic_count=TOPICS_MAX,
        message_bytes=MESSAGE_BYTES,
        fragments=FRAGMENTS_MAX,
        messages=MESSAGES_PER_S,
        message_burst=MESSAGE_BURST,
        pings=PINGS_PER_S,
        ping_s=config.stream.ping_s,
        slow_s=config.stream.slow_s,
    )
    return Response(text, media_type="text/plain; charset=utf-8")
