"""WebSocket frames (RFC 6455, client side): bytes in any pieces in, whole text messages out.

Nearly every frame of the exchange is one whole short text: that case is a few comparisons and a
slice, many times cheaper than an event object per frame. Everything else (fragments, control
frames between them, long lengths) takes the longer way, and whatever breaks the protocol ends the
connection with the code that the standard gives it. No extension is ever negotiated.
"""

from codecs import getincrementaldecoder
from collections.abc import Callable
from struct import Struct
from typing import Final

import msgspec

MOST_BYTES: Final = 64 * 1024 * 1024
"""The longest message the exchange may send (WebSocket limits page)."""

_WHOLE_TEXT: Final = 0x8100
"""A text in one piece, with a length below 126 added; with 126 the length is in what follows."""
_WHOLE_TEXT_126: Final = 0x817E
_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_FIRST_CONTROL: Final = 0x8
_LONGEST_SHORT: Final = 125
_LENGTH_BYTES: Final = {126: 2, 127: 8}
_LEAST_LONG: Final = {126: 126, 127: 1 << 16}
_MASKED: Final = 128

TOO_BIG: Final = 1009
_PROTOCOL_ERROR, _INVALID_TEXT, _NO_CODE = 1002, 1007, 1005
_MADE_UP_LOCALLY: Final = frozenset({1004, 1005, 1006})
"""Codes that never travel (RFC 6455, section 7.4.1)."""
_LAST_STANDARD, _FIRST_FREE, _LAST_FREE = 1013, 3000, 4999

_two_numbers: Final = Struct("!HH").unpack_from
_utf8: Final = getincrementaldecoder("utf-8")


class Closed(msgspec.Struct, frozen=True):
    """How the connection ended: the exchange's own close frame, or what it broke."""

    code: int
    reason: str


class _Violation(Exception):  # noqa: N818 - past tense: it is what happened
    def __init__(self, reason: str, code: int = _PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.closed = Closed(code, reason)


class FrameReader:
    """Takes what was read from a connection and gives the messages it completed.

    Attributes:
        closed: Set once the connection is over; nothing is read after that.
        pings: What must be answered, oldest first; whoever answers clears it.
    """

    __slots__ = (
        "_check",
        "_held",
        "_is_text",
        "_message",
        "_most",
        "_need",
        "_waiting",
        "closed",
        "pings",
    )

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.closed: Closed | None = None
        self.pings: list[bytes] = []
        self._most = most_bytes
        self._waiting: list[bytes] = []
        """The beginning of a frame, as it came; joined once there is enough of it."""
        self._held = 0
        self._need = 0
        self._message: bytearray | None = None
        """The fragments of a message so far."""
        self._is_text = False
        self._check: Callable[[bytes, bool], str] = _utf8().decode

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and is not whole yet."""
        return self._held > 0 or self._message is not None

    def receive(self, data: bytes) -> list[bytes]:
        """Return the text messages that these bytes complete; UTF-8, checked.

        Messages before a violation or a close still count; see `closed` after each call.
        """
        messages: list[bytes] = []
        if self.closed is not None:
            return messages
        if self._held:
            self._waiting.append(data)
            self._held += len(data)
            if self._held < self._need:
                return messages
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._held = 0
        try:
            self._read(data, messages)
        except _Violation as fault:
            self.closed = fault.closed
        return messages

    def _read(self, data: bytes, messages: list[bytes]) -> None:
        at, end, need = 0, len(data), 2
        while at < end and self.closed is None:
            if self._message is None:
                at = _whole_texts(data, at, self._most, messages)
            at, need = self._frame(data, at, messages)
            if need:
                break
        if at < end:
            self._waiting.append(data[at:])
            self._held, self._need = end - at, need

    def _frame(self, data: bytes, at: int, messages: list[bytes]) -> tuple[int, int]:
        """Read one frame of any kind; return where it ends and 0, or how many bytes it needs."""
        available = len(data) - at
        if available < 2:
            return at, 2
        first, length = data[at], data[at + 1]
        self._allow(first, length)
        start = at + 2
        if length > _LONGEST_SHORT:
            start += _LENGTH_BYTES[length]
            if start > len(data):
                return at, start - at
            short, length = length, int.from_bytes(data[at + 2 : start])
            self._allow_length(short, length)
        stop = start + length
        if stop > len(data):
            return at, stop - at
        payload, opcode = data[start:stop], first & 0x0F
        if opcode == _PING:
            self.pings.append(payload)
        elif opcode == _CLOSE:
            self.closed = _close(payload)
        elif opcode != _PONG:
            self._gather(opcode, payload, messages, is_last=bool(first & _FINAL))
        return stop, 0

    def _allow(self, first: int, length: int) -> None:
        """Judge the first two bytes of a frame, before its payload is waited for."""
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise _Violation(f"unknown opcode {opcode:#x}")
        if first & _RESERVED:
            raise _Violation("a reserved bit is set")
        if opcode >= _FIRST_CONTROL:
            if not first & _FINAL:
                raise _Violation("a control frame in fragments")
            if length & 0x7F > _LONGEST_SHORT:
                raise _Violation("a control frame of more than 125 bytes")
        elif opcode == _CONTINUATION:
            if self._message is None:
                raise _Violation("a continuation of nothing")
        elif self._message is not None:
            raise _Violation("a new message inside another")
        if length >= _MASKED:
            raise _Violation("a masked frame from the exchange")

    def _allow_length(self, short: int, length: int) -> None:
        if length < _LEAST_LONG[short]:
            raise _Violation("a length in more bytes than it needs")
        if length >> 63:
            raise _Violation("a length of more than 63 bits")
        if length + len(self._message or b"") > self._most:
            raise _Violation("a message is longer than any the exchange may send", TOO_BIG)

    def _gather(self, opcode: int, payload: bytes, messages: list[bytes], *, is_last: bool) -> None:
        if self._message is None:
            self._message = bytearray()
            self._is_text = opcode == _TEXT
            self._check = _utf8().decode
        if len(self._message) + len(payload) > self._most:
            raise _Violation("a message is longer than any the exchange may send", TOO_BIG)
        if self._is_text:
            try:
                self._check(payload, is_last)
            except UnicodeDecodeError as fault:
                raise _not_text(fault) from None
        self._message += payload
        if is_last:
            if self._is_text:  # the exchange speaks text only
                messages.append(bytes(self._message))
            self._message = None


def _whole_texts(data: bytes, at: int, most: int, messages: list[bytes]) -> int:
    """Read whole texts with short lengths, as long as they last; return where the rest begins."""
    end = len(data)
    last = end - 4  # the longest header of these
    while at <= last:
        head, length = _two_numbers(data, at)  # one call costs less than four bytes picked out
        if head == _WHOLE_TEXT_126:
            if not _LONGEST_SHORT < length <= most:
                return at
            start = at + 4
        elif _WHOLE_TEXT <= head < _WHOLE_TEXT_126:
            length = head - _WHOLE_TEXT
            start = at + 2
        else:
            return at
        stop = start + length
        if stop > end:
            return at
        payload = data[start:stop]
        if not payload.isascii():
            _check_text(payload)
        messages.append(payload)
        at = stop
    return at


def _check_text(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError as fault:
        raise _not_text(fault) from None


def _not_text(fault: UnicodeDecodeError) -> _Violation:
    return _Violation(f"a text that is not UTF-8: {fault.reason}", _INVALID_TEXT)


def _close(payload: bytes) -> Closed:
    if not payload:
        return Closed(_NO_CODE, "")
    if len(payload) == 1:
        raise _Violation("a close with half a code")
    code = int.from_bytes(payload[:2])
    is_standard = 1000 <= code <= _LAST_STANDARD and code not in _MADE_UP_LOCALLY
    if not is_standard and not _FIRST_FREE <= code <= _LAST_FREE:
        raise _Violation(f"a close with code {code}, which may not be sent")
    try:
        return Closed(code, payload[2:].decode())
    except UnicodeDecodeError as fault:
        raise _not_text(fault) from None
