"""Byte streams: what the run's connections can do, and a pair in memory.

HTTP, WebSocket and TLS run above either without knowing which. The pair behaves as a TCP
connection does where it matters: it has room for so many bytes and no more, a read returns
what is there, and closing one end ends the other.
"""

from abc import abstractmethod

import anyio
from anyio import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    EndOfStream,
    WouldBlock,
)
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled


class _Lane:
    """Bytes on their way in one direction.

    Events exist only while somebody waits, so that a write nobody waits for makes no object.
    """

    __slots__ = ("arrived", "ended", "held", "room", "roomy", "unread")

    def __init__(self, room: int) -> None:
        self.room = room
        self.held = bytearray()
        self.ended = False
        """The writer will send no more."""
        self.unread = False
        """The reader is gone."""
        self.arrived: anyio.Event | None = None
        """Set when a waiting reader should look again."""
        self.roomy: anyio.Event | None = None
        """Set when a waiting writer should look again."""

    def wake_reader(self) -> None:
        if self.arrived is not None:
            self.arrived.set()

    def wake_writer(self) -> None:
        if self.roomy is not None:
            self.roomy.set()

    def take(self, max_bytes: int) -> bytes:
        """Remove bytes from the front; a waiting writer goes on when half the room is free.

        Waking it for every byte would hand the two tasks back and forth.
        """
        held = self.held
        if len(held) <= max_bytes:
            taken = bytes(held)
            held.clear()
        else:
            taken = bytes(memoryview(held)[:max_bytes])
            del held[:max_bytes]
        if self.roomy is not None and len(held) * 2 <= self.room:
            self.roomy.set()
        return taken


class QuickStream(ByteStream):
    """A byte stream that can also be written and looked at without waiting."""

    @property
    @abstractmethod
    def is_readable(self) -> bool:
        """Whether a read would return at once: with bytes, or with the end."""

    @abstractmethod
    def fits(self, count: int) -> bool:
        """Return whether so many bytes could be written without waiting."""

    @abstractmethod
    def send_nowait(self, item: bytes) -> None:
        """Write without waiting, for a writer that must not yield to others.

        Raises:
            WouldBlock: there is no room for all of it, or another write waits; nothing is sent.
        """


class _MemoryStream(QuickStream):
    """One end of a pair."""

    def __init__(self, incoming: _Lane, outgoing: _Lane) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1 (was {max_bytes})")
        lane = self._incoming
        if lane.arrived is not None:
            raise BusyResourceError("reading from")
        if lane.held:
            await checkpoint_if_cancelled()
        while not lane.held:
            if self._closed:
                raise ClosedResourceError
            if lane.ended:
                raise EndOfStream
            lane.arrived = anyio.Event()
            try:
                await lane.arrived.wait()
            finally:
                lane.arrived = None
        return lane.take(max_bytes)

    async def send(self, item: bytes) -> None:
        await checkpoint_if_cancelled()
        lane = self._outgoing
        if lane.roomy is not None:
            raise BusyResourceError("writing to")
        if len(item) <= lane.room - len(lane.held):
            self._put(lane, item)
            return
        rest = memoryview(item)
        while rest:
            fits = lane.room - len(lane.held)
            self._put(lane, rest[:fits])
            rest = rest[fits:]
            if rest:
                lane.roomy = anyio.Event()
                try:
                    await lane.roomy.wait()
                finally:
                    lane.roomy = None

    @property
    def is_readable(self) -> bool:
        return bool(self._incoming.held) or self._incoming.ended or self._closed

    def fits(self, count: int) -> bool:
        lane = self._outgoing
        return lane.roomy is None and count <= lane.room - len(lane.held)

    def send_nowait(self, item: bytes) -> None:
        if not self.fits(len(item)):
            raise WouldBlock
        self._put(self._outgoing, item)

    def _put(self, lane: _Lane, item: bytes | memoryview) -> None:
        if self._closed or lane.ended:
            raise ClosedResourceError
        if lane.unread:
            raise BrokenResourceError
        if item:
            lane.held += item
            lane.wake_reader()

    async def send_eof(self) -> None:
        await checkpoint_if_cancelled()
        if self._closed:
            raise ClosedResourceError
        if self._outgoing.roomy is not None:
            raise BusyResourceError("writing to")
        self._outgoing.ended = True
        self._outgoing.wake_reader()

    async def aclose(self) -> None:
        """Close both directions; what was sent can still be read at the other end."""
        self._closed = True
        self._outgoing.ended = True
        self._outgoing.wake_reader()
        self._outgoing.wake_writer()
        self._incoming.unread = True
        self._incoming.held.clear()
        self._incoming.wake_reader()
        self._incoming.wake_writer()
        await checkpoint()


def memory_pipe(buffer_bytes: int = 65536) -> tuple[ByteStream, ByteStream]:
    """Return the two ends of a connection that stays in this process.

    A write returns once its last byte has room, a read as soon as there is a byte. Neither
    yields to other tasks while it need not wait.

    Args:
        buffer_bytes: How much may be under way in each direction.

    Raises:
        ValueError: there is no room for a single byte.
    """
    if buffer_bytes < 1:
        raise ValueError(f"buffer_bytes must be at least 1 (was {buffer_bytes})")
    there, back = _Lane(buffer_bytes), _Lane(buffer_bytes)
    return _MemoryStream(back, there), _MemoryStream(there, back)
