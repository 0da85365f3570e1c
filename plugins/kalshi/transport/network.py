"""HTTP and WebSocket over the run's own byte streams.

httpx and httpx-ws both open their connections through `run.connect`, with TLS above it, so a
test or the sandbox can stand in for the network below everything that matters: time-outs, pings
and half-written frames are real there. All time-outs are the event loop's, so under virtual time
they fire at the exact second; no thread is used.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import anyio
import certifi
import httpcore
import httpx
from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute, TLSStream

from framework.errors import ExchangeError
from framework.streams import QuickStream

_CLOSED: Final[tuple[type[Exception], ...]] = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    OSError,
)
"""A connection that is gone; an `ssl.SSLError` is an `OSError`."""
_RECORD_BYTES: Final = 256
"""Room for what TLS adds to a record, a change of its keys included."""

Connect = Callable[[str, int], Awaitable[ByteStream]]
"""`run.connect`."""
TAKEN_WITHIN_S: Final = 5.0
"""How long the other end may take nothing where the writer names no limit of its own."""


@contextmanager
def _named(
    timeout: type[Exception], broken: type[Exception], *also: type[Exception]
) -> Iterator[None]:
    """Turn a stream's exceptions into the ones httpcore's callers know."""
    try:
        yield
    except TimeoutError as fault:
        raise timeout(str(fault)) from fault
    except (*_CLOSED, *also) as fault:
        raise broken(str(fault) or type(fault).__name__) from fault


class ConnectedStream(httpcore.AsyncNetworkStream):
    """One byte stream as httpcore wants it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Return what has arrived; nothing means the other end closed."""
        try:
            if timeout is None:
                return await self._stream.receive(max_bytes)
            with anyio.fail_after(timeout):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except TimeoutError as fault:
            raise httpcore.ReadTimeout(str(fault)) from fault
        except _CLOSED as fault:
            raise httpcore.ReadError(str(fault) or type(fault).__name__) from fault

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """Send all of it; without a limit, as from httpx-ws, being late is a lost connection."""
        late: type[Exception] = httpcore.WriteTimeout
        if timeout is None:
            timeout, late = TAKEN_WITHIN_S, httpcore.WriteError
        if buffer:
            with _named(late, httpcore.WriteError), anyio.fail_after(timeout):
                await self._stream.send(buffer)

    async def aclose(self) -> None:
        """Close it, whatever state it is in."""
        await anyio.aclose_forcefully(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Return an encrypted stream over this one."""
        errors = _named(httpcore.ConnectTimeout, httpcore.ConnectError, anyio.EndOfStream)
        try:
            with errors, anyio.fail_after(timeout):
                secured = await TLSStream.wrap(
                    self._stream,
                    hostname=server_hostname,
                    ssl_context=ssl_context,
                    standard_compatible=False,  # the exchange's servers close without a notice
                )
        except (httpcore.NetworkError, httpcore.TimeoutException):
            await self.aclose()
            raise
        return ConnectedStream(secured)

    def get_extra_info(self, info: str) -> Any:
        """Answer the two things httpcore asks: the TLS object, and whether the peer is gone."""
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - anyio, not SQL
        if info == "is_readable":
            return has_ended(self._stream)
        return None


class SecureStream(TLSStream, QuickStream):
    """TLS that can also be written and looked at without waiting, as what is below it can."""

    @property
    def is_readable(self) -> bool:
        """Whether something has arrived below: data, the end, or TLS's own."""
        return has_ended(self.transport_stream)  # type: ignore[arg-type]

    def fits(self, count: int) -> bool:
        """Return whether so many bytes could be written without waiting, records included."""
        below = self.transport_stream
        return isinstance(below, QuickStream) and below.fits(count + count // 64 + _RECORD_BYTES)

    def send_nowait(self, item: bytes) -> None:
        """Write without waiting.

        Raises:
            WouldBlock: there is no room for all of it; nothing is sent.
        """
        if not self.fits(len(item)):
            raise anyio.WouldBlock
        try:
            self._ssl_object.write(item)
        except ssl.SSLError as fault:
            raise anyio.BrokenResourceError from fault
        cast("QuickStream", self.transport_stream).send_nowait(self._write_bio.read())


def has_ended(stream: ByteStream) -> bool:
    """Return whether an idle connection has something to read: only its end can that be.

    Without this look a write could go out on a connection the server has already closed, and an
    order's fate would be unknown for no reason. Streams that can't be looked at are trusted.
    """
    if isinstance(stream, TLSStream):
        return has_ended(stream.transport_stream)  # type: ignore[arg-type]
    return isinstance(stream, QuickStream) and stream.is_readable


class RunBackend(httpcore.AsyncNetworkBackend):
    """Opens httpcore's connections through the run."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,  # noqa: ARG002 - httpcore's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Open a byte stream to a host."""
        errors = _named(httpcore.ConnectTimeout, httpcore.ConnectError, ExchangeError)
        with errors, anyio.fail_after(timeout):
            return ConnectedStream(await self._connect(host, port))

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop's time."""
        await anyio.sleep(seconds)


def opener(connect: Connect, url: httpx.URL) -> Callable[[], Awaitable[ByteStream]]:
    """Return a function that opens a connection to a URL's host, with TLS when it asks for it."""
    context = _trusting() if url.scheme == "https" else None
    port = url.port or (443 if context else 80)

    async def open_stream() -> ByteStream:
        stream = await connect(url.host, port)
        if context is None:
            return stream
        try:
            return await SecureStream.wrap(
                stream, hostname=url.host, ssl_context=context, standard_compatible=False
            )
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise

    return open_stream


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class RunTransport(httpx.AsyncBaseTransport):
    """httpx over a connection pool whose connections are the run's."""

    def __init__(self, connect: Connect, *, use_tls: bool) -> None:
        context = _trusting() if use_tls else None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=None,  # httpcore would read a real clock for it
            retries=0,  # a write is sent once
            network_backend=RunBackend(connect),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, the body still to be read."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _as_httpx(request):
            reply = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            status_code=reply.status,
            headers=reply.headers,
            stream=_Body(reply, request),
            extensions=reply.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: httpcore.Response, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._reply.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._reply.aclose()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Raise httpx's exception of the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as fault:
        kind: type[httpx.TransportError] = getattr(
            httpx, type(fault).__name__, httpx.TransportError
        )
        raise kind(str(fault), request=request) from fault
