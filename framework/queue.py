"""Where a resting order of ours stands in the queue of its price level.

The feed shows sizes, not orders, so the place is an estimate that errs against us: what leaves a
level without a print is taken to have stood behind.
"""

from framework.model.units import E2, Micros
from framework.placing import Incoming


class RestingOrder:
    """One of our orders in the queue of its level."""

    __slots__ = (
        "_joined_us",
        "_shrunk",
        "ahead_e2",
        "limit_e4",
        "lot_e2",
        "order_id",
        "remaining_e2",
        "side",
    )

    def __init__(self, incoming: Incoming, remaining_e2: E2, joined_us: Micros | None) -> None:
        self.order_id = incoming.order_id
        self.side = incoming.side
        self.limit_e4 = incoming.limit_e4
        self.lot_e2 = incoming.lot_e2
        self.remaining_e2 = remaining_e2
        self.ahead_e2: E2 | None = None
        """Displayed contracts ahead, own orders not counted; None until a book tells."""
        self._joined_us = joined_us
        self._shrunk: dict[Micros | None, E2] = {}

    def share_e2(self, offered_e2: E2) -> E2:
        """Return how much of what is offered this order takes."""
        share = min(offered_e2, self.remaining_e2)
        return share - share % self.lot_e2

    def see(self, displayed_e2: E2, exchange_us: Micros | None) -> None:
        """Take notice of the size now displayed at this order's level."""
        if self.ahead_e2 is None:
            self.ahead_e2 = displayed_e2
        elif displayed_e2 < self.ahead_e2:
            gone = self.ahead_e2 - displayed_e2
            self._shrunk[exchange_us] = self._shrunk.get(exchange_us, 0) + gone
            self.ahead_e2 = displayed_e2

    def pass_queue(self, printed_e2: E2, exchange_us: Micros | None) -> E2:
        """Let a print at this level eat the queue ahead and return what reaches this order."""
        left = printed_e2
        keys = list(self._shrunk) if exchange_us is None else [exchange_us, None]
        for key in keys:
            known = min(self._shrunk.get(key, 0), left)
            if known:
                self._shrunk[key] -= known
                left -= known
        ahead = self.ahead_e2 or 0
        self.ahead_e2 = max(0, ahead - left)
        return max(0, left - ahead)

    def predates(self, exchange_us: Micros | None) -> bool:
        """Return whether this order was in the queue before something that happened then."""
        return exchange_us is None or self._joined_us is None or self._joined_us < exchange_us
