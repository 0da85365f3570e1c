"""Bodies of the public reads: series, events, markets, books and trades.

Shapes are those of Kalshi's public REST reads. What a world does not know (rules, images,
strikes) is left out or empty, as the exchange does for markets that lack it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from framework.model.book import OrderBook
from framework.model.events import TradePrinted
from framework.model.fees import FeeTerms
from framework.model.market import (
    DECI_CENT,
    TAPERED,
    WHOLE_CENT,
    EventGroup,
    Market,
    MarketStatus,
    PriceGrid,
    Series,
)
from framework.model.units import E2, ONE_DOLLAR_E4, Micros, Side, complement
from plugins.sandbox.core.rows import FeeOverride
from plugins.sandbox.wire import count_text, iso, plain_number, price_text, quote_text

Level = tuple[str, str]
"""A price and a size."""

_STRUCTURES: Final = {
    WHOLE_CENT: "linear_cent",
    DECI_CENT: "deci_cent",
    TAPERED: "tapered_deci_cent",
}

_LIST_STATUS: Final = {
    "unopened": frozenset({MarketStatus.INITIALIZED}),
    "open": frozenset({MarketStatus.ACTIVE}),
    "paused": frozenset({MarketStatus.INACTIVE}),
    "closed": frozenset(
        {
            MarketStatus.CLOSED,
            MarketStatus.DETERMINED,
            MarketStatus.DISPUTED,
            MarketStatus.AMENDED,
        }
    ),
    "settled": frozenset({MarketStatus.FINALIZED}),
}


def statuses_listed_as(name: str) -> frozenset[MarketStatus] | None:
    """Return the statuses that a `status` filter lists, or None for an unknown filter."""
    return _LIST_STATUS.get(name)


class PriceRangeBody(msgspec.Struct):
    """One stretch of the price grid."""

    start: str
    end: str
    step: str


def structure_of(grid: PriceGrid) -> str:
    """Return the exchange's label of a grid; an unlabelled grid is read from its ranges."""
    return _STRUCTURES.get(grid, "")


def ranges_of(grid: PriceGrid) -> list[PriceRangeBody]:
    """Return the grid's ranges."""
    return [
        PriceRangeBody(price_text(part.start_e4), price_text(part.end_e4), price_text(part.step_e4))
        for part in grid.ranges
    ]


class MarketBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A market as REST shows it."""

    ticker: str
    event_ticker: str
    market_type: str
    title: str
    yes_sub_title: str
    no_sub_title: str
    exchange_index: int
    status: str
    result: str
    expiration_value: str
    can_close_early: bool
    created_time: str | UnsetType = UNSET
    updated_time: str | UnsetType = UNSET
    open_time: str | UnsetType = UNSET
    close_time: str | UnsetType = UNSET
    expected_expiration_time: str | UnsetType = UNSET
    latest_expiration_time: str | UnsetType = UNSET
    settlement_ts: str | UnsetType = UNSET
    settlement_value_dollars: str | UnsetType = UNSET
    settlement_timer_seconds: int
    yes_bid_dollars: str
    yes_bid_size_fp: str
    yes_ask_dollars: str
    yes_ask_size_fp: str
    no_bid_dollars: str
    no_ask_dollars: str
    last_price_dollars: str
    previous_yes_bid_dollars: str
    previous_yes_ask_dollars: str
    previous_price_dollars: str
    volume_fp: str
    volume_24h_fp: str
    open_interest_fp: str
    notional_value_dollars: str
    price_level_structure: str
    price_ranges: list[PriceRangeBody]
    rules_primary: str
    rules_secondary: str
    fee_waiver_expiration_time: str | UnsetType = UNSET


class Touch(msgspec.Struct, frozen=True):
    """The best quotes of a market with their sizes, as text; an empty side has size 0.00."""

    yes_bid: str
    yes_bid_size: str
    yes_ask: str
    yes_ask_size: str
    no_bid: str
    no_ask: str


def touch_of(book: OrderBook) -> Touch:
    """Return the touch of a book."""
    yes, no = book.bid(Side.YES), book.bid(Side.NO)
    return Touch(
        yes_bid=quote_text(yes),
        yes_bid_size=count_text(0 if yes is None else book.size(Side.YES, yes)),
        yes_ask=quote_text(None if no is None else complement(no), empty=ONE_DOLLAR_E4),
        yes_ask_size=count_text(0 if no is None else book.size(Side.NO, no)),
        no_bid=quote_text(no),
        no_ask=quote_text(None if yes is None else complement(yes), empty=ONE_DOLLAR_E4),
    )


def _time(at_us: Micros | None) -> str | UnsetType:
    return UNSET if at_us is None else iso(at_us)


def market_body(
    market: Market,
    book: OrderBook,
    settled_us: Micros | None,
    *,
    created_us: Micros | None = None,
    updated_us: Micros | None = None,
) -> MarketBody:
    """Return a market with the touch of its book."""
    touch = touch_of(book)
    pays = market.settlement_e4
    volume = count_text(market.volume_e2 or 0)
    return MarketBody(
        ticker=market.ticker,
        event_ticker=market.event_ticker,
        market_type="binary",
        title=market.title,
        yes_sub_title=market.title,
        no_sub_title=market.title,
        exchange_index=market.shard,
        status=market.status.value,
        result=market.result or "",
        expiration_value="",
        can_close_early=market.can_close_early,
        created_time=_time(created_us),
        updated_time=_time(updated_us),
        **_hours(market),
        settlement_ts=_time(settled_us),
        settlement_value_dollars=UNSET if pays is None else price_text(pays),
        settlement_timer_seconds=0,
        yes_bid_dollars=touch.yes_bid,
        yes_bid_size_fp=touch.yes_bid_size,
        yes_ask_dollars=touch.yes_ask,
        yes_ask_size_fp=touch.yes_ask_size,
        no_bid_dollars=touch.no_bid,
        no_ask_dollars=touch.no_ask,
        last_price_dollars=quote_text(market.last_price_e4),
        previous_yes_bid_dollars=price_text(0),
        previous_yes_ask_dollars=price_text(ONE_DOLLAR_E4),
        previous_price_dollars=price_text(0),
        volume_fp=volume,
        volume_24h_fp=volume,
        open_interest_fp=count_text(market.open_interest_e2 or 0),
        notional_value_dollars=price_text(ONE_DOLLAR_E4),
        price_level_structure=structure_of(market.grid),
        price_ranges=ranges_of(market.grid),
        rules_primary="",
        rules_secondary="",
    )


def _hours(market: Market) -> dict[str, str | UnsetType]:
    """Return when a market trades, is decided, and is free of fees."""
    waived_us = None if market.fees is None else market.fees.waived_until_us
    return {
        "fee_waiver_expiration_time": _time(waived_us),
        "open_time": _time(market.open_us),
        "close_time": _time(market.close_us),
        "expected_expiration_time": _time(market.expected_expiration_us),
        "latest_expiration_time": _time(market.expected_expiration_us or market.close_us),
    }


class EventBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An event, with its markets when they were asked for."""

    event_ticker: str
    series_ticker: str
    title: str
    sub_title: str
    category: str
    mutually_exclusive: bool
    collateral_return_type: str
    exchange_index: int
    strike_period: str
    fee_type_override: str | UnsetType = UNSET
    fee_multiplier_override: Decimal | UnsetType = UNSET
    markets: list[MarketBody] | UnsetType = UNSET


def event_body(
    group: EventGroup,
    category: str,
    shard: int,
    markets: list[MarketBody] | UnsetType,
    override: FeeOverride | None = None,
) -> EventBody:
    """Return an event, with the fees it charges now where they are known."""
    fees = override or FeeOverride(group.fee_type, group.fee_multiplier)
    return EventBody(
        event_ticker=group.ticker,
        series_ticker=group.series_ticker,
        title=group.title,
        sub_title="",
        category=category,
        mutually_exclusive=group.mutually_exclusive,
        collateral_return_type=group.collateral_return,
        exchange_index=shard,
        strike_period="",
        fee_type_override=fees.fee_type or UNSET,
        fee_multiplier_override=UNSET if fees.multiplier is None else plain_number(fees.multiplier),
        markets=markets,
    )


class SeriesBody(msgspec.Struct, kw_only=True):
    """A series; it sets the fees of its events."""

    ticker: str
    title: str
    category: str
    categories: list[str]
    tags: list[str] | None
    fee_type: str
    fee_multiplier: Decimal
    frequency: str = "custom"
    settlement_sources: list[str] | None = None
    additional_prohibitions: list[str] | None = None
    contract_url: str = ""
    contract_terms_url: str = ""
    exchange_index: int = 0
    volume_fp: str | UnsetType = UNSET


def series_body(
    series: Series,
    terms: FeeTerms | None = None,
    *,
    shard: int = 0,
    volume_e2: E2 | None = None,
) -> SeriesBody:
    """Return a series, with the fees it charges now where they are known.

    Args:
        series: The series.
        terms: Its fees now; None where only the series itself tells them.
        shard: Where its newest event trades.
        volume_e2: What its markets traded, when that was asked for.
    """
    fees = terms or FeeTerms(series.fee_type, series.fee_multiplier)
    return SeriesBody(
        ticker=series.ticker,
        title=series.title,
        category=series.category,
        categories=[series.category] if series.category else [],
        tags=list(series.tags) or None,
        fee_type=fees.fee_type,
        fee_multiplier=plain_number(fees.multiplier),
        exchange_index=shard,
        volume_fp=UNSET if volume_e2 is None else count_text(volume_e2),
    )


class BookBody(msgspec.Struct):
    """Bids of both sides, the best one last."""

    yes_dollars: list[Level]
    no_dollars: list[Level]


def levels_of(book: OrderBook, side: Side, depth: int | None = None) -> list[Level]:
    """Return the `depth` best bids of a side, ascending."""
    return levels_text(reversed(book.bids(side, depth)))


def levels_text(levels: Iterable[tuple[int, int]]) -> list[Level]:
    """Return levels of (price, size) as text, in the same order."""
    return [(price_text(price_e4), count_text(size_e2)) for price_e4, size_e2 in levels]


def book_body(book: OrderBook, depth: int | None) -> BookBody:
    """Return a book; a depth of None is all of it."""
    return BookBody(levels_of(book, Side.YES, depth), levels_of(book, Side.NO, depth))


class TradeBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A public trade as REST shows it."""

    trade_id: str
    ticker: str
    count_fp: str
    yes_price_dollars: str
    no_price_dollars: str
    taker_outcome_side: str | UnsetType = UNSET
    taker_book_side: str | UnsetType = UNSET
    taker_side: str | UnsetType = UNSET
    created_time: str
    is_block_trade: bool


def book_side(side: Side) -> str:
    """Return `bid` for YES and `ask` for NO: the two words for the same direction."""
    return "bid" if side is Side.YES else "ask"


def trade_body(trade: TradePrinted) -> TradeBody:
    """Return a public trade."""
    taker = trade.taker_side
    return TradeBody(
        trade_id=trade.trade_id,
        ticker=trade.ticker,
        count_fp=count_text(trade.quantity_e2),
        yes_price_dollars=price_text(trade.yes_price_e4),
        no_price_dollars=price_text(complement(trade.yes_price_e4)),
        taker_outcome_side=UNSET if taker is None else taker.value,
        taker_book_side=UNSET if taker is None else book_side(taker),
        taker_side=UNSET if taker is None else taker.value,
        created_time=iso(trade.exchange_us or trade.at_us),
        is_block_trade=False,
    )
