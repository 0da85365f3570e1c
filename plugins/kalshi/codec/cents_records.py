"""The objects of REST as the founding document and its era write them, one struct per object.

Prices are whole cents, counts whole contracts. Fields with a default are later ones of the era,
or ones that the document leaves out; events and series read as they do today.
"""

from typing import Final

import msgspec

from framework.model.units import Side, Ticker
from plugins.kalshi.codec.documented import OBJECTS


class MarketRecord(msgspec.Struct):
    """`GET /markets`, `GET /markets/{ticker}`."""

    ticker: Ticker
    event_ticker: Ticker
    status: str
    series_ticker: Ticker | None = None
    title: str = ""
    subtitle: str = ""
    open_time: str | None = None
    close_time: str | None = None
    expected_expiration_time: str | None = None
    can_close_early: bool = False
    yes_bid: int | None = None
    yes_ask: int | None = None
    last_price: int | None = None
    volume: int | None = None
    open_interest: int | None = None
    result: str | None = None
    settlement_value: int | None = None
    settlement_value_dollars: str | None = None
    settlement_ts: str | None = None


class OrderRecord(msgspec.Struct):
    """`GET /portfolio/orders`, `GET /portfolio/orders/{order_id}`, the reply to an order."""

    order_id: str
    ticker: Ticker
    side: Side
    status: str
    yes_price: int
    action: str = "buy"
    client_order_id: str | None = None
    initial_count: int | None = None
    count: int | None = None
    fill_count: int | None = None
    remaining_count: int | None = None
    created_time: str | None = None
    last_update_time: str | None = None


class FillRecord(msgspec.Struct):
    """`GET /portfolio/fills`, in the words of the order."""

    order_id: str
    ticker: Ticker
    side: Side
    yes_price: int
    count: int
    is_taker: bool
    created_time: str
    action: str = "buy"
    trade_id: str | None = None
    fill_id: str | None = None
    fee_cost: str | None = None


class Ladders(msgspec.Struct):
    """The bids of both sides, each in its own prices; the order of levels says nothing."""

    yes: list[tuple[int, int]] | None = None
    no: list[tuple[int, int]] | None = None


class OrderbookRecord(msgspec.Struct):
    """`GET /markets/{ticker}/orderbook`."""

    orderbook: Ladders


class PositionRecord(msgspec.Struct):
    """`GET /portfolio/positions`: YES positive, NO negative."""

    ticker: Ticker
    position: int


class SettlementRecord(msgspec.Struct):
    """`GET /portfolio/settlements`; `value` is cents per YES of a scalar result."""

    ticker: Ticker
    market_result: str
    settled_time: str
    fee_cost: str
    value: int | None = None


class BalanceRecord(msgspec.Struct):
    """`GET /portfolio/balance`: whole cents, truncated."""

    balance: int


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.split())


DOCUMENTED: Final[dict[str, frozenset[str]]] = {
    "event": OBJECTS["event"],
    "series": OBJECTS["series"],
    "market": OBJECTS["market"]
    | _fields(
        """
        series_ticker yes_bid yes_ask no_bid no_ask last_price previous_yes_bid
        previous_yes_ask previous_price volume volume_24h open_interest notional_value
        liquidity tick_size response_price_units settlement_value category risk_limit_cents
        fractional_trading_enabled
        """
    ),
    "order": OBJECTS["order"]
    | _fields(
        """
        yes_price no_price count initial_count fill_count remaining_count queue_position
        taker_fees maker_fees taker_fill_cost maker_fill_cost amend_count decrease_count
        """
    ),
    "fill": OBJECTS["fill"]
    | _fields("count yes_price no_price price yes_price_fixed no_price_fixed"),
    "position": OBJECTS["position"]
    | _fields(
        """
        position market_exposure total_traded realized_pnl fees_paid resting_orders_count
        """
    ),
    "settlement": OBJECTS["settlement"]
    | _fields("yes_count yes_total_cost no_count no_total_cost"),
    "orderbook": OBJECTS["orderbook"],
    "balance": OBJECTS["balance"],
}
"""Every known field of an object: those of today stood beside the cents for some months."""
