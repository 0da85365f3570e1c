"""What the embedded exchange takes, keeps and tells, free of any wire.

Prices stand in the row's own side; `canceled` and the reasons are the exchange's own words,
because these rows are the exchange.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.events import BookChanged, BookReplaced, QuoteTicked, TradePrinted
from framework.model.market import EventGroup, Market
from framework.model.orders import TimeInForce
from framework.model.units import E2, E4, E6, Micros, Side, Ticker

RowStatus: TypeAlias = Literal["resting", "canceled", "executed"]
LifecycleKind: TypeAlias = Literal[
    "created",
    "activated",
    "deactivated",
    "close_date_updated",
    "determined",
    "settled",
    "price_level_structure_updated",
    "metadata_updated",
]


class Pause(StrEnum):
    """What of the whole exchange rests (Kalshi's exchange status)."""

    NOTHING = "nothing"
    TRADING = "trading"
    """Orders stay and may be cancelled or decreased; nothing trades."""
    EVERYTHING = "everything"
    """No write passes at all."""


class Refusal(Exception):  # noqa: N818 - an answer of the exchange, not a fault
    """The exchange refuses a request; nothing changed.

    Attributes:
        status: The HTTP status.
        code: The exchange's code (Kalshi's order errors).
        message: The same in words.
        details: What the exchange adds, or None.
    """

    def __init__(self, status: int, code: str, message: str, details: str | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it arrives: it buys `side` at `limit` or better."""

    ticker: Ticker
    side: Side
    limit_e4: E4
    quantity_e2: E2
    client_order_id: str | None = None
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCELLED
    post_only: bool = False
    reduce_only: bool = False
    expires_us: Micros | None = None
    shard: int | None = None
    """None or -1 routes by ticker."""
    self_trade_prevention: str = "taker_at_cross"
    cancel_on_pause: bool = False
    order_group_id: str | None = None
    subaccount: int = 0
    lot_e2: E2 = 1
    """It trades in multiples of this."""


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """What a resting order is to become; ticker and side only say that the right one is meant."""

    ticker: Ticker
    side: Side
    limit_e4: E4
    total_e2: E2
    """What was filled and what is to rest, together."""
    client_order_id: str | None = None
    new_client_order_id: str | None = None
    expires_us: Micros | UnsetType | None = UNSET
    """Unset keeps it, None clears it."""
    shard: int | None = None
    subaccount: int = 0


class OrderGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that may trade no more than a limit within 15 seconds together."""

    order_group_id: str
    limit_e2: E2
    shard: int
    subaccount: int = 0
    triggered: bool = False
    """Its orders are cancelled, and new ones refused until it is reset."""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order after its last change."""

    order_id: str
    client_order_id: str | None
    ticker: Ticker
    side: Side
    limit_e4: E4
    status: RowStatus
    initial_e2: E2
    filled_e2: E2
    remaining_e2: E2
    """What was not filled; it rests only while `status` is resting."""
    taker_cost_e6: E6
    maker_cost_e6: E6
    taker_fees_e6: E6
    maker_fees_e6: E6
    created_us: Micros
    updated_us: Micros
    expires_us: Micros | None
    reason: str | None
    """The exchange's `last_update_reason`."""
    shard: int
    post_only: bool = False
    self_trade_prevention: str = "taker_at_cross"
    cancel_on_pause: bool = False
    order_group_id: str | None = None
    subaccount: int = 0
    lot_e2: E2 = 1


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of ours."""

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
    post_position_e2: E2
    """The signed net position after it."""
    shard: int
    subaccount: int = 0


class SettlementRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a finalized market paid on the position held there."""

    ticker: Ticker
    event_ticker: Ticker
    result: str
    yes_e2: E2
    no_e2: E2
    yes_cost_e6: E6
    no_cost_e6: E6
    revenue_e6: E6
    fee_e6: E6
    at_us: Micros
    shard: int
    subaccount: int = 0


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """The net position in one market: positive is YES; zero where everything was closed again."""

    ticker: Ticker
    signed_e2: E2
    exposure_e6: E6
    """What the open contracts cost, without fees."""
    traded_e6: E6
    realized_e6: E6
    """Without fees."""
    fees_e6: E6
    at_us: Micros
    shard: int
    subaccount: int = 0
    settled: bool = False
    """Its market was paid, at `at_us`; nothing is held any more."""


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """Cash moved between subaccounts or shards of the account."""

    transfer_id: str
    amount_e6: E6
    from_subaccount: int
    to_subaccount: int
    from_shard: int
    to_shard: int
    at_us: Micros


class OrderNotice(msgspec.Struct, frozen=True):
    """An order changed."""

    order: OrderRow


class FillNotice(msgspec.Struct, frozen=True):
    """An order of ours traded."""

    fill: FillRow


class LifecycleNotice(msgspec.Struct, frozen=True):
    """A market took a step that the exchange announces; opening and closing by time are not."""

    ticker: Ticker
    kind: LifecycleKind
    market: Market
    at_us: Micros


class FeeOverride(msgspec.Struct, frozen=True):
    """What an event charges instead of its series; None leaves that term to the series."""

    fee_type: str | None = None
    multiplier: Decimal | None = None


class EventNotice(msgspec.Struct, frozen=True):
    """An event has its first market."""

    group: EventGroup
    shard: int
    at_us: Micros


class EventFeeNotice(msgspec.Struct, frozen=True):
    """An event's override of fees changed; both terms None clear it."""

    event_ticker: Ticker
    override: FeeOverride
    at_us: Micros


GroupKind: TypeAlias = Literal["created", "triggered", "reset", "deleted", "limit_updated"]


class GroupNotice(msgspec.Struct, frozen=True):
    """An order group took a step."""

    kind: GroupKind
    group: OrderGroup
    at_us: Micros


Notice: TypeAlias = (
    BookReplaced
    | BookChanged
    | TradePrinted
    | QuoteTicked
    | OrderNotice
    | FillNotice
    | LifecycleNotice
    | GroupNotice
    | EventNotice
    | EventFeeNotice
)
"""What the exchange's streams have to tell."""
