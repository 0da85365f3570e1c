"""What the stream says that this version can't read or does not know.

Unknown fields are looked for in one message of a type in 1,024: often enough to notice a change
of the wire, too seldom to cost anything.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from plugins.kalshi.codec import Drift, Unreadable
from plugins.kalshi.codec.frames import Envelope

_LOOK_EVERY: Final = 1_024
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
        self._kinds = {str(struct.__struct_config__.tag) for struct in structs}
        self._seen: Counter[type[object]] = Counter()

    def look(self, wire: object, text: str) -> None:
        """Count unknown fields, in the first message of a type and then in one of many."""
        seen = self._seen
        kind = type(wire)
        seen[kind] += 1
        if seen[kind] % _LOOK_EVERY != 1:
            return
        found = _envelope(text)
        known = self._documented.get(found.type or "")
        if known is not None and isinstance(found.msg, dict):
            for name in sorted(found.msg.keys() - known):
                self._drift.count(f"{found.type}: unknown field {name}")

    def unreadable(self, text: str, fault: Exception) -> Unreadable:
        """Count and name a message that can't be read, and save what can still be told of it."""
        try:
            found = _envelope(text)
        except (msgspec.DecodeError, ValueError):
            self._drift.fail("message", text[:_SHOWN], fault)
            return Unreadable(None, None, "", None)
        kind = found.type or ""
        ticker = found.msg.get("market_ticker") if isinstance(found.msg, dict) else None
        name = ticker if isinstance(ticker, str) else None
        if kind in self._kinds:
            self._drift.fail(kind, name or "without a market", fault)
        else:
            self._drift.count(f"unknown message type {kind}")
        return Unreadable(found.sid, found.seq, kind, name)
