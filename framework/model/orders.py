"""Orders, fills and the table of order states.

An order buys one outcome: `side` is what it acquires.
Selling YES at p is buying NO at 1 - p, because the two close each other; so a fill always adds
to `side`, and the portfolio nets. `purpose` says whether the order opens or closes.
"""

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from framework.errors import InvariantError
from framework.model.units import (
    E2,
    E4,
    E6,
    Micros,
    Side,
    Ticker,
    complement,
    cost_e6,
    money_of,
    price_of,
    quantity_of,
)


class OrderState(StrEnum):
    """What we know of an order."""

    PENDING = "pending"
    """Committed by us, not answered yet."""
    OPEN = "open"
    """Resting at the exchange, perhaps partly filled."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    """Gone with a remainder; it may hold fills."""
    REJECTED = "rejected"
    """Proven never to have been accepted."""
    UNKNOWN = "unknown"
    """Sent, and nobody can say yet: it keeps its risk budget."""


class OrderFact(StrEnum):
    """What the world tells us about an order."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PARTLY_FILLED = "partly_filled"
    FULLY_FILLED = "fully_filled"
    CANCELLED = "cancelled"
    LOST = "lost"
    """No readable answer came."""
    ABSENT = "absent"
    """A healthy, complete read, newer than the send, does not know it."""


_PENDING, _OPEN, _FILLED, _CANCELLED, _REJECTED, _UNKNOWN = OrderState

ORDER_STATES: Final[dict[tuple[OrderState, OrderFact], OrderState]] = {
    (_PENDING, OrderFact.ACCEPTED): _OPEN,
    (_PENDING, OrderFact.REJECTED): _REJECTED,
    (_PENDING, OrderFact.PARTLY_FILLED): _OPEN,
    (_PENDING, OrderFact.FULLY_FILLED): _FILLED,
    (_PENDING, OrderFact.CANCELLED): _CANCELLED,
    (_PENDING, OrderFact.LOST): _UNKNOWN,
    (_PENDING, OrderFact.ABSENT): _PENDING,  # the answer is still under way
    (_OPEN, OrderFact.ACCEPTED): _OPEN,
    (_OPEN, OrderFact.REJECTED): _OPEN,  # a late refusal of a repeat: the first one stands
    (_OPEN, OrderFact.PARTLY_FILLED): _OPEN,
    (_OPEN, OrderFact.FULLY_FILLED): _FILLED,
    (_OPEN, OrderFact.CANCELLED): _CANCELLED,
    (_OPEN, OrderFact.LOST): _OPEN,
    (_OPEN, OrderFact.ABSENT): _UNKNOWN,  # it left the resting list: how, a query must tell
    (_UNKNOWN, OrderFact.ACCEPTED): _OPEN,
    (_UNKNOWN, OrderFact.REJECTED): _REJECTED,
    (_UNKNOWN, OrderFact.PARTLY_FILLED): _OPEN,
    (_UNKNOWN, OrderFact.FULLY_FILLED): _FILLED,
    (_UNKNOWN, OrderFact.CANCELLED): _CANCELLED,
    (_UNKNOWN, OrderFact.LOST): _UNKNOWN,
    (_UNKNOWN, OrderFact.ABSENT): _REJECTED,
    (_FILLED, OrderFact.ACCEPTED): _FILLED,  # answers overtaken by the fill stream
    (_FILLED, OrderFact.REJECTED): _FILLED,
    (_FILLED, OrderFact.PARTLY_FILLED): _FILLED,
    (_FILLED, OrderFact.FULLY_FILLED): _FILLED,
    (_FILLED, OrderFact.CANCELLED): _FILLED,
    (_FILLED, OrderFact.LOST): _FILLED,
    (_FILLED, OrderFact.ABSENT): _FILLED,
    (_CANCELLED, OrderFact.ACCEPTED): _CANCELLED,
    (_CANCELLED, OrderFact.REJECTED): _CANCELLED,
    (_CANCELLED, OrderFact.PARTLY_FILLED): _CANCELLED,  # a late fill is still money
    (_CANCELLED, OrderFact.FULLY_FILLED): _FILLED,
    (_CANCELLED, OrderFact.CANCELLED): _CANCELLED,
    (_CANCELLED, OrderFact.LOST): _CANCELLED,
    (_CANCELLED, OrderFact.ABSENT): _CANCELLED,
    (_REJECTED, OrderFact.ACCEPTED): _OPEN,  # the exchange is right, our proof was wrong
    (_REJECTED, OrderFact.REJECTED): _REJECTED,
    (_REJECTED, OrderFact.PARTLY_FILLED): _OPEN,
    (_REJECTED, OrderFact.FULLY_FILLED): _FILLED,
    (_REJECTED, OrderFact.CANCELLED): _CANCELLED,
    (_REJECTED, OrderFact.LOST): _REJECTED,
    (_REJECTED, OrderFact.ABSENT): _REJECTED,
}
"""Every state under every fact; the docs' diagram and the exhaustive test read this table."""

TERMINAL: Final = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED})


def next_state(state: OrderState, fact: OrderFact) -> OrderState:
    """Return the state after a fact.

    Raises:
        InvariantError: the table has no such row.
    """
    try:
        return ORDER_STATES[state, fact]
    except KeyError:
        raise InvariantError(f"no order state after {state} on {fact}") from None


class TimeInForce(StrEnum):
    """How long an order waits."""

    GOOD_TILL_CANCELLED = "good_till_cancelled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"


class Purpose(StrEnum):
    """Why an order exists."""

    ENTRY = "entry"
    EXIT = "exit"


class Urgency(IntEnum):
    """How pressing an exit is; the more urgent one replaces the other."""

    TAKE_PROFIT = 1
    TIME = 2
    STOP = 3
    HALT = 4


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of one order, as committed before it was sent.

    It buys `quantity` contracts of `side` at `limit` or better. An exit of a YES position
    buys NO: `limit` is then one dollar less the lowest price to sell YES at.
    """

    client_order_id: str
    ticker: Ticker
    side: Side
    limit_e4: E4
    quantity_e2: E2
    purpose: Purpose
    strategy: str
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    post_only: bool = False
    reduce_only: bool = False
    expires_us: Micros | None = None
    reason: str = ""
    urgency: Urgency | None = None
    """Set on exits."""
    shard: int = 0

    @property
    def limit(self) -> Decimal:
        """The worst price of `side` it accepts, in dollars."""
        return price_of(self.limit_e4)

    @property
    def quantity(self) -> Decimal:
        """How many contracts it wants."""
        return quantity_of(self.quantity_e2)

    @property
    def cost(self) -> Decimal:
        """What it pays at its limit when filled whole, in dollars, without fees."""
        return money_of(cost_e6(self.limit_e4, self.quantity_e2))

    @property
    def yes_limit_e4(self) -> E4:
        """The same limit as a YES price."""
        return self.limit_e4 if self.side is Side.YES else complement(self.limit_e4)

    def __str__(self) -> str:
        if self.purpose is Purpose.EXIT:
            held, price = self.side.opposite, price_of(complement(self.limit_e4))
            return f"sell {self.quantity} {held.upper()} {self.ticker} at {price}"
        return f"buy {self.quantity} {self.side.upper()} {self.ticker} at {self.limit}"


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """An execution of ours: `quantity` contracts of `side` bought at `price`."""

    trade_id: str
    order_id: str
    client_order_id: str | None
    ticker: Ticker
    side: Side
    price_e4: E4
    quantity_e2: E2
    fee_e6: E6
    is_taker: bool
    at_us: Micros
    shard: int = 0

    @property
    def price(self) -> Decimal:
        """The price of `side` in dollars."""
        return price_of(self.price_e4)

    @property
    def quantity(self) -> Decimal:
        """How many contracts were bought."""
        return quantity_of(self.quantity_e2)

    @property
    def fee(self) -> Decimal:
        """What the exchange charged, in dollars."""
        return money_of(self.fee_e6)
