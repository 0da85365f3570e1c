"""What the exchange says about our account, with how far that can be trusted."""

from enum import StrEnum
from typing import Final

import msgspec

from framework.model.market import Settlement
from framework.model.orders import Fill, Order, OrderState
from framework.model.units import E2, E4, E6, Micros, Side, Ticker

GRACE_US: Final[Micros] = 5_000_000
"""A read proves absence only when it is newer than the send by this much: user data lags."""


class RemoteStatus(StrEnum):
    """An order's status in our words."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class RemoteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange holds it; `limit_e4` is a price of `side`."""

    order_id: str
    client_order_id: str | None
    ticker: Ticker
    side: Side
    limit_e4: E4
    status: RemoteStatus
    quantity_e2: E2
    filled_e2: E2
    remaining_e2: E2
    at_us: Micros | None = None
    """When it last changed."""
    shard: int = 0


class RemotePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A net position as the exchange holds it: positive is YES, negative is NO."""

    ticker: Ticker
    signed_e2: E2
    shard: int = 0


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What one list read gave: proof of absence only when complete and new enough."""

    as_of_us: Micros
    """The state of the exchange that the list shows, not when it was asked."""
    complete: bool
    """Every page was read and the endpoint answered healthily."""
    told: bool = True
    """False where the exchange has no such list: it proves nothing and nobody waits for it."""


class Orders(Rows, frozen=True, kw_only=True):
    """Resting and recently closed orders."""

    rows: tuple[RemoteOrder, ...]


class Fills(Rows, frozen=True, kw_only=True):
    """Executions, oldest first."""

    rows: tuple[Fill, ...]


class Positions(Rows, frozen=True, kw_only=True):
    """Net positions that are not zero."""

    rows: tuple[RemotePosition, ...]


class Settlements(Rows, frozen=True, kw_only=True):
    """Payments of finalized markets."""

    rows: tuple[Settlement, ...]


class Balances(Rows, frozen=True, kw_only=True):
    """Cash by shard, as (shard, money)."""

    rows: tuple[tuple[int, E6], ...]
    step_e6: E6 = 1
    """Cash is told in steps of this much, rounded down."""

    @property
    def total_e6(self) -> E6:
        """Cash over all shards."""
        return sum(cash for _, cash in self.rows)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to start, or to check, the own books."""

    orders: Orders
    fills: Fills
    positions: Positions
    settlements: Settlements
    balances: Balances

    @property
    def missing(self) -> tuple[str, ...]:
        """The lists that exist and could not be read whole."""
        lists = {name: getattr(self, name) for name in self.__struct_fields__}
        return tuple(name for name, rows in lists.items() if rows.told and not rows.complete)


class OwnedFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill with the strategy whose order it was; None for one this program never sent."""

    fill: Fill
    strategy: str | None


class LedgerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order of an earlier run that the ledger does not know the end of."""

    order: Order
    state: OrderState
    order_id: str | None
    filled_e2: E2
    sent_us: Micros
