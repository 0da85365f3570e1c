"""Recorded REST bodies of events: what a market was, and what became of it, kept apart.

The bodies were fetched after the settlement, so they hold the future: result, payment, volume,
open interest and quotes. `Known` has none of that; `Fate` has what the world tells when its time
has come.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from framework.errors import DataError
from framework.model.market import (
    WHOLE_CENT,
    EventGroup,
    Market,
    MarketStatus,
    PriceGrid,
    PriceRange,
    Series,
    Settlement,
)
from framework.model.units import E4, ONE_DOLLAR_E4, Micros, Ticker, to_e4


class _Range(msgspec.Struct):
    start: str
    end: str
    step: str


class _MarketBody(msgspec.Struct):
    ticker: str
    event_ticker: str
    open_time: datetime
    close_time: datetime
    title: str = ""
    created_time: datetime | None = None
    expected_expiration_time: datetime | None = None
    can_close_early: bool = False
    price_ranges: list[_Range] = []
    exchange_index: int = 0
    settlement_timer_seconds: int = 0
    settlement_ts: datetime | None = None
    result: str = ""
    settlement_value_dollars: str | None = None


class _EventBody(msgspec.Struct):
    event_ticker: str
    series_ticker: str
    title: str = ""
    sub_title: str = ""
    category: str = ""
    mutually_exclusive: bool = False
    collateral_return_type: str = ""
    markets: list[_MarketBody] = []


class _Body(msgspec.Struct):
    event: _EventBody
    markets: list[_MarketBody] = []


class _Fetched(msgspec.Struct):
    """A body with the circumstances of its fetch."""

    response: _Body


class Fate(msgspec.Struct, frozen=True):
    """How a market ended, to be told when it is time."""

    determined_us: Micros
    settlement: Settlement


class Known(msgspec.Struct, frozen=True):
    """A market as it was listed, and its end."""

    market: Market
    created_us: Micros | None
    fate: Fate | None
    """None when the recording does not know the end."""


class Metadata(msgspec.Struct, frozen=True):
    """Everything the bodies of a recording say."""

    series: dict[Ticker, Series]
    event_groups: dict[Ticker, EventGroup]
    markets: dict[Ticker, Known]


def read_metadata(files: Iterable[Path]) -> Metadata:
    """Read event bodies, plain or as fetched.

    Raises:
        DataError: a file is no event body; one line per file.
    """
    known = Metadata({}, {}, {})
    problems: list[str] = []
    for path in files:
        try:
            _add(known, _decode(path.read_bytes()))
        except (msgspec.DecodeError, ValueError) as error:
            problems.append(f"{path}: not the body of GET /events/TICKER ({error}); fetch it again")
    if problems:
        raise DataError(*problems)
    return known


def _decode(content: bytes) -> _Body:
    try:
        return msgspec.json.decode(content, type=_Fetched).response
    except msgspec.ValidationError:
        return msgspec.json.decode(content, type=_Body)


def _add(known: Metadata, body: _Body) -> None:
    event = body.event
    markets = {market.ticker: market for market in (*event.markets, *body.markets)}
    known.series[event.series_ticker] = Series(
        ticker=event.series_ticker, title=event.series_ticker, category=event.category
    )
    known.event_groups[event.event_ticker] = EventGroup(
        ticker=event.event_ticker,
        series_ticker=event.series_ticker,
        # The subtitle names the window; a title may name a strike that was set at the open.
        title=event.sub_title or event.title,
        mutually_exclusive=event.mutually_exclusive,
        collateral_return=event.collateral_return_type,
        markets=tuple(markets),
    )
    for market in markets.values():
        known.markets[market.ticker] = Known(
            _listed(market, event),
            None if market.created_time is None else _us(market.created_time),
            _fate(market),
        )


def _listed(market: _MarketBody, event: _EventBody) -> Market:
    expected = market.expected_expiration_time
    return Market(
        ticker=market.ticker,
        event_ticker=event.event_ticker,
        series_ticker=event.series_ticker,
        title=market.title,
        status=MarketStatus.ACTIVE,
        grid=_grid(market.price_ranges),
        open_us=_us(market.open_time),
        close_us=_us(market.close_time),
        expected_expiration_us=None if expected is None else _us(expected),
        can_close_early=market.can_close_early,
        mutually_exclusive=event.mutually_exclusive,
        shard=market.exchange_index,
    )


def _grid(ranges: list[_Range]) -> PriceGrid:
    if not ranges:
        return WHOLE_CENT
    return PriceGrid(
        tuple(PriceRange(to_e4(part.start), to_e4(part.end), to_e4(part.step)) for part in ranges)
    )


def _fate(market: _MarketBody) -> Fate | None:
    pays = _pays(market)
    if pays is None or market.settlement_ts is None:
        return None
    settled_us = _us(market.settlement_ts)
    determined_us = settled_us - market.settlement_timer_seconds * 1_000_000
    return Fate(
        min(settled_us, max(determined_us, _us(market.close_time))),
        Settlement(ticker=market.ticker, at_us=settled_us, result=market.result, yes_pays_e4=pays),
    )


def _pays(market: _MarketBody) -> E4 | None:
    """Return what a YES contract paid, or None when the body does not say."""
    if market.result == "yes":
        return ONE_DOLLAR_E4
    if market.result == "no":
        return 0
    value = market.settlement_value_dollars
    return None if market.result != "scalar" or value is None else to_e4(value)


def _us(moment: datetime) -> Micros:
    # Whole seconds and microseconds apart: a float timestamp can't hold both exactly.
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
