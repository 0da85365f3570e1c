"""What networks do to byte streams: wrappers that are late, torn, cut or silent.

Put one around the stream that `open_connection` returns and the code under test meets the
fault where it would meet the network's. They add up: `SplitStream(DelayedStream(stream, 2), 1)`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio import BrokenResourceError, ClosedResourceError
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint


class FaultyStream(ByteStream):
    """A stream that passes everything on; the base of the faults."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what arrived."""
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        """Pass bytes on."""
        await self._stream.send(item)

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What the wrapped stream says of itself."""
        return self._stream.extra_attributes


class DelayedStream(FaultyStream):
    """Each read comes `seconds` late; one given up meanwhile loses nothing."""

    def __init__(self, stream: ByteStream, seconds: float) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._late = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what arrived `seconds` ago."""
        if not self._late:
            self._late = await self._stream.receive(max_bytes)
        await anyio.sleep(self._seconds)
        came, self._late = self._late[:max_bytes], self._late[max_bytes:]
        return came


class SplitStream(FaultyStream):
    """No read returns more than `max_bytes`, so frames and headers arrive in pieces."""

    def __init__(self, stream: ByteStream, max_bytes: int) -> None:
        super().__init__(stream)
        self._max_bytes = max_bytes

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return a piece."""
        return await self._stream.receive(min(max_bytes, self._max_bytes))


class CutStream(FaultyStream):
    """The connection breaks after so many bytes, in the middle of whatever they are.

    Args:
        stream: The stream to cut.
        received: How many bytes still arrive; None never cuts.
        sent: How many bytes still leave; None never cuts.
    """

    def __init__(
        self, stream: ByteStream, *, received: int | None = None, sent: int | None = None
    ) -> None:
        super().__init__(stream)
        self._received = received
        self._sent = sent

    async def _cut(self) -> None:
        await self._stream.aclose()
        raise BrokenResourceError

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what arrived before the cut.

        Raises:
            BrokenResourceError: the cut is reached.
        """
        if self._received is None:
            return await self._stream.receive(max_bytes)
        if self._received == 0:
            await self._cut()
        came = await self._stream.receive(min(max_bytes, self._received))
        self._received -= len(came)
        return came

    async def send(self, item: bytes) -> None:
        """Pass on the bytes before the cut.

        Raises:
            BrokenResourceError: the cut is reached.
        """
        if self._sent is None:
            await self._stream.send(item)
            return
        passed = item[: self._sent]
        self._sent -= len(passed)
        if passed:
            await self._stream.send(passed)
        if len(passed) < len(item):
            await self._cut()


class SilentStream(FaultyStream):
    """The other side freezes after so many bytes: reads wait for ever, writes vanish.

    Args:
        stream: The stream to freeze.
        received: How many bytes still arrive before the silence.
    """

    def __init__(self, stream: ByteStream, received: int = 0) -> None:
        super().__init__(stream)
        self._received = received
        self._closed = anyio.Event()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what arrived before the silence, then wait.

        Raises:
            ClosedResourceError: this end was closed.
        """
        if self._received > 0:
            came = await self._stream.receive(min(max_bytes, self._received))
            self._received -= len(came)
            return came
        await self._closed.wait()
        raise ClosedResourceError

    async def send(self, item: bytes) -> None:
        """Pass bytes on, or lose them once silent.

        Raises:
            ClosedResourceError: this end was closed.
        """
        if self._received > 0:
            await self._stream.send(item)
            return
        await checkpoint()
        if self._closed.is_set():
            raise ClosedResourceError

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; lost once silent."""
        if self._received > 0:
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream and wake its reader."""
        self._closed.set()
        await self._stream.aclose()
