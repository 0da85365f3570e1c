"""The stream's messages as the founding document shows them, one struct per `type`.

Fields with a default are later ones of its era. Prices are whole cents, counts whole contracts.
"""

from typing import Final, TypeAlias

import msgspec

from framework.model.units import Side, Ticker


class _Frame(msgspec.Struct, gc=False, tag_field="type"):
    id: int | None = None


class LadderBody(msgspec.Struct, gc=False):
    """Whole ladders of bids, each side in its own prices; the name says delta all the same."""

    market_ticker: Ticker
    yes: list[tuple[int, int]] | None = None
    no: list[tuple[int, int]] | None = None


class LadderFrame(_Frame, gc=False, tag="orderbook_delta", kw_only=True):
    """A book, at subscription and at each change."""

    msg: LadderBody


class TickerBody(msgspec.Struct, gc=False):
    """A market's statistics."""

    market_ticker: Ticker
    yes_price: int | None = None
    yes_bid: int | None = None
    yes_ask: int | None = None
    volume: int | None = None
    open_interest: int | None = None
    ts: int | None = None


class TickerFrame(_Frame, gc=False, tag="ticker", kw_only=True):
    """Statistics changed."""

    msg: TickerBody


class TradeBody(msgspec.Struct, gc=False):
    """A public execution."""

    market_ticker: Ticker
    yes_price: int
    count: int
    taker_side: str | None = None
    ts: int | None = None
    trade_id: str | None = None


class TradeFrame(_Frame, gc=False, tag="trade", kw_only=True):
    """Somebody traded."""

    msg: TradeBody


class FillBody(msgspec.Struct, gc=False):
    """An execution of ours, in the words of its order."""

    order_id: str
    market_ticker: Ticker
    yes_price: int
    count: int
    side: Side
    is_taker: bool
    action: str = "buy"
    trade_id: str | None = None
    client_order_id: str | None = None
    fee_cost: str | None = None
    ts: int | None = None


class FillFrame(_Frame, gc=False, tag="fill", kw_only=True):
    """One of our orders traded."""

    msg: FillBody


class OrderUpdateBody(msgspec.Struct, gc=False):
    """The present state of an order of the account; only the exchange's id names it."""

    order_id: str
    market_ticker: Ticker
    status: str
    remaining_count: int


class OrderUpdateFrame(_Frame, gc=False, tag="order_update", kw_only=True):
    """An order of the account changed."""

    msg: OrderUpdateBody


class SubscribedFrame(_Frame, gc=False, tag="subscribed", kw_only=True):
    """A channel was opened, or got more markets."""


class UnsubscribedFrame(_Frame, gc=False, tag="unsubscribed", kw_only=True):
    """Markets were left."""


class OkFrame(_Frame, gc=False, tag="ok", kw_only=True):
    """A command was done."""


class ErrorBody(msgspec.Struct, gc=False):
    """An error of a command."""

    code: int | None = None
    msg: str = ""


class ErrorFrame(_Frame, gc=False, tag="error", kw_only=True):
    """Something was refused."""

    msg: ErrorBody


AnyFrame: TypeAlias = (
    LadderFrame
    | TickerFrame
    | TradeFrame
    | FillFrame
    | OrderUpdateFrame
    | SubscribedFrame
    | UnsubscribedFrame
    | OkFrame
    | ErrorFrame
)
"""What the channels we open can say."""


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.split())


MESSAGES: Final[dict[str, frozenset[str]]] = {
    "orderbook_delta": _fields("market_ticker market_id yes no ts"),
    "ticker": _fields(
        "market_ticker market_id yes_price price yes_bid yes_ask volume open_interest "
        "dollar_volume dollar_open_interest ts"
    ),
    "trade": _fields("market_ticker yes_price no_price count taker_side ts trade_id"),
    "fill": _fields(
        "order_id market_ticker yes_price no_price count side is_taker trade_id "
        "client_order_id action purchased_side post_position fee_cost ts"
    ),
    "order_update": _fields(
        "order_id market_ticker status remaining_count client_order_id side action yes_price "
        "fill_count initial_count ts"
    ),
}
"""Every known field of a message, used or not: a field that stands here nowhere is counted."""
