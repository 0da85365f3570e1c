"""What is known of our orders by the exchange's ids.

A message of this dialect names an order by the exchange's id only, and may overtake the reply
that tells it. So names are kept, and what came too early is kept until its name is known.
"""

from typing import Final, NamedTuple, TypeVar

from framework.model.units import E2

_Value = TypeVar("_Value")
KNOWN_KEPT: Final = 10_000
EARLY_KEPT: Final = 1_000
"""Orders of other programs are never named, so the oldest are given up."""


class Known(NamedTuple):
    """An order that was sent here or listed; an empty name is one nobody could tell."""

    client_order_id: str
    quantity_e2: E2


class Said(NamedTuple):
    """The last word of the stream on an order."""

    status: str
    remaining_e2: E2


class OrderNames:
    """The orders of the account by the exchange's ids."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._early: dict[str, Said] = {}

    def learn(self, order_id: str, client_order_id: str | None, quantity_e2: E2) -> None:
        """Keep an order's name, once it has one."""
        earlier = self._known.pop(order_id, None)
        name = client_order_id or (earlier.client_order_id if earlier else "")
        _put(self._known, order_id, Known(name, quantity_e2), KNOWN_KEPT)

    def early(self, order_id: str) -> Said | None:
        """Return, once, what the stream said of an order before its name was known."""
        return self._early.pop(order_id, None)

    def find(self, order_id: str) -> Known | None:
        """Return what is known of an order."""
        return self._known.get(order_id)

    def hold(self, order_id: str, said: Said) -> None:
        """Keep the last word on an order until its name is known."""
        self._early.pop(order_id, None)
        _put(self._early, order_id, said, EARLY_KEPT)


def _put(kept: dict[str, _Value], key: str, value: _Value, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
