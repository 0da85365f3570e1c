"""One coroutine per connection: HTTP until a WebSocket is asked for, then that.

The same `serve` speaks to a stream in memory and to an accepted TCP connection.
"""

from contextlib import suppress
from functools import partial

from anyio.abc import ByteStream

from plugins.sandbox.http import HttpConnection
from plugins.sandbox.routes import answer
from plugins.sandbox.venue import Venue
from plugins.sandbox.websocket import GONE, Session, shake_hands


async def serve(venue: Venue, stream: ByteStream) -> None:
    """Speak to one client until it goes; whatever it sends, this returns."""
    with suppress(*GONE):
        async with stream:
            http = HttpConnection(
                stream, partial(answer, venue), partial(shake_hands, venue), venue.door_us
            )
            upgraded = await http.run()
            if upgraded is not None:
                handshake, first = upgraded
                await stream.send(handshake.greeting)
                await Session(venue, stream, handshake.protocol).run(first)
