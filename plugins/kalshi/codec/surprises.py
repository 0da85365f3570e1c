"""What the stream says that this version can't read or does not know.

Unknown fields are looked for in one message of a type in 1,024: often enough to notice a change
of the wire, too seldom to cost anything.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from plugins.kalshi.codec import Drift, Unreadable
from plugins.kalshi.codec.frames import Envelope

LOOK_EVERY: Final = 1_024
_SHOWN: Final = 80
_envelope: Final = msgspec.json.Decoder(Envelope).decode


class Surprises:
    """Counts and names them for one dialect."""

    def __init__(
        self,
        drift: Drift,
        documented: Mapping[str, frozenset[str]],
        structs: Iterable[type[msgspec.Struct]],
    ) -> None:
        """Start without any.

        Args:
            drift: Where they are counted.
            documented: The fields of a message by its type.
            structs: One struct per type, tagged with it.
        """
        self._drift = drift
        self._documented = documented
        kinds = tuple(structs)
        self._kinds = {str(struct.__struct_config__.tag) for struct in kinds}
        self._seen: dict[type[object], int] = dict.fromkeys(kinds, 0)
        """How many of a type have come."""

    def look(self, kind: type[object], message: bytes | str, count: int = 1) -> None:
        """Count messages of a type; look closely at the first of a type, then at one of many.

        Args:
            kind: The struct of that type.
            message: The last of them, which is the one to look at.
            count: How many they are.
        """
        seen = self._seen[kind]
        self._seen[kind] = seen + count
        if -seen % LOOK_EVERY < count:
            self._look_closely(message)

    def _look_closely(self, message: bytes | str) -> None:
        found = _envelope(message)
        known = self._documented.get(found.type or "")
        if known is not None and isinstance(found.msg, dict):
            for name in sorted(found.msg.keys() - known):
                self._drift.count(f"{found.type}: unknown field {name}")

    def unreadable(self, message: bytes | str, fault: Exception) -> Unreadable:
        """Count and name a message that can't be read, and save what can still be told of it."""
        try:
            found = _envelope(message)
        except (msgspec.DecodeError, ValueError):
            start = message[:_SHOWN]
            name = start if isinstance(start, str) else start.decode(errors="replace")
            self._drift.fail("message", name, fault)
            return Unreadable(None, None, "", None)
        kind = found.type or ""
        ticker = found.msg.get("market_ticker") if isinstance(found.msg, dict) else None
        market = ticker if isinstance(ticker, str) else None
        if kind in self._kinds:
            self._drift.fail(kind, market or "without a market", fault)
        else:
            self._drift.count(f"unknown message type {kind}")
        return Unreadable(found.sid, found.seq, kind, market)
