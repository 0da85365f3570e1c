"""The WebSocket side of a connection: handshake, heartbeat, commands in, frames out.

wsproto keeps the protocol. Everything that is said between two flushes leaves as one write; a
client that does not keep up is told so by the feed, which asks the outbox whether it is full.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream, WouldBlock
from anyio.abc import ByteStream
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection, ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from plugins.sandbox.dialect import Dialect
from plugins.sandbox.framing import Framing, framed
from plugins.sandbox.http import Headers, http_date
from plugins.sandbox.request import Request
from plugins.sandbox.wire import refused

STREAM_PATH: Final = "/trade-api/ws/v2"

HEARTBEAT_S: Final = 10.0
HEARTBEAT: Final = b"heartbeat"
PATIENCE: Final = 3
"""Heartbeats without a sign of life after which a client counts as gone."""
BUFFER: Final = 8_388_608
"""Bytes that may wait for a slow client before its subscriptions end."""
MAX_COMMAND: Final = 1_048_576
"""Bytes of one command; a subscription to every market of a world fits easily."""
_POLICY: Final = 1008
_TOO_BIG: Final = 1009
_READ: Final = 65_536
_FAREWELL_S: Final = 1.0

GONE: Final = (BrokenResourceError, ClosedResourceError, EndOfStream)


class Handshake:
    """An accepted handshake: what to answer, and the protocol to go on with."""

    def __init__(self, greeting: bytes, protocol: Connection) -> None:
        self.greeting = greeting
        self.protocol = protocol


def shake_hands(dialect: Dialect, request: Request, headers: Headers) -> Handshake:
    """Accept a request for a WebSocket.

    Raises:
        Problem: it is for another path, not signed, or no handshake of version 13.
    """
    if request.path != STREAM_PATH:
        raise refused(404, "not_found")
    now_us = dialect.venue.door_us()
    dialect.gate.check(request.headers, request.method, request.path, now_us)
    server = WSConnection(ConnectionType.SERVER)
    try:
        server.initiate_upgrade_connection(list(headers), request.path)
        accept = AcceptConnection(extra_headers=[(b"date", http_date(now_us))])
        greeting = server.send(accept)
    except (RemoteProtocolError, UnicodeError):
        raise refused(400, "bad_request", details="invalid websocket handshake") from None
    if server.connection is None:
        raise refused(400, "bad_request", details="invalid websocket handshake")
    return Handshake(greeting, server.connection)


class Outbox:
    """Frames waiting for the socket.

    A stream in memory takes them at the flush itself, which saves a task's turn each moment;
    for any other, and when there is no room, the flush wakes the writer.
    """

    def __init__(
        self,
        protocol: Connection,
        limit: int = BUFFER,
        stream: ByteStream | None = None,
        framing: Framing = framed,
    ) -> None:
        self._framing = framing
        self._protocol = protocol
        self._limit = limit
        self._send_now: Callable[[bytes], None] | None = getattr(stream, "send_nowait", None)
        self._waiting = bytearray()
        self._news = anyio.Event()
        self._room = anyio.Event()

    @property
    def full(self) -> bool:
        """Whether as much waits as this client may have."""
        return len(self._waiting) >= self._limit

    def push(self, text: bytes) -> None:
        """Take one text message."""
        if self._protocol.state is ConnectionState.OPEN:
            self._waiting += self._framing(text)

    def say(self, event: Event) -> None:
        """Take any event; once the close has begun there is nothing more to say."""
        closing = isinstance(event, CloseConnection)
        if self._protocol.state is ConnectionState.OPEN or (
            closing and self._protocol.state is ConnectionState.REMOTE_CLOSING
        ):
            self._waiting += self._protocol.send(event)

    def flush(self) -> None:
        """Write what has gathered, or let the writer have it."""
        if not self._waiting:
            return
        if self._send_now is not None:
            try:
                self._send_now(bytes(self._waiting))
            except (WouldBlock, *GONE):
                pass  # the writer waits for room, or finds the client gone
            else:
                self._waiting.clear()
                return
        self._news.set()

    def take(self) -> bytes:
        """Return everything that waits."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        self._room.set()
        return taken

    async def next(self) -> bytes:
        """Wait for a flush; return everything that waits."""
        await self._news.wait()
        self._news = anyio.Event()
        return self.take()

    async def room(self) -> None:
        """Wait until the client has read enough to be listened to again."""
        while self.full:
            self._room = anyio.Event()
            await self._room.wait()


class LateOutbox(Outbox):
    """An outbox whose messages leave a while after they were put in, in their order."""

    def __init__(
        self,
        protocol: Connection,
        limit: int,
        stream: ByteStream,
        framing: Framing,
        delay_s: float,
    ) -> None:
        super().__init__(protocol, limit, stream, framing)
        self._delay_s = delay_s
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._departed = anyio.Event()

    def push(self, text: bytes) -> None:
        """Take one text message; it is written once its time has come."""
        self._on_the_way.append((anyio.current_time() + self._delay_s, text))
        self._departed.set()

    async def deliver(self) -> None:
        """Hand over each message at its time, for as long as the connection lasts."""
        while True:
            await self._departed.wait()
            while self._on_the_way:
                due, text = self._on_the_way[0]
                await anyio.sleep(due - anyio.current_time())
                self._on_the_way.popleft()
                super().push(text)
                self.flush()
            self._departed = anyio.Event()


class Session:
    """One WebSocket connection after its handshake."""

    def __init__(
        self, dialect: Dialect, stream: ByteStream, protocol: Connection, buffer: int = BUFFER
    ) -> None:
        self._venue = dialect.venue
        self._stream = stream
        self._protocol = protocol
        delay_s = dialect.venue.faults.stream_delay.total_seconds()
        framing = dialect.venue.framing()
        self._late = LateOutbox(protocol, buffer, stream, framing, delay_s) if delay_s else None
        self._outbox = self._late or Outbox(protocol, buffer, stream, framing)
        self._listener = dialect.listen(self._outbox)
        self._unanswered = 0
        self._pieces: list[bytes] = []
        self._size = 0

    async def run(self, first: bytes) -> None:
        """Talk until one side closes or falls silent; `first` came with the handshake."""
        leave = self._venue.join(self._outbox.flush)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._write, group.cancel_scope)
                group.start_soon(self._beat, group.cancel_scope)
                if self._late is not None:
                    group.start_soon(self._late.deliver)
                await self._read(first)
                group.cancel_scope.cancel()
            with anyio.move_on_after(_FAREWELL_S), suppress(*GONE):
                await self._stream.send(self._outbox.take())
        finally:
            leave()
            self._listener.leave()

    async def _write(self, scope: anyio.CancelScope) -> None:
        try:
            while True:
                await self._stream.send(await self._outbox.next())
        except GONE:
            scope.cancel()

    async def _beat(self, scope: anyio.CancelScope) -> None:
        await anyio.sleep(HEARTBEAT_S)
        while self._unanswered < PATIENCE:
            self._unanswered += 1
            self._outbox.say(Ping(payload=HEARTBEAT))
            self._outbox.flush()
            await anyio.sleep(HEARTBEAT_S)
        self._outbox.say(CloseConnection(code=_POLICY, reason="heartbeats not answered"))
        scope.cancel()

    async def _read(self, data: bytes) -> None:
        try:
            while self._took(data):
                self._venue.flush()
                await self._outbox.room()
                data = await self._stream.receive(_READ)
                self._unanswered = 0
        except GONE:
            return

    def _took(self, data: bytes) -> bool:
        """Do what the client sent; return False when it was its last word."""
        self._protocol.receive_data(data)
        return all(self._heard(event) for event in self._protocol.events())

    def _heard(self, event: Event) -> bool:
        if isinstance(event, TextMessage):
            return self._gather(event.data.encode(), whole=event.message_finished)
        if isinstance(event, BytesMessage):
            return self._gather(bytes(event.data), whole=event.message_finished)
        if isinstance(event, Ping):
            self._outbox.say(event.response())
        elif isinstance(event, CloseConnection):
            self._outbox.say(event.response())
            return False
        return True

    def _gather(self, piece: bytes, *, whole: bool) -> bool:
        """Put the fragments of a command together, and do it once it is whole."""
        self._size += len(piece)
        if self._size > MAX_COMMAND:
            self._outbox.say(CloseConnection(code=_TOO_BIG, reason="message too big"))
            return False
        self._pieces.append(piece)
        if whole:
            self._venue.present()
            self._listener.hear(b"".join(self._pieces))
            self._pieces, self._size = [], 0
        return True
