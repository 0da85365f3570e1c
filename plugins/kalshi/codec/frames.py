"""The stream's messages as the exchange writes them today, one struct per `type`.

Fields we do not use are left out: decoding skips them.
"""

from decimal import Decimal
from typing import TypeAlias

import msgspec

from framework.model.units import Side, Ticker


class _Frame(msgspec.Struct, gc=False, tag_field="type"):
    sid: int | None = None
    seq: int | None = None
    id: int | None = None


class SnapshotBody(msgspec.Struct, gc=False):
    """A whole book; a side without levels is absent."""

    market_ticker: Ticker
    yes_dollars_fp: list[tuple[str, str]] = []
    no_dollars_fp: list[tuple[str, str]] = []


class SnapshotFrame(_Frame, gc=False, tag="orderbook_snapshot", kw_only=True):
    """A book, at subscription or on request."""

    msg: SnapshotBody


class DeltaBody(msgspec.Struct, gc=False):
    """One level; NO levels in NO prices because we ask for `use_yes_price: false`."""

    market_ticker: Ticker
    price_dollars: str
    delta_fp: str
    side: Side
    ts_ms: int | None = None


class DeltaFrame(_Frame, gc=False, tag="orderbook_delta", kw_only=True):
    """A change of a book."""

    msg: DeltaBody


class TickerBody(msgspec.Struct, gc=False):
    """A market's statistics."""

    market_ticker: Ticker
    price_dollars: str | None = None
    volume_fp: str | None = None
    open_interest_fp: str | None = None
    ts_ms: int | None = None


class TickerFrame(_Frame, gc=False, tag="ticker", kw_only=True):
    """Statistics changed."""

    msg: TickerBody


class TradeBody(msgspec.Struct, gc=False):
    """A public execution."""

    trade_id: str
    market_ticker: Ticker
    yes_price_dollars: str
    count_fp: str
    taker_outcome_side: str | None = None
    taker_side: str | None = None
    ts_ms: int | None = None


class TradeFrame(_Frame, gc=False, tag="trade", kw_only=True):
    """Somebody traded."""

    msg: TradeBody


class FillBody(msgspec.Struct, gc=False):
    """An execution of ours; `outcome_side` is what it acquired."""

    trade_id: str
    order_id: str
    market_ticker: Ticker
    outcome_side: Side
    yes_price_dollars: str
    count_fp: str
    fee_cost: str
    is_taker: bool
    client_order_id: str | None = None
    exchange_index: int = 0
    subaccount: int | None = None
    ts_ms: int | None = None


class FillFrame(_Frame, gc=False, tag="fill", kw_only=True):
    """One of our orders traded."""

    msg: FillBody


class UserOrderBody(msgspec.Struct, gc=False):
    """The present state of an order of the account."""

    order_id: str
    status: str
    fill_count_fp: str
    remaining_count_fp: str
    client_order_id: str | None = None
    last_update_reason: str | None = None
    subaccount_number: int | None = None


class UserOrderFrame(_Frame, gc=False, tag="user_order", kw_only=True):
    """An order of the account changed."""

    msg: UserOrderBody


class LifecycleBody(msgspec.Struct, gc=False):
    """What happened to a market; the record itself is read by REST."""

    market_ticker: Ticker
    event_type: str


class LifecycleFrame(_Frame, gc=False, tag="market_lifecycle_v2", kw_only=True):
    """A market was created, paused, closed, settled, or its terms changed."""

    msg: LifecycleBody


class EventLifecycleFrame(_Frame, gc=False, tag="event_lifecycle", kw_only=True):
    """An event was created; its markets announce themselves."""


class FeeBody(msgspec.Struct, gc=False):
    """An event's own fees; both None clears them."""

    event_ticker: Ticker
    fee_type_override: str | None = None
    fee_multiplier_override: Decimal | None = None


class FeeFrame(_Frame, gc=False, tag="event_fee_update", kw_only=True):
    """An event's own fees were set or cleared."""

    msg: FeeBody


class SubscribedBody(msgspec.Struct, gc=False):
    """Which channel got which number."""

    channel: str
    sid: int


class SubscribedFrame(_Frame, gc=False, tag="subscribed", kw_only=True):
    """A channel is open."""

    msg: SubscribedBody


class UnsubscribedFrame(_Frame, gc=False, tag="unsubscribed", kw_only=True):
    """A channel is closed."""


class OkFrame(_Frame, gc=False, tag="ok", kw_only=True):
    """A command was done; the body's shape depends on the command."""

    msg: msgspec.Raw = msgspec.Raw()


class ErrorBody(msgspec.Struct, gc=False):
    """An error of a command or a subscription."""

    code: int | None = None
    msg: str = ""
    market_ticker: Ticker | None = None
    market_tickers: list[Ticker] = []


class ErrorFrame(_Frame, gc=False, tag="error", kw_only=True):
    """Something was refused, or a subscription died."""

    msg: ErrorBody


AnyFrame: TypeAlias = (
    SnapshotFrame
    | DeltaFrame
    | TickerFrame
    | TradeFrame
    | FillFrame
    | UserOrderFrame
    | LifecycleFrame
    | EventLifecycleFrame
    | FeeFrame
    | SubscribedFrame
    | UnsubscribedFrame
    | OkFrame
    | ErrorFrame
)
"""What the channels we open can say."""


class Envelope(msgspec.Struct):
    """The little that is still wanted of a message that can't be read."""

    type: str | None = None
    sid: int | None = None
    seq: int | None = None
    msg: dict[str, object] | list[object] | None = None
