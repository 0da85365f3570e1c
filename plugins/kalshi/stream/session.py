"""One WebSocket connection: whole messages, in the batches in which the socket gave them.

httpx-ws hands every message over through a memory stream of its own, one task switch each, and
hides pings. This session reads the same connection itself, with our own frame reader: what one
read of the socket completes is one batch, and any byte, a ping's too, shows that the exchange is
alive. The handshake and everything that is sent stay with httpx-ws and wsproto.

`StockSession` is httpx-ws as it comes, for a version in which our reading is not in force; only
how long a message may be is watched below it, because httpx-ws gathers fragments without end.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, Protocol, TypeAlias, cast

import anyio
import httpcore
import httpx
from httpx_ws import (
    AsyncWebSocketSession,
    HTTPXWSException,
    WebSocketDisconnect,
    WebSocketNetworkError,
    aconnect_ws,
)
from wsproto.events import Pong, TextMessage
from wsproto.utilities import ProtocolError

from plugins.kalshi.stream.frame_reader import TOO_BIG, Closed, FrameReader

SILENCE_S: Final = 25.0
"""The exchange pings every 10 s; when nothing comes for this long the connection is dead."""
READ_BYTES: Final = 256 * 1024
_CLOSE_WITHIN_S: Final = 1.0


class StreamDropped(Exception):  # noqa: N818 - past tense: it is what happened
    """The connection is gone; the text says why."""


class Talk(Protocol):
    """What the stream needs of a connection."""

    async def read(self) -> list[bytes]:
        """Wait for the connection and return the messages that came.

        Raises:
            StreamDropped: it ended, broke its protocol, or stayed silent too long.
        """

    async def say(self, text: str) -> bool:
        """Send a command; False when the connection is gone, which `read` will report."""

    async def watch(self) -> None:
        """End a connection that stays silent too long, which `read` will report; runs beside it."""

    async def hang_up(self) -> None:
        """End the connection, which `read` will report."""


class _Speaking(AsyncWebSocketSession):
    """What is sent goes the same way, whoever reads."""

    async def say(self, text: str) -> bool:
        """Send a command; False when the connection is gone, which `read` will report."""
        try:
            await self.send(TextMessage(data=text))
        except (WebSocketNetworkError, ProtocolError):
            return False
        return True

    async def hang_up(self) -> None:
        """End the connection, which `read` will report."""
        await self.stream.aclose()


class _Patience:
    """Notices a message that goes on and on: pings between its fragments keep up appearances."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._since: float | None = None

    def is_over(self, messages: list[bytes]) -> bool:
        """Take what one read completed; return whether the next message is long overdue."""
        if messages or not self._reader.is_within:
            self._since = None
            return False
        now = anyio.current_time()
        self._since = now if self._since is None else self._since
        return now - self._since > SILENCE_S


class _Measured(httpcore.AsyncNetworkStream):
    """A connection of which no message is read that is longer than any the exchange may send."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._reader = FrameReader()
        self._patience = _Patience(self._reader)
        self.fault: StreamDropped | None = None
        """Why it is read no further."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        data = await self._stream.read(max_bytes, timeout)
        reader = self._reader
        messages = reader.receive(data)
        reader.pings.clear()
        if reader.closed is not None and reader.closed.code == TOO_BIG:
            self.fault = _closed(reader.closed)
        elif self._patience.is_over(messages):
            self.fault = _unfinished()
        if self.fault is not None:
            raise httpcore.ReadError(str(self.fault))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()


class StockSession(_Speaking):
    """A WebSocket as httpx-ws reads it: message by message; its own pings notice silence."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, **options: Any) -> None:
        self._measured = _Measured(stream)
        super().__init__(self._measured, **options)

    async def read(self) -> list[bytes]:
        """Wait for the next message; one that is no text gives none.

        Raises:
            StreamDropped: the connection ended or broke its protocol.
        """
        try:
            event = await self.receive()
        except WebSocketDisconnect as end:
            raise _closed(Closed(end.code, end.reason or "")) from None
        except HTTPXWSException as fault:
            if self._measured.fault is not None:
                raise self._measured.fault from None
            raise StreamDropped(f"the connection broke: {type(fault).__name__}") from None
        return [event.data.encode()] if isinstance(event, TextMessage) else []

    async def watch(self) -> None:
        """Return at once: httpx-ws has its own watch."""


class Session(_Speaking):
    """A WebSocket that is read by the batch."""

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator["Session", None]:
        # No background tasks: whoever calls `read` reads the socket.
        self._reader = FrameReader()
        self._heard_s = anyio.current_time()
        self._is_silent = False
        self._patience = _Patience(self._reader)
        try:
            yield self
        finally:
            gone = suppress(HTTPXWSException, ProtocolError)
            with anyio.move_on_after(_CLOSE_WITHIN_S, shield=True), gone:
                await self.close()

    async def read(self) -> list[bytes]:
        """Wait for the socket and return the messages it completed; a ping alone gives none.

        Raises:
            StreamDropped: the connection ended, broke its protocol, or stayed silent too long.
        """
        if self._reader.closed is not None:
            raise _closed(self._reader.closed)
        try:
            # Without a time-out: one for each read would cost as much again, so `watch` has it.
            data = await self.stream.read(READ_BYTES)
        except httpcore.ReadError as fault:
            raise StreamDropped(self._silence or f"the connection broke: {fault}") from None
        if not data:
            raise StreamDropped(self._silence or "the exchange closed the connection")
        self._heard_s = anyio.current_time()
        reader = self._reader
        messages = reader.receive(data)
        if reader.pings and reader.closed is None:
            await self._answer(reader.pings)
        if reader.closed is not None and not messages:
            raise _closed(reader.closed)
        if self._patience.is_over(messages):
            raise _unfinished()
        return messages  # what came before a close counts; the next read tells the end

    @property
    def _silence(self) -> str:
        return f"nothing arrived for {SILENCE_S:g} s" if self._is_silent else ""

    async def watch(self) -> None:
        """Close the connection when nothing has arrived for 25 seconds, to the second."""
        while (left_s := self._heard_s + SILENCE_S - anyio.current_time()) > 0:  # noqa: ASYNC110 - an event at each read would cost more than the read
            await anyio.sleep(left_s)
        self._is_silent = True
        await self.stream.aclose()

    async def _answer(self, pings: list[bytes]) -> None:
        try:
            for payload in pings:
                await self.send(Pong(payload=payload))
        except (WebSocketNetworkError, ProtocolError):
            raise StreamDropped("a ping could not be answered") from None
        finally:
            pings.clear()


SessionType: TypeAlias = type[StockSession] | type[Session]
"""Which of the two reads."""


def _unfinished() -> StreamDropped:
    return StreamDropped(f"a message was not finished within {SILENCE_S:g} s")


def _closed(how: Closed) -> StreamDropped:
    return StreamDropped(f"closed with {how.code} {how.reason}".rstrip())


@asynccontextmanager
async def open_session(
    client: httpx.AsyncClient,
    url: httpx.URL,
    headers: dict[str, str],
    session_class: SessionType = Session,
) -> AsyncGenerator[StockSession | Session, None]:
    """Connect.

    Raises:
        StreamDropped: no connection, or an answer other than a switch of protocols.
        httpx_ws.WebSocketUpgradeError: with the answer, when the exchange refused.
    """
    connecting = cast(
        "AbstractAsyncContextManager[StockSession | Session]",
        aconnect_ws(str(url), client, session_class=session_class, headers=headers),
    )
    try:
        async with connecting as session:
            yield session
    except httpx.RequestError as fault:
        raise StreamDropped(f"no connection: {type(fault).__name__} {fault}".rstrip()) from None
