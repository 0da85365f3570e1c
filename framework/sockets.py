"""TCP as a byte stream with few system calls and no task switch that nothing waits for.

anyio's own stream stops and starts the socket's reading around every read and yields to other
tasks at every write. Here the socket is read as long as the bytes have room, and a write goes out
at once, before anything else runs.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from anyio import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    EndOfStream,
    WouldBlock,
)
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from framework.errors import ExchangeError
from framework.streams import QuickStream

MOST_UNREAD: Final = 1 << 20
"""Bytes that may wait to be read before the peer is held back."""


class _Link(asyncio.Protocol):
    """What the event loop tells of one connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.unread = bytearray()
        self.has_ended = False
        """The peer will send no more."""
        self.is_lost = False
        self.is_held_back = False
        self.is_full = False
        """The system takes no more bytes for now."""
        self.reader: asyncio.Future[None] | None = None
        self.writer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if len(self.unread) > MOST_UNREAD and not self.is_held_back:
            self.is_held_back = True
            self.transport.pause_reading()
        _wake(self.reader)

    def eof_received(self) -> bool:
        self.has_ended = True
        _wake(self.reader)
        return True  # what we have to say can still be sent

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self.has_ended = self.is_lost = True
        _wake(self.reader)
        _wake(self.writer)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        _wake(self.writer)


class SocketStream(QuickStream):
    """One TCP connection."""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def is_readable(self) -> bool:
        """Whether a read would return at once: with bytes, or with the end."""
        return bool(self._link.unread) or self._link.has_ended or self._link.transport.is_closing()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what has arrived, or wait for it."""
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1 (was {max_bytes})")
        link = self._link
        if link.reader is not None:
            raise BusyResourceError("reading from")
        if link.unread:
            await checkpoint_if_cancelled()
        while not link.unread:
            if self._closed:
                raise ClosedResourceError
            if link.has_ended:
                raise EndOfStream
            link.reader = self._loop.create_future()
            try:
                await link.reader
            finally:
                link.reader = None
        return self._take(max_bytes)

    def _take(self, max_bytes: int) -> bytes:
        link = self._link
        unread = link.unread
        if len(unread) <= max_bytes:
            taken = bytes(unread)
            unread.clear()
        else:
            taken = bytes(memoryview(unread)[:max_bytes])
            del unread[:max_bytes]
        if link.is_held_back and len(unread) * 2 <= MOST_UNREAD and not link.is_lost:
            link.is_held_back = False
            link.transport.resume_reading()
        return taken

    async def send(self, item: bytes) -> None:
        """Write, and wait while the system takes no more."""
        await checkpoint_if_cancelled()
        link = self._link
        if link.writer is not None:
            raise BusyResourceError("writing to")
        self._check()
        link.transport.write(item)
        while link.is_full and not link.is_lost:
            link.writer = self._loop.create_future()
            try:
                await link.writer
            finally:
                link.writer = None
        if link.is_lost:
            self._check()

    def fits(self, count: int) -> bool:  # noqa: ARG002 - the system's buffer grows with what it holds
        """Return whether the system takes more for now."""
        return not self._link.is_full and self._link.writer is None

    def send_nowait(self, item: bytes) -> None:
        """Write without waiting.

        Raises:
            WouldBlock: the system takes no more for now; nothing is sent.
        """
        self._check()
        if not self.fits(len(item)):
            raise WouldBlock
        self._link.transport.write(item)

    def _check(self) -> None:
        if self._closed:
            raise ClosedResourceError
        if self._link.is_lost or self._link.transport.is_closing():
            raise BrokenResourceError

    async def send_eof(self) -> None:
        """Tell the peer that nothing more comes."""
        await checkpoint_if_cancelled()
        self._check()
        self._link.transport.write_eof()

    async def aclose(self) -> None:
        """Close both directions; what the system has not taken by now is lost."""
        self._closed = True
        link = self._link
        link.transport.close()
        _wake(link.reader)
        _wake(link.writer)
        try:
            await checkpoint()
        finally:
            link.transport.abort()  # a peer that does not read must not keep it open

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """The addresses and the socket, as anyio names them."""
        known: socket.socket = self._link.transport.get_extra_info("socket")
        return {
            SocketAttribute.raw_socket: lambda: known,
            SocketAttribute.family: lambda: known.family,
            SocketAttribute.local_address: known.getsockname,
            SocketAttribute.remote_address: known.getpeername,
        }


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def open_network(host: str, port: int) -> SocketStream:
    """Open a TCP connection.

    Raises:
        ExchangeError: nobody listens there, or the name is unknown.
    """
    loop = asyncio.get_running_loop()
    try:
        _, link = await loop.create_connection(_Link, host, port, happy_eyeballs_delay=0.25)
    except OSError as error:
        raise ExchangeError(f"can't connect to {host}:{port}: {error}") from error
    return SocketStream(link)
