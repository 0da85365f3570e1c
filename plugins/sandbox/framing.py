"""What a text message looks like on the wire (RFC 6455, section 5.2): unmasked, one frame."""

from collections.abc import Callable
from typing import Final, TypeAlias

TEXT: Final = 0x81
"""The first byte of a text in one frame: the last of its message, and a text."""

Framing: TypeAlias = Callable[[bytes], bytes]
"""What makes the bytes that are written of a text."""


def framed(text: bytes) -> bytes:
    """Return a text in one frame."""
    return head(TEXT, len(text)) + text


def head(first: int, length: int) -> bytes:
    """Return the head of a frame with this first byte."""
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")
