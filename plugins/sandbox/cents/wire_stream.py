"""Messages of the WebSocket in cents: the five kinds of the founding document, and commands.

A message names its market and carries neither a subscription's number nor its own: the ladders
are whole, so that one that is lost is made good by the next.
"""

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.book import OrderBook
from framework.model.events import TradePrinted
from framework.model.market import Market
from framework.model.units import Side, Ticker
from plugins.sandbox.cents.numbers import (
    Ladder,
    asked_cents,
    contracts,
    ladder_of,
    price_cents,
    quoted_cents,
)
from plugins.sandbox.cents.wire_account import remaining, worded, yes_cents
from plugins.sandbox.core.rows import FillRow, OrderRow
from plugins.sandbox.wire import milliseconds, money_text, unix_seconds


class Params(msgspec.Struct, kw_only=True):
    """The parameters of both commands; None is absent."""

    channels: list[str] | None = None
    market_tickers: list[str] | None = None


class Command(msgspec.Struct, kw_only=True):
    """What a client sends; an id of 0 counts as none."""

    id: int = 0
    cmd: str = ""
    params: Params | None = None


class Message(msgspec.Struct, omit_defaults=True):
    """Every message to the client; only replies have an id."""

    type: str
    msg: object
    id: int = 0


class Followed(msgspec.Struct, omit_defaults=True):
    """What a command changed: a channel, and the markets it was about unless it was all."""

    channel: str
    market_tickers: list[str] | UnsetType = UNSET


class Trouble(msgspec.Struct, omit_defaults=True):
    """An error code with its words."""

    code: int
    msg: str
    market_tickers: list[str] | UnsetType = UNSET


class TickerMessage(msgspec.Struct):
    """A market's quotes and statistics; `yes_price` is that of the last trade."""

    market_ticker: str
    yes_price: int
    yes_bid: int
    yes_ask: int
    volume: int
    open_interest: int


def ticker_of(market: Market, book: OrderBook) -> TickerMessage:
    """Return a market's statistics; nobody's bid is 0, nobody's ask 100."""
    return TickerMessage(
        market_ticker=market.ticker,
        yes_price=quoted_cents(market.last_price_e4),
        yes_bid=quoted_cents(book.bid(Side.YES)),
        yes_ask=asked_cents(book.bid(Side.NO)),
        volume=contracts(market.volume_e2 or 0),
        open_interest=contracts(market.open_interest_e2 or 0),
    )


class BookMessage(msgspec.Struct):
    """Both ladders of a market, whole."""

    market_ticker: str
    yes: Ladder
    no: Ladder


def book_of(ticker: Ticker, book: OrderBook) -> BookMessage:
    """Return the ladders in the order of the founding document: by falling YES price."""
    return BookMessage(ticker, ladder_of(book, Side.YES)[::-1], ladder_of(book, Side.NO))


class TradeMessage(msgspec.Struct, omit_defaults=True):
    """A public trade; its time is in milliseconds."""

    market_ticker: str
    yes_price: int
    count: int
    taker_side: str | UnsetType
    ts: int


def trade_of(trade: TradePrinted) -> TradeMessage:
    """Return a public trade."""
    return TradeMessage(
        market_ticker=trade.ticker,
        yes_price=price_cents(trade.yes_price_e4),
        count=contracts(trade.quantity_e2),
        taker_side=UNSET if trade.taker_side is None else trade.taker_side.value,
        ts=milliseconds(trade.exchange_us or trade.at_us),
    )


class FillMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An execution of the account's: six fields of the document, then those of its era."""

    order_id: str
    market_ticker: str
    yes_price: int
    count: int
    side: str
    is_taker: bool
    trade_id: str
    action: str
    client_order_id: str | None = None
    fee_cost: str
    post_position: int
    ts: int


def fill_of(row: FillRow, *, sold: bool) -> FillMessage:
    """Return an execution."""
    words = worded(row.side, sold=sold)
    return FillMessage(
        order_id=row.order_id,
        market_ticker=row.ticker,
        yes_price=yes_cents(row.side, row.price_e4),
        count=contracts(row.quantity_e2),
        side=words.side,
        is_taker=row.is_taker,
        trade_id=row.trade_id,
        action=words.action,
        client_order_id=row.client_order_id,
        fee_cost=money_text(row.fee_e6),
        post_position=contracts(row.post_position_e2),
        ts=unix_seconds(row.at_us),
    )


class OrderMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An order after a change."""

    order_id: str
    market_ticker: str
    status: str
    remaining_count: int
    client_order_id: str | None = None


def order_of(row: OrderRow) -> OrderMessage:
    """Return an order's state."""
    return OrderMessage(
        order_id=row.order_id,
        market_ticker=row.ticker,
        status=row.status,
        remaining_count=remaining(row),
        client_order_id=row.client_order_id,
    )
