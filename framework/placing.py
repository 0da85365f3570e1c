"""What goes into one market's matching and what comes out of it.

Values only: the rules are in `framework.matching`.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from framework.model.orders import TimeInForce
from framework.model.units import E2, E4, Side


class SelfTrade(StrEnum):
    """Which order yields when we would trade with ourselves."""

    TAKER_AT_CROSS = "taker_at_cross"
    MAKER = "maker"


class CancelReason(StrEnum):
    """Why matching took a remainder out."""

    UNFILLED = "unfilled"
    """What an immediate order could not get."""
    POST_ONLY_CROSS = "post_only_cross"
    REDUCE_ONLY = "reduce_only"
    """More was asked for than the position holds."""
    SELF_TRADE = "self_trade"


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it reaches the book: it buys `side` at `limit` or better.

    Raises:
        ValueError: it is empty, or asks for two things that exclude each other.
    """

    order_id: str
    side: Side
    limit_e4: E4
    quantity_e2: E2
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    post_only: bool = False
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.TAKER_AT_CROSS
    lot_e2: E2 = 1
    """It trades in multiples of this; what is left of a level or a print is not for it."""

    def __post_init__(self) -> None:
        rests = self.time_in_force is TimeInForce.GOOD_TILL_CANCELLED
        if self.quantity_e2 <= 0:
            raise ValueError(f"quantity must be positive (was {self.quantity_e2})")
        if self.lot_e2 < 1 or self.quantity_e2 % self.lot_e2:
            raise ValueError(f"quantity must be in lots of {self.lot_e2} (was {self.quantity_e2})")
        if self.post_only and not rests:
            raise ValueError("a post-only order must be allowed to rest")
        if self.reduce_only and self.time_in_force is not TimeInForce.IMMEDIATE_OR_CANCEL:
            raise ValueError("a reduce-only order must be immediate-or-cancel")


class Execution(NamedTuple):
    """Contracts of `side` that one of our orders bought; the price is that side's."""

    order_id: str
    side: Side
    price_e4: E4
    quantity_e2: E2
    is_taker: bool


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an incoming order at once: filled + resting + cancelled is all of it."""

    executions: tuple[Execution, ...]
    resting_e2: E2
    cancelled_e2: E2
    reason: CancelReason | None
    """Why something was cancelled; None when nothing was."""
    displaced: tuple[str, ...] = ()
    """Our resting orders that yielded to it; they are out of the book."""

    @property
    def filled_e2(self) -> E2:
        """What it bought."""
        return sum(execution.quantity_e2 for execution in self.executions)
