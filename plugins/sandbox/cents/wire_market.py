"""Bodies of the public reads in cents: series, events, markets, books and trades.

A market has the fields that the founding document shows, and beside them those recorded in
January 2026; every price stands there in cents and again in dollars.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.book import OrderBook
from framework.model.events import TradePrinted
from framework.model.market import EventGroup, Market, PriceGrid, Series
from framework.model.units import Micros, Side, Ticker, complement, price_of
from plugins.sandbox.cents.numbers import (
    CENT_E4,
    Ladder,
    asked_cents,
    contracts,
    ladder_of,
    price_cents,
    quoted_cents,
)
from plugins.sandbox.wire import iso, plain_number, price_text


class RangeBody(msgspec.Struct):
    """One stretch of the price grid."""

    start: str
    end: str
    step: str


class MarketBody(msgspec.Struct, kw_only=True):
    """A market; what no world knows has the value that the exchange writes for nothing."""

    ticker: str
    event_ticker: str
    series_ticker: str | UnsetType = UNSET
    market_type: str = "binary"
    title: str
    subtitle: str
    yes_sub_title: str
    no_sub_title: str
    status: str
    result: str
    expiration_value: str = ""
    can_close_early: bool
    created_time: str
    open_time: str | UnsetType = UNSET
    close_time: str | UnsetType = UNSET
    expected_expiration_time: str | UnsetType = UNSET
    expiration_time: str | UnsetType = UNSET
    latest_expiration_time: str | UnsetType = UNSET
    settlement_ts: str | UnsetType = UNSET
    settlement_value: int | UnsetType = UNSET
    settlement_value_dollars: str | UnsetType = UNSET
    settlement_timer_seconds: int = 0
    response_price_units: str = "usd_cent"
    tick_size: int = 1
    notional_value: int = 100
    notional_value_dollars: str = "1.0000"
    yes_bid: int
    yes_bid_dollars: str
    yes_ask: int
    yes_ask_dollars: str
    no_bid: int
    no_bid_dollars: str
    no_ask: int
    no_ask_dollars: str
    last_price: int
    last_price_dollars: str
    previous_price: int = 0
    previous_price_dollars: str = "0.0000"
    previous_yes_bid: int = 0
    previous_yes_bid_dollars: str = "0.0000"
    previous_yes_ask: int = 0
    previous_yes_ask_dollars: str = "0.0000"
    volume: int
    volume_24h: int
    open_interest: int
    liquidity: int = 0
    liquidity_dollars: str = "0.0000"
    price_level_structure: str = "linear_cent"
    price_ranges: list[RangeBody]
    rules_primary: str = ""
    rules_secondary: str = ""


def _time(at_us: Micros | None) -> str | UnsetType:
    return UNSET if at_us is None else iso(at_us)


def _dollars(cents: int) -> str:
    return price_text(cents * CENT_E4)


def _ranges(grid: PriceGrid) -> list[RangeBody]:
    return [
        RangeBody(price_text(part.start_e4), price_text(part.end_e4), price_text(part.step_e4))
        for part in grid.ranges
    ]


def market_body(
    market: Market,
    series: Ticker | None,
    book: OrderBook,
    created_us: Micros | None,
    settled_us: Micros | None,
) -> MarketBody:
    """Return a market with the touch of its book; nobody's bid is 0, nobody's ask 100."""
    yes, no = quoted_cents(book.bid(Side.YES)), quoted_cents(book.bid(Side.NO))
    last = quoted_cents(market.last_price_e4)
    pays = market.settlement_e4
    volume = contracts(market.volume_e2 or 0)
    ends = _time(market.expected_expiration_us or market.close_us)
    return MarketBody(
        ticker=market.ticker,
        event_ticker=market.event_ticker,
        series_ticker=series or UNSET,
        title=market.title,
        subtitle=market.title,
        yes_sub_title=market.title,
        no_sub_title=market.title,
        status=market.status.value,
        result=market.result or "",
        can_close_early=market.can_close_early,
        created_time=iso(created_us or 0),
        open_time=_time(market.open_us),
        close_time=_time(market.close_us),
        expected_expiration_time=_time(market.expected_expiration_us),
        expiration_time=ends,
        latest_expiration_time=ends,
        settlement_ts=_time(settled_us),
        settlement_value=UNSET if pays is None else price_cents(pays),
        settlement_value_dollars=UNSET if pays is None else price_text(pays),
        yes_bid=yes,
        yes_bid_dollars=_dollars(yes),
        yes_ask=100 - no,
        yes_ask_dollars=_dollars(100 - no),
        no_bid=no,
        no_bid_dollars=_dollars(no),
        no_ask=100 - yes,
        no_ask_dollars=_dollars(100 - yes),
        last_price=last,
        last_price_dollars=_dollars(last),
        volume=volume,
        volume_24h=volume,
        open_interest=contracts(market.open_interest_e2 or 0),
        price_ranges=_ranges(market.grid),
    )


class EventBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An event, with its markets when they were asked for."""

    event_ticker: str
    series_ticker: str
    title: str
    sub_title: str
    category: str
    mutually_exclusive: bool
    collateral_return_type: str
    available_on_brokers: bool
    strike_period: str
    markets: list[MarketBody] | UnsetType = UNSET


def event_body(
    group: EventGroup, category: str, markets: list[MarketBody] | UnsetType
) -> EventBody:
    """Return an event."""
    return EventBody(
        event_ticker=group.ticker,
        series_ticker=group.series_ticker,
        title=group.title,
        sub_title="",
        category=category,
        mutually_exclusive=group.mutually_exclusive,
        collateral_return_type=group.collateral_return,
        available_on_brokers=False,
        strike_period="",
        markets=markets,
    )


class SeriesBody(msgspec.Struct, kw_only=True):
    """A series; it sets the fees of its events."""

    ticker: str
    title: str
    category: str
    tags: list[str] | None
    fee_type: str
    fee_multiplier: Decimal
    frequency: str = "custom"
    settlement_sources: list[str] | None = None
    additional_prohibitions: list[str] | None = None
    contract_url: str = ""
    contract_terms_url: str = ""


def series_body(series: Series) -> SeriesBody:
    """Return a series."""
    return SeriesBody(
        ticker=series.ticker,
        title=series.title,
        category=series.category,
        tags=list(series.tags) or None,
        fee_type=series.fee_type,
        fee_multiplier=plain_number(series.fee_multiplier),
    )


class BookBody(msgspec.Struct):
    """Bids of both sides, the best one last; an empty side is null, as recorded."""

    yes: Ladder | None
    no: Ladder | None
    yes_dollars: list[tuple[str, int]] | None
    no_dollars: list[tuple[str, int]] | None


def book_body(book: OrderBook, depth: int | None) -> BookBody:
    """Return the best `depth` levels of each side; a depth of None is all of them."""
    yes, no = (ladder_of(book, side)[-depth if depth else 0 :] for side in (Side.YES, Side.NO))
    return BookBody(yes or None, no or None, _in_dollars(yes), _in_dollars(no))


def _in_dollars(ladder: Sequence[tuple[int, int]]) -> list[tuple[str, int]] | None:
    return [(_dollars(cents), size) for cents, size in ladder] or None


class TradeBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A public trade."""

    trade_id: str
    ticker: str
    count: int
    yes_price: int
    yes_price_dollars: str
    no_price: int
    no_price_dollars: str
    price: Decimal
    taker_side: str | UnsetType = UNSET
    created_time: str


def trade_body(trade: TradePrinted) -> TradeBody:
    """Return a public trade."""
    yes = price_cents(trade.yes_price_e4)
    return TradeBody(
        trade_id=trade.trade_id,
        ticker=trade.ticker,
        count=contracts(trade.quantity_e2),
        yes_price=yes,
        yes_price_dollars=_dollars(yes),
        no_price=asked_cents(yes * CENT_E4),
        no_price_dollars=price_text(complement(yes * CENT_E4)),
        price=plain_number(price_of(yes * CENT_E4)),
        taker_side=UNSET if trade.taker_side is None else trade.taker_side.value,
        created_time=iso(trade.exchange_us or trade.at_us),
    )
