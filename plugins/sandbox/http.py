"""HTTP/1.1 over a byte stream: framing in, framing out.

h11 keeps the protocol; this module moves bytes, answers requests one after the other (also when
they are pipelined) and hands a WebSocket handshake on. What it cannot read is a 400 and the end
of the connection.
"""

from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Final, Generic, TypeAlias, TypeVar

import anyio
import h11
from anyio.abc import ByteStream

from framework.model.units import Micros
from plugins.sandbox.request import Reply, Request, request_of
from plugins.sandbox.wire import Problem, refused

MAX_BODY: Final = 1_048_576
"""Bytes; far above any order, and a bound for what one request may hold in memory."""
_MAX_HEAD: Final = 65_536
_READ: Final = 65_536
_NO_CONTENT: Final = 204
"""Has no body, and by RFC 9110 no length of one."""

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
_Spoken = TypeVar("_Spoken")


class HttpConnection(Generic[_Spoken]):
    """One connection, until it closes or changes its protocol.

    Args:
        stream: The bytes.
        answer: Gives a reply to a request.
        upgrade: Accepts a request for a WebSocket, or raises the Problem to answer instead.
        now_us: The time for the `Date` header.
        delay_s: How late each answer leaves.
    """

    def __init__(
        self,
        stream: ByteStream,
        answer: Callable[[Request], Reply],
        upgrade: Callable[[Request, Headers], _Spoken],
        now_us: Callable[[], Micros],
        delay_s: float = 0.0,
    ) -> None:
        self._delay_s = delay_s
        self._stream = stream
        self._answer = answer
        self._upgrade = upgrade
        self._now_us = now_us
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)

    async def run(self) -> tuple[_Spoken, bytes] | None:
        """Answer requests until the client goes.

        Returns:
            What `upgrade` made of the request that ended HTTP, with the bytes that came after
            it; None when the connection simply ended.

        Raises:
            EndOfStream, BrokenResourceError, ClosedResourceError: the client is gone.
        """
        try:
            while True:
                spoken = await self._converse()
                if spoken is not None:
                    return spoken, self._h11.trailing_data[0]
                if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                    return None
                self._h11.start_next_cycle()
        except h11.RemoteProtocolError as error:
            hint = error.error_status_hint
            await self._give_up(hint if hint < 500 else 400)  # 501: an unknown transfer coding
            return None

    async def _converse(self) -> _Spoken | None:
        """Take one request and answer it, unless it is accepted as an upgrade."""
        head = await self._next()
        if not isinstance(head, h11.Request):
            return None
        body = await self._body()
        if body is None:
            await self._send(head, _reply(refused(413, "payload_too_large")), close=True)
            return None
        try:
            request = _request(head, body)
            if _wants_websocket(request):
                return self._upgrade(request, head.headers.raw_items())
        except Problem as problem:
            await self._send(head, _reply(problem))
        else:
            answer = self._answer(request)
            if self._delay_s:
                await anyio.sleep(self._delay_s)
            await self._send(head, answer)
        return None

    async def _next(self) -> h11.Event:
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                if self._h11.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    await self._stream.send(self._bytes(go_on))
                self._h11.receive_data(await self._stream.receive(_READ))
            elif isinstance(event, h11.Event):
                return event
            else:
                return h11.ConnectionClosed()

    async def _body(self) -> bytes | None:
        """Read the request's body; None when it is larger than anything asked for."""
        body = bytearray()
        while True:
            event = await self._next()
            if not isinstance(event, h11.Data):
                return bytes(body)
            body += event.data
            if len(body) > MAX_BODY:
                return None

    async def _send(self, head: h11.Request, reply: Reply, *, close: bool = False) -> None:
        await self._respond(reply, close=close, with_body=head.method != b"HEAD")

    async def _give_up(self, status: int) -> None:
        """Refuse what cannot be read; nothing after it could be understood."""
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._respond(_reply(refused(status, "bad_request")), close=True)

    async def _respond(self, reply: Reply, *, close: bool, with_body: bool = True) -> None:
        headers = [(b"date", http_date(self._now_us()))]
        if reply.status != _NO_CONTENT:
            headers += [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(reply.body)).encode()),
            ]
        if reply.location:
            headers.append((b"location", reply.location.encode()))
        if close:
            headers.append((b"connection", b"close"))
        response = self._bytes(h11.Response(status_code=reply.status, headers=headers))
        if with_body and reply.status != _NO_CONTENT:
            response += self._bytes(h11.Data(data=reply.body))
        await self._stream.send(response + self._bytes(h11.EndOfMessage()))

    def _bytes(self, event: h11.Event) -> bytes:
        return self._h11.send(event) or b""


def http_date(now_us: Micros) -> bytes:
    """Return a moment as the `Date` header writes it."""
    return formatdate(now_us // 1_000_000, usegmt=True).encode()


def _reply(problem: Problem) -> Reply:
    return Reply(problem.status, problem.body)


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return request_of(head.method.decode(), head.target.decode("latin-1"), headers, body)


def _wants_websocket(request: Request) -> bool:
    return request.method == "GET" and request.headers.get("upgrade", "").lower() == "websocket"
