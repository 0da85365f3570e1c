"""The order lane: keep-alive connections of our own for writes, each request in one piece.

A general HTTP client needs longer to put an order on the wire than everything that decided on it.
Here a request is one block of bytes and one write; h11 reads the answer, when the order is long
under way. A lane carries one request at a time.

Nothing is ever sent twice. Before the first byte is written a request may go elsewhere (`Unsent`);
from then on a lost answer is `Lost`, and its connection is given up. After anything unusual the
next request goes by the general client, which knows more ways to go on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import h11
import msgspec
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

from framework.errors import ExchangeError
from framework.streams import QuickStream
from plugins.kalshi.transport.network import has_ended

WARM: Final = 2
"""Lanes that are opened before the first order."""
MOST: Final = 4
CONNECT_WITHIN_S: Final = 5.0
WRITE_WITHIN_S: Final = 5.0
ANSWER_WITHIN_S: Final = 10.0
MOST_BYTES: Final = 1 << 20
"""Of an answer; the exchange's are some hundred bytes."""
USUAL: Final = frozenset({200, 201, 204, 400, 401, 403, 404, 409, 410, 429, 500, 502, 503, 504})
"""Statuses after which a connection is trusted with the next order."""
_READ_BYTES: Final = 65_536
_TICKETS_WITHIN_S: Final = 0.001
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
_HOST: Final = [("host", "lane")]
"""h11 is only told that a request went out: what it would write is thrown away."""

Render = Callable[[], bytes]
"""Writes a request out, signed at that moment: opening a connection may have taken seconds."""
Open = Callable[[], Awaitable[ByteStream]]
"""Opens a connection to the exchange, TLS included."""


class Answer(msgspec.Struct, frozen=True):
    """What the exchange answered; `date` is its header, empty without one."""

    status: int
    body: bytes
    date: str


class Lost(msgspec.Struct, frozen=True):
    """No answer to a write came; `reason` is the transport's."""

    reason: str


class Unsent(Exception):  # noqa: N818 - past participle: it is what the request is
    """Not a byte of the request went out."""


class Lane:
    """One connection; opened when needed, and again when the exchange has closed it."""

    def __init__(self, open_stream: Open) -> None:
        self._open = open_stream
        self._stream: ByteStream | None = None
        self._wire = h11.Connection(h11.CLIENT)

    async def open(self) -> ByteStream:
        """Return a connection on which nothing is under way.

        Raises:
            Unsent: nobody can be reached.
        """
        stream = self._stream
        if stream is not None and await _is_over(stream):
            await self.close()
            stream = None
        if stream is None:
            try:
                with anyio.fail_after(CONNECT_WITHIN_S):
                    stream = await self._open()
            except (ExchangeError, TimeoutError, anyio.EndOfStream, *_BROKEN) as fault:
                raise Unsent(f"no connection: {type(fault).__name__} {fault}".rstrip()) from None
            self._stream, self._wire = stream, h11.Connection(h11.CLIENT)
        return stream

    def begin(self, render: Render) -> bool:
        """Write a request if it can be done at once, for `answer` to wait; False writes nothing."""
        stream = self._stream
        if not isinstance(stream, QuickStream) or has_ended(stream):
            return False
        try:
            stream.send_nowait(render())
        except (anyio.WouldBlock, *_BROKEN):
            return False
        return True

    async def ask(self, render: Render, method: str) -> Answer | Lost:
        """Send a request and wait for its answer.

        Raises:
            Unsent: nothing was written.
        """
        await self.open()
        return await self.answer(method, render())

    async def answer(self, method: str, unwritten: bytes = b"") -> Answer | Lost:
        """Wait for the answer to what `begin` has written, or to what is written now."""
        stream = self._stream
        if stream is None:
            return Lost("the lane was closed before the answer came")
        answer: Answer | Lost | None = None
        try:
            why = await _written(stream, unwritten) if unwritten else None
            answer = Lost(why) if why else await self._answer(stream, method)
            return answer
        finally:
            # What is not answered to the end, cancelled ones included, spoils its connection.
            if not isinstance(answer, Answer) or self._wire.our_state is not h11.IDLE:
                await self.close()

    async def _answer(self, stream: ByteStream, method: str) -> Answer | Lost:
        wire = self._wire
        wire.send(h11.Request(method=method, target="/", headers=_HOST))
        wire.send(h11.EndOfMessage())
        try:
            with anyio.fail_after(ANSWER_WITHIN_S):
                answer = await _read(stream, wire)
        except TimeoutError:
            return Lost(f"no answer within {ANSWER_WITHIN_S:g} s")
        except h11.RemoteProtocolError as fault:
            return Lost(f"no readable answer: {fault}")
        except _BROKEN as fault:
            return Lost(f"the connection broke: {type(fault).__name__}")
        if (
            isinstance(answer, Answer)
            and wire.our_state is h11.DONE
            and wire.their_state is h11.DONE
            and not wire.trailing_data[0]
        ):
            wire.start_next_cycle()
        return answer

    async def close(self) -> None:
        """Give the connection up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await anyio.aclose_forcefully(stream)


async def _is_over(stream: ByteStream) -> bool:
    """Return whether an idle connection has ended, or says what nobody asked for."""
    if not has_ended(stream):
        return False
    if isinstance(stream, TLSStream):
        # What waits may be TLS's own, such as tickets for a later session: reading takes it in.
        with anyio.move_on_after(_TICKETS_WITHIN_S):
            try:
                await stream.receive(1)
            except (anyio.EndOfStream, *_BROKEN):
                pass
            return True
        return False
    return True


async def _written(stream: ByteStream, request: bytes) -> str | None:
    """Write a request; return why it may have gone out in part only."""
    if isinstance(stream, QuickStream):
        try:
            stream.send_nowait(request)
        except anyio.WouldBlock:
            pass  # the peer does not read: wait for it
        except _BROKEN as fault:
            raise Unsent(f"the connection is gone: {type(fault).__name__}") from None
        else:
            return None
    try:
        with anyio.fail_after(WRITE_WITHIN_S):
            await stream.send(request)
    except TimeoutError:
        return f"not written within {WRITE_WITHIN_S:g} s"
    except _BROKEN as fault:
        return f"the connection broke while writing: {type(fault).__name__}"
    return None


async def _read(stream: ByteStream, wire: h11.Connection) -> Answer | Lost:
    status, date, body = 0, "", bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            try:
                wire.receive_data(await stream.receive(_READ_BYTES))
            except anyio.EndOfStream:
                wire.receive_data(b"")
        elif isinstance(event, h11.Response):
            status = event.status_code
            date = next((v.decode("latin-1") for k, v in event.headers if k == b"date"), "")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                return Lost(f"the answer has more than {MOST_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, bytes(body), date)
        elif isinstance(event, h11.ConnectionClosed):
            return Lost("the exchange closed the connection")


class Lanes:
    """The lanes to one exchange; when all are taken, or in doubt, a request goes elsewhere."""

    def __init__(self, open_stream: Open) -> None:
        self._open = open_stream
        self._free: list[Lane] = []
        self._begun: set[Lane] = set()
        """Lanes with a request under way that nobody waits for yet."""
        self._count = 0
        self.in_doubt = False
        """Something unusual happened: the next request is not sent here."""

    @property
    def is_free(self) -> bool:
        """Whether a lane has nothing under way, and none is in doubt."""
        return bool(self._free) and not self.in_doubt

    async def warm(self) -> None:
        """Open the first lanes, so that the first order need not wait; failures show later."""
        for _ in range(WARM - self._count):
            self._count += 1
            lane = Lane(self._open)
            try:
                await lane.open()
            except Unsent:
                pass
            finally:
                self._free.append(lane)

    def begin(self, render: Render, method: str) -> Callable[[], Awaitable[Answer | Lost]] | None:
        """Send a request before this returns, if a free lane takes it at once.

        Returns:
            What waits for the answer; None when nothing was written.
        """
        if not self.is_free or not self._free[-1].begin(render):
            return None
        lane = self._free.pop()
        self._begun.add(lane)

        async def answer() -> Answer | Lost:
            self._begun.discard(lane)
            return await self._noting(lane, lane.answer(method))

        return answer

    async def ask(self, render: Render, method: str) -> Answer | Lost:
        """Send a request on a free lane.

        Raises:
            Unsent: nothing was written; the request may go another way.
        """
        if self.in_doubt:
            self.in_doubt = False
            raise Unsent("the last answer was unusual")
        if self._free:
            lane = self._free.pop()
        elif self._count < MOST:
            self._count += 1
            lane = Lane(self._open)
        else:
            raise Unsent("every lane waits for an answer")
        return await self._noting(lane, lane.ask(render, method))

    async def _noting(self, lane: Lane, asking: Awaitable[Answer | Lost]) -> Answer | Lost:
        """Wait for an answer; the lane is free then, and in doubt after an unusual one."""
        try:
            answer = await asking
        finally:
            self._free.append(lane)
        self.in_doubt = isinstance(answer, Lost) or answer.status not in USUAL
        return answer

    async def close(self) -> None:
        """Close every lane that is free; the others close when their request ends.

        Also when the run is cancelled: otherwise the first lane would be the last.
        """
        with anyio.CancelScope(shield=True):
            for lanes in (self._free, self._begun):
                while lanes:
                    await lanes.pop().close()


@asynccontextmanager
async def open_lanes(open_stream: Open) -> AsyncIterator[Lanes]:
    """Give lanes, and close them in the end."""
    lanes = Lanes(open_stream)
    try:
        yield lanes
    finally:
        await lanes.close()
