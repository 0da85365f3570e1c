"""Whether our own reading of the WebSocket is in force with the installed httpx-ws.

`Session` stands on parts of httpx-ws that it does not promise. So before a run relies on them, a
short conversation is held with a scripted peer: the messages must be read by us and by nobody
else, the ping answered, commands sent and the close told. Anything else means the stock session.
"""

from collections.abc import Iterable
from typing import Final

import httpcore
import httpx
import structlog
from anyio.lowlevel import checkpoint
from httpx_ws import HTTPXWSException

from plugins.kalshi.stream.session import (
    Session,
    SessionType,
    StockSession,
    StreamDropped,
    open_session,
)

log = structlog.get_logger()

_URL: Final = httpx.URL("ws://check.invalid/")
_READS: Final = (
    b"\x81\x02{}\x89\x01?\x01\x02[1",  # a text, a ping, and the first half of another text
    b"\x80\x03,2]\x88\x02\x03\xe8",  # its second half, and a close with 1000
)
_MESSAGES: Final = ([b"{}"], [b"[1,2]"])
_KINDS_SENT: Final = [0x81, 0x8A, 0x88]
"""A text, a pong, a close."""


class _Peer(httpcore.AsyncNetworkStream):
    """Says what it was given, a piece per read, and keeps what it is told."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.reads = 0
        self.kinds: list[int] = []
        self.is_closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore's signature
        self.reads += 1
        return next(self._pieces, b"")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - httpcore's signature
        self.kinds.append(buffer[0])

    async def aclose(self) -> None:
        self.is_closed = True


class _Switch(httpx.AsyncBaseTransport):
    """Answers every request with a switch to a WebSocket."""

    def __init__(self, peer: _Peer) -> None:
        self._peer = peer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(101, request=request, extensions={"network_stream": self._peer})


async def reading_session() -> SessionType:
    """Return our session when it reads as it should, else the stock one, with a notice."""
    try:
        why = await _held(_Peer(_READS))
    except (AttributeError, TypeError, ValueError, StreamDropped, HTTPXWSException) as fault:
        why = f"{type(fault).__name__}: {fault}"
    if why is None:
        return Session
    log.warning("the stream is read by httpx-ws itself, which is slower", reason=why)
    return StockSession


async def _held(peer: _Peer) -> str | None:
    """Hold the conversation; return what was not as it should be."""
    async with (
        httpx.AsyncClient(transport=_Switch(peer), trust_env=False) as client,
        open_session(client, _URL, {}) as session,
    ):
        if type(session) is not Session:
            return "another session was opened"
        await checkpoint()
        if peer.reads > 0:
            return "somebody else reads the connection"
        if not await session.say("{}"):
            return "a command was not sent"
        for expected in _MESSAGES:
            if await session.read() != expected:
                return "messages were read wrongly"
        try:
            await session.read()
        except StreamDropped:
            pass
        else:
            return "the close was not told"
    if peer.reads != len(_READS) or peer.kinds != _KINDS_SENT or not peer.is_closed:
        return "the conversation went otherwise"
    return None
