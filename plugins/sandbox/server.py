"""One coroutine per connection: HTTP until a WebSocket is asked for, then that.

The same `serve` speaks to a stream in memory and to an accepted TCP connection.
"""

from contextlib import suppress
from functools import partial

from anyio.abc import ByteStream

from plugins.sandbox.auth import Gate
from plugins.sandbox.channels import Outbox
from plugins.sandbox.dialect import Dialect
from plugins.sandbox.fixed_point.commands import Subscriber
from plugins.sandbox.fixed_point.routes import answer
from plugins.sandbox.http import HttpConnection
from plugins.sandbox.request import Reply, Request
from plugins.sandbox.venue import Venue
from plugins.sandbox.websocket import GONE, Session, shake_hands


class FixedPoint:
    """Today's dialect of a venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    @property
    def gate(self) -> Gate:
        """Who may come in: whoever the venue knows."""
        return self.venue.gate

    def answer(self, request: Request) -> Reply:
        """Answer a request by today's routes."""
        return answer(self.venue, request)

    def listen(self, outbox: Outbox) -> Subscriber:
        """Take today's commands."""
        return Subscriber(self.venue.feed, outbox)


async def serve(dialect: Dialect, stream: ByteStream) -> None:
    """Speak to one client until it goes; whatever it sends, this returns."""
    with suppress(*GONE):
        async with stream:
            http = HttpConnection(
                stream,
                dialect.answer,
                partial(shake_hands, dialect),
                dialect.venue.door_us,
                dialect.venue.faults.reply_delay.total_seconds(),
            )
            upgraded = await http.run()
            if upgraded is not None:
                handshake, first = upgraded
                await stream.send(handshake.greeting)
                await Session(dialect, stream, handshake.protocol).run(first)
