"""Doing wrong on purpose: refusals, lost answers, broken bodies, and an unruly stream.

Every decision is drawn from one seeded generator, and only where a rate is set.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random  # noqa: TID251 - a run's own generator is handed in
from typing import Final, Protocol

import msgspec
from msgspec import Raw

from plugins.sandbox.channels import BUFFER_OVERFLOW, CHANNEL_ERROR, Outbox
from plugins.sandbox.faults import Faults, FrameKind, Rates, RequestKind
from plugins.sandbox.framing import TEXT, framed, head
from plugins.sandbox.request import Reply
from plugins.sandbox.wire import Fault, encode, refused, throttled

_SERVER_ERRORS: Final = (
    (500, "internal_server_error"),
    (502, "bad_gateway"),
    (503, "service_unavailable"),
    (504, "gateway_timeout"),
)
_PAGE: Final = b"<html><body><h1>We'll be right back</h1></body></html>"
_ELSEWHERE: Final = "https://elsewhere.invalid/login"
_FIRST_OF_SEVERAL, _NEXT_OF_SEVERAL, _WITH_A_BIT = 0x01, 0x00, 0xC1
_TOO_LONG: Final = 64 * 1024 * 1024 + 1
"""One byte more than the exchange's longest message."""
_ODDS: Final = 1_000_000
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


class _Dice:
    """Says whether something happens that has a rate."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def falls(self, rate: Decimal) -> bool:
        """Return whether it happens this time; a rate of 0 draws nothing."""
        return rate > 0 and self.rng.randrange(_ODDS) < rate * _ODDS


class Mischief:
    """What goes wrong with requests."""

    def __init__(self, faults: Faults, rng: Random) -> None:
        """Start with the rates and the generator that decides."""
        self._faults = faults
        self._dice = _Dice(rng)

    def answer(self, kind: RequestKind, do: Callable[[], Reply]) -> Reply:
        """Answer a request rightly or wrongly.

        Raises:
            Problem: 429 or 5xx; the second also after the request was done.
        """
        faults = self._faults
        if self._falls(faults.throttled, kind):
            raise throttled()
        if self._falls(faults.failed_before, kind):
            raise self._server_error()
        if self._falls(faults.redirected, kind):
            return Reply(302, b"", _ELSEWHERE)
        reply = do()
        if self._falls(faults.failed_after, kind):
            raise self._server_error()
        if self._falls(faults.not_json, kind):
            return Reply(200, _PAGE)
        if self._falls(faults.errors_in_200, kind):
            trouble = Fault("internal_error", "something went wrong")
            return Reply(200, encode({"error": trouble}))
        if self._falls(faults.missing_fields, kind):
            reply = self._broken(reply, rename=False)
        if self._falls(faults.renamed_fields, kind):
            reply = self._broken(reply, rename=True)
        return reply

    def _falls(self, rates: Rates, kind: RequestKind) -> bool:
        return self._dice.falls(rates.get(kind, Decimal(0)))

    def _server_error(self) -> Exception:
        status, code = self._dice.rng.choice(_SERVER_ERRORS)
        return refused(status, code)

    def _broken(self, reply: Reply, *, rename: bool) -> Reply:
        """Take one field of one record of a reply away, or give it a name nobody knows."""
        if not reply.body:
            return reply
        content = _decoder.decode(reply.body)
        records = [record for record in _records(content) if record]
        if not records:
            return reply
        record = self._dice.rng.choice(records)
        name = self._dice.rng.choice(sorted(record))
        value = record.pop(name)
        if rename:
            record[f"{name}_renamed"] = value
        return Reply(reply.status, encode(content))


def _records(content: object) -> list[dict[str, object]]:
    """Return every object in a body, the outer ones first."""
    if isinstance(content, list):
        return [record for part in content for record in _records(part)]
    if isinstance(content, dict):
        return [content, *(record for part in content.values() for record in _records(part))]
    return []


class Framed(Protocol):
    """A subscription of any dialect, as far as its messages go."""

    outbox: Outbox

    def frame(self, kind: str, body: Raw) -> bytes:
        """Return a channel message."""


class UnrulyStream:
    """What goes wrong between a subscription and its client."""

    def __init__(self, faults: Faults, rng: Random) -> None:
        """Start with the rates and the generator that decides."""
        self._faults = faults
        self._dice = _Dice(rng)
        self._held: dict[Framed, bytes] = {}

    def send(self, subscription: Framed, kind: str, body: Raw) -> int | None:
        """Send a message, or not, or wrongly; return the error that ends the subscription."""
        faults, falls = self._faults, self._dice.falls
        if falls(faults.channel_errors):
            return CHANNEL_ERROR
        if falls(faults.overflows):
            return BUFFER_OVERFLOW
        frame = subscription.frame(kind, body)
        if falls(faults.gaps):
            return None
        held = self._held.pop(subscription, None)
        if held is None and falls(faults.swaps):
            self._held[subscription] = frame
            return None
        subscription.outbox.push(frame)
        if falls(faults.duplicates):
            subscription.outbox.push(frame)
        if held is not None:
            subscription.outbox.push(held)
        return None


class BrokenFrames:
    """What goes wrong with the frames of one connection."""

    def __init__(self, faults: Faults, rng: Random) -> None:
        """Start with the rates and the generator that decides."""
        self._rates = faults.broken_frames
        self._dice = _Dice(rng)
        self._is_endless = False

    def framed(self, text: bytes) -> bytes:
        """Return the bytes that are written in place of a text."""
        if self._is_endless:
            return head(_NEXT_OF_SEVERAL, len(text)) + text
        kinds = (kind for kind, rate in self._rates.items() if self._dice.falls(rate))
        kind = next(kinds, None)
        return framed(text) if kind is None else self._broken(kind, text)

    def _broken(self, kind: FrameKind, text: bytes) -> bytes:
        match kind:
            case "not_json":
                return framed(text[: len(text) // 2])
            case "not_text":
                return framed(b"\xff\xfe" + text)
            case "reserved_bit":
                return head(_WITH_A_BIT, len(text)) + text
            case "oversized":
                return head(TEXT, _TOO_LONG) + text
            case "endless":
                self._is_endless = True
                return head(_FIRST_OF_SEVERAL, len(text)) + text
