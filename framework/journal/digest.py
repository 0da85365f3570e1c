"""One number for everything a run decided."""

from hashlib import sha256
from typing import Final

import msgspec

from framework.model.records import Record

_IDS: Final = frozenset({"client_order_id", "order_id", "trade_id"})


class DecisionDigest:
    """A running SHA-256 over the decisions of a run: equal digests, equal decisions.

    It takes the commands and the changed verdicts with the kind and the moment of the event
    that led to them. Ids are left out, because they name the run and not what it decided.
    """

    def __init__(self) -> None:
        self._hash = sha256()
        self._encoder = msgspec.json.Encoder()

    def update(self, record: Record) -> None:
        """Add what one record decided; most decide nothing and cost nothing."""
        if not record.commands and not record.verdicts:
            return
        decision = (
            type(record.event).__name__,
            record.event.at_us,
            _without_ids(msgspec.to_builtins(record.commands)) if record.commands else (),
            record.verdicts,
        )
        self._hash.update(self._encoder.encode(decision))
        self._hash.update(b"\n")

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._hash.hexdigest()


def _without_ids(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_ids(part) for key, part in value.items() if key not in _IDS}
    if isinstance(value, list | tuple):
        return [_without_ids(part) for part in value]
    return value
