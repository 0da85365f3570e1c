"""Messages of the WebSocket: commands in, replies and channel messages out.

Shapes are those of Kalshi's WebSocket. A channel message is encoded once, as `Raw`, and only
wrapped per subscription with its `sid` and, on numbered channels, its `seq`.
"""

from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from framework.model.book import OrderBook
from framework.model.events import BookChanged, BookReplaced, TradePrinted
from framework.model.market import Market
from framework.model.units import E2, Micros, Side, Ticker, complement
from plugins.sandbox.core.rows import EventFeeNotice, EventNotice
from plugins.sandbox.fixed_point.wire_market import (
    Level,
    PriceRangeBody,
    book_side,
    levels_text,
    ranges_of,
    structure_of,
    touch_of,
)
from plugins.sandbox.wire import (
    count_text,
    encode,
    iso,
    market_id,
    milliseconds,
    plain_number,
    price_text,
    quote_text,
    unix_seconds,
)

# --------------------------------------------------------------------------------- commands


class Params(msgspec.Struct, kw_only=True):
    """The parameters of every command; None is absent."""

    channels: list[str] | None = None
    market_ticker: str | None = None
    market_tickers: list[str] | None = None
    market_id: str | None = None
    market_ids: list[str] | None = None
    sid: int | None = None
    sids: list[int] | None = None
    action: str | None = None
    use_yes_price: bool = False
    send_initial_snapshot: bool = False
    skip_ticker_ack: bool = False


class Command(msgspec.Struct, kw_only=True):
    """What a client sends; an id of 0 counts as none."""

    id: int = 0
    cmd: str = ""
    params: Params | None = None


# ---------------------------------------------------------------------------------- replies


class Frame(msgspec.Struct, omit_defaults=True):
    """Every message to the client."""

    type: str
    id: int = 0
    sid: int = 0
    seq: int = 0
    msg: object = UNSET
    sending_ts_ms: int = 0
    """When it was put in line for the network."""


class Opened(msgspec.Struct):
    """A subscription's channel and number."""

    channel: str
    sid: int


class Followed(msgspec.Struct, omit_defaults=True):
    """All markets of a subscription after a change, named as the client named them."""

    market_tickers: list[str] | UnsetType = UNSET
    market_ids: list[str] | UnsetType = UNSET


class Trouble(msgspec.Struct, omit_defaults=True):
    """An error code of section 8.3 with its words."""

    code: int
    msg: str
    market_tickers: list[str] | UnsetType = UNSET


# ---------------------------------------------------------------------------- order books


class SnapshotBody(msgspec.Struct, omit_defaults=True):
    """A whole book; the key of an empty side is absent."""

    market_ticker: str
    market_id: str
    yes_dollars_fp: list[Level] | UnsetType = UNSET
    no_dollars_fp: list[Level] | UnsetType = UNSET


def snapshot_of(ticker: Ticker, book: OrderBook, *, use_yes_price: bool) -> SnapshotBody:
    """Return a book's snapshot, with NO levels in NO or in YES prices."""
    return _snapshot(ticker, book.bids(Side.YES), book.bids(Side.NO), use_yes_price=use_yes_price)


def replacement_of(event: BookReplaced, *, use_yes_price: bool) -> SnapshotBody:
    """Return a snapshot that arrived in mid-stream."""
    return _snapshot(
        event.ticker,
        sorted(event.yes, reverse=True),
        sorted(event.no, reverse=True),
        use_yes_price=use_yes_price,
    )


def _snapshot(
    ticker: Ticker,
    yes: list[tuple[int, int]],
    no: list[tuple[int, int]],
    *,
    use_yes_price: bool,
) -> SnapshotBody:
    """Levels come best first and leave with the best last."""
    if use_yes_price:
        no = [(complement(price_e4), size_e2) for price_e4, size_e2 in no]
    return SnapshotBody(
        ticker,
        market_id(ticker),
        levels_text(reversed(yes)) or UNSET,
        levels_text(reversed(no)) or UNSET,
    )


class DeltaBody(msgspec.Struct):
    """A signed change of one level."""

    market_ticker: str
    market_id: str
    price_dollars: str
    delta_fp: str
    side: str
    ts_ms: int


def delta_of(event: BookChanged, *, use_yes_price: bool) -> DeltaBody:
    """Return one level's change."""
    turned = use_yes_price and event.side is Side.NO
    price_e4 = complement(event.price_e4) if turned else event.price_e4
    return DeltaBody(
        event.ticker,
        market_id(event.ticker),
        price_text(price_e4),
        count_text(event.change_e2),
        event.side.value,
        milliseconds(event.exchange_us or event.at_us),
    )


# ------------------------------------------------------------------------- other public data


class TickerBody(msgspec.Struct, kw_only=True):
    """A market's quotes and statistics."""

    market_ticker: str
    market_id: str
    price_dollars: str
    yes_bid_dollars: str
    yes_ask_dollars: str
    yes_bid_size_fp: str
    yes_ask_size_fp: str
    last_trade_size_fp: str
    volume_fp: str
    open_interest_fp: str
    dollar_volume: int
    dollar_open_interest: int
    ts_ms: int
    ts: int
    time: str


def ticker_of(market: Market, book: OrderBook, last_size_e2: E2, at_us: Micros) -> TickerBody:
    """Return a market's statistics; the exchange counts half a dollar a contract as volume."""
    touch = touch_of(book)
    volume_e2, interest_e2 = market.volume_e2 or 0, market.open_interest_e2 or 0
    return TickerBody(
        market_ticker=market.ticker,
        market_id=market_id(market.ticker),
        price_dollars=quote_text(market.last_price_e4),
        yes_bid_dollars=touch.yes_bid,
        yes_ask_dollars=touch.yes_ask,
        yes_bid_size_fp=touch.yes_bid_size,
        yes_ask_size_fp=touch.yes_ask_size,
        last_trade_size_fp=count_text(last_size_e2),
        volume_fp=count_text(volume_e2),
        open_interest_fp=count_text(interest_e2),
        dollar_volume=volume_e2 // 200,
        dollar_open_interest=interest_e2 // 200,
        ts_ms=milliseconds(at_us),
        ts=unix_seconds(at_us),
        time=iso(at_us),
    )


class TradeMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A public trade."""

    trade_id: str
    market_ticker: str
    yes_price_dollars: str
    no_price_dollars: str
    count_fp: str
    taker_side: str | UnsetType = UNSET
    taker_outcome_side: str | UnsetType = UNSET
    taker_book_side: str | UnsetType = UNSET
    is_block_trade: bool
    ts: int
    ts_ms: int


def trade_of(event: TradePrinted) -> TradeMessage:
    """Return a public trade."""
    taker = event.taker_side
    at_us = event.exchange_us or event.at_us
    return TradeMessage(
        trade_id=event.trade_id,
        market_ticker=event.ticker,
        yes_price_dollars=price_text(event.yes_price_e4),
        no_price_dollars=price_text(complement(event.yes_price_e4)),
        count_fp=count_text(event.quantity_e2),
        taker_side=UNSET if taker is None else taker.value,
        taker_outcome_side=UNSET if taker is None else taker.value,
        taker_book_side=UNSET if taker is None else book_side(taker),
        is_block_trade=False,
        ts=unix_seconds(at_us),
        ts_ms=milliseconds(at_us),
    )


class LifecycleBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A step of a market's life; moments are Unix seconds."""

    market_ticker: str
    event_type: str
    exchange_index: int
    open_ts: int | UnsetType = UNSET
    close_ts: int | UnsetType = UNSET
    determination_ts: int | UnsetType = UNSET
    settled_ts: int | UnsetType = UNSET
    result: str | UnsetType = UNSET
    settlement_value: str | UnsetType = UNSET
    is_deactivated: bool | UnsetType = UNSET
    price_level_structure: str | UnsetType = UNSET
    price_ranges: list[PriceRangeBody] | UnsetType = UNSET
    additional_metadata: dict[str, object] | UnsetType = UNSET


def _seconds(at_us: Micros | None) -> int | UnsetType:
    return UNSET if at_us is None else unix_seconds(at_us)


def lifecycle_of(kind: str, market: Market, at_us: Micros) -> LifecycleBody:
    """Return a step of a market's life with the fields of its kind."""
    body = LifecycleBody(market_ticker=market.ticker, event_type=kind, exchange_index=market.shard)
    if kind == "created":
        body.open_ts, body.close_ts = _seconds(market.open_us), _seconds(market.close_us)
        body.price_level_structure = structure_of(market.grid)
        body.price_ranges = ranges_of(market.grid)
        body.additional_metadata = {
            "title": market.title,
            "event_ticker": market.event_ticker,
            "can_close_early": market.can_close_early,
        }
    elif kind == "price_level_structure_updated":
        body.price_level_structure = structure_of(market.grid)
        body.price_ranges = ranges_of(market.grid)
    elif kind == "metadata_updated":
        body.additional_metadata = {"title": market.title}
    elif kind == "close_date_updated":
        body.close_ts = _seconds(market.close_us)
    elif kind in {"activated", "deactivated"}:
        body.is_deactivated = kind == "deactivated"
    elif kind == "determined":
        body.determination_ts, body.result = unix_seconds(at_us), market.result or UNSET
    elif kind == "settled":
        body.settled_ts = unix_seconds(at_us)
    if kind in {"determined", "settled"} and market.settlement_e4 is not None:
        body.settlement_value = price_text(market.settlement_e4)
    return body


class EventLifeBody(msgspec.Struct, kw_only=True):
    """An event that has its first market."""

    event_ticker: str
    series_ticker: str
    title: str
    subtitle: str
    collateral_return_type: str
    exchange_index: int


def event_of(notice: EventNotice) -> EventLifeBody:
    """Return the beginning of an event."""
    group = notice.group
    return EventLifeBody(
        event_ticker=group.ticker,
        series_ticker=group.series_ticker,
        title=group.title,
        subtitle="",
        collateral_return_type=group.collateral_return,
        exchange_index=notice.shard,
    )


class EventFeeBody(msgspec.Struct, kw_only=True):
    """An event's override of its series' fees; both null clear it."""

    event_ticker: str
    fee_type_override: str | None
    fee_multiplier_override: Decimal | None


def event_fees_of(notice: EventFeeNotice) -> EventFeeBody:
    """Return a change of an event's fees."""
    multiplier = notice.override.multiplier
    return EventFeeBody(
        event_ticker=notice.event_ticker,
        fee_type_override=notice.override.fee_type,
        fee_multiplier_override=None if multiplier is None else plain_number(multiplier),
    )


def raw(content: object) -> Raw:
    """Return content encoded once, to be wrapped for any number of subscriptions."""
    return Raw(encode(content))
