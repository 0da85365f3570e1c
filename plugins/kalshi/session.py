"""One WebSocket connection: whole messages, in the batches in which the socket gave them.

httpx-ws hands every message over through a memory stream of its own, one task switch each, and
hides pings. This session reads the same connection itself: what one read of the socket completes
is one batch, and any byte, a ping's too, shows that the exchange is alive.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final, cast

import anyio
import httpcore
import httpx
from httpx_ws import (
    AsyncWebSocketSession,
    HTTPXWSException,
    WebSocketNetworkError,
    aconnect_ws,
)
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import ProtocolError

SILENCE_S: Final = 25.0
"""The exchange pings every 10 s; when nothing comes for this long the connection is dead."""
READ_BYTES: Final = 256 * 1024
MOST_MESSAGE_CHARS: Final = 64 * 1024 * 1024
"""The longest message the exchange may send (WebSocket limits page)."""
_CLOSE_WITHIN_S: Final = 1.0


class StreamDropped(Exception):  # noqa: N818 - past tense: it is what happened
    """The connection is gone; the text says why."""


class Session(AsyncWebSocketSession):
    """A WebSocket that is read by the batch."""

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator["Session", None]:
        # No background tasks: whoever calls `read` reads the socket.
        self._parts: list[str] = []
        self._length = 0
        self._end: StreamDropped | None = None
        try:
            yield self
        finally:
            gone = suppress(HTTPXWSException, ProtocolError, httpcore.WriteTimeout)
            with anyio.move_on_after(_CLOSE_WITHIN_S, shield=True), gone:
                await self.close()

    async def read(self) -> list[str]:
        """Wait for the socket and return the messages it completed; a ping alone gives none.

        Raises:
            StreamDropped: the connection ended, broke its protocol, or stayed silent too long.
        """
        if self._end is not None:
            raise self._end
        try:
            data = await self.stream.read(READ_BYTES, SILENCE_S)
        except httpcore.ReadTimeout:
            raise StreamDropped(f"nothing arrived for {SILENCE_S:g} s") from None
        except httpcore.ReadError as fault:
            raise StreamDropped(f"the connection broke: {fault}") from None
        if not data:
            raise StreamDropped("the exchange closed the connection")
        try:
            self.connection.receive_data(data)
            return await self._messages()
        except ProtocolError as fault:
            raise StreamDropped(f"the exchange broke the protocol: {fault}") from None
        except (WebSocketNetworkError, httpcore.WriteTimeout):
            raise StreamDropped("a ping could not be answered") from None

    async def _messages(self) -> list[str]:
        whole = []
        for event in self.connection.events():
            if isinstance(event, TextMessage):
                self._parts.append(event.data)
                self._length += len(event.data)
                if self._length > MOST_MESSAGE_CHARS:
                    raise StreamDropped("a message is longer than any the exchange may send")
                if event.message_finished:
                    whole.append("".join(self._parts) if len(self._parts) > 1 else event.data)
                    self._parts, self._length = [], 0
            elif isinstance(event, Ping):
                await self.send(event.response())
            elif isinstance(event, CloseConnection):
                self._end = StreamDropped(f"closed with {event.code} {event.reason or ''}".rstrip())
                if not whole:
                    raise self._end
                break  # what came before counts; the next read tells the end
            elif isinstance(event, BytesMessage):
                continue  # the exchange speaks text only
        return whole

    async def say(self, text: str) -> bool:
        """Send a command; False when the connection is gone, which `read` will report."""
        try:
            await self.send(TextMessage(data=text))
        except (WebSocketNetworkError, ProtocolError, httpcore.WriteTimeout):
            return False
        return True


@asynccontextmanager
async def open_session(
    client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str]
) -> AsyncGenerator[Session, None]:
    """Connect.

    Raises:
        StreamDropped: no connection, or an answer other than a switch of protocols.
        httpx_ws.WebSocketUpgradeError: with the answer, when the exchange refused.
    """
    connecting = cast(
        "AbstractAsyncContextManager[Session]",
        aconnect_ws(str(url), client, session_class=Session, headers=headers),
    )
    try:
        async with connecting as session:
            yield session
    except httpx.RequestError as fault:
        raise StreamDropped(f"no connection: {type(fault).__name__} {fault}".rstrip()) from None
