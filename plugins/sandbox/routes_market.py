"""The public reads: exchange, series, events, markets, books and trades."""

from collections.abc import Callable
from typing import Final

import msgspec

from framework.model.events import TradePrinted
from framework.model.market import EventGroup, Market, MarketStatus
from framework.model.units import Ticker
from plugins.sandbox.rates import CANCEL_COST, DEFAULT_COST, LOOKUP_COST, SHARDS
from plugins.sandbox.request import Query, Reply, Request, page_of, reply
from plugins.sandbox.rows import Pause
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import iso, refused
from plugins.sandbox.wire_market import (
    EventBody,
    MarketBody,
    book_body,
    event_body,
    market_body,
    series_body,
    statuses_listed_as,
    trade_body,
)

_DAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_ALL_DAY: Final = [{"open_time": "00:00", "close_time": "00:00"}]


def status(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/status`: what rests just now."""
    pause = venue.exchange.pause
    flags = {
        "exchange_active": pause is not Pause.EVERYTHING,
        "trading_active": pause is Pause.NOTHING,
        "intra_exchange_transfers_active": False,
    }
    shards = [{"exchange_index": shard, "description": "", **flags} for shard in SHARDS]
    return reply(
        {**flags, "exchange_estimated_resume_time": None, "exchange_index_statuses": shards}
    )


def schedule(_venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/schedule`: open round the clock, no maintenance."""
    hours = {
        "start_time": "2020-01-01T00:00:00Z",
        "end_time": "2200-12-01T00:00:00Z",
        **dict.fromkeys(_DAYS, _ALL_DAY),
    }
    return reply({"schedule": {"standard_hours": [hours], "maintenance_windows": []}})


def user_data_timestamp(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/user_data_timestamp`: reads never lag."""
    return reply({"as_of_time": iso(venue.exchange.now_us)})


def endpoint_costs(_venue: Venue, _request: Request) -> Reply:
    """Answer `GET /account/endpoint_costs`."""
    costs = (
        ("DELETE", "/portfolio/events/orders/{order_id}", CANCEL_COST),
        ("DELETE", "/portfolio/events/orders", CANCEL_COST),
        ("GET", "/portfolio/orders/{order_id}", LOOKUP_COST),
    )
    rows = [{"method": method, "path": path, "cost": cost} for method, path, cost in costs]
    return reply({"default_cost": DEFAULT_COST, "endpoint_costs": rows})


# ------------------------------------------------------------------------- series and events


def series_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /series`, which has no paging."""
    category, tags = request.query.text("category"), request.query.listed("tags")
    found = [
        series_body(series)
        for series in venue.exchange.series.values()
        if (category is None or series.category == category)
        and (tags is None or not tags.isdisjoint(series.tags))
    ]
    return reply({"series": found})


def series_one(venue: Venue, _request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /series/{ticker}`."""
    series = venue.exchange.series.get(ticker)
    if series is None:
        raise refused(404, "not_found")
    return reply({"series": series_body(series)})


def events_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /events`; an event matches a status when one of its markets does."""
    query = request.query
    wanted = _status_filter(query)
    series, tickers = query.text("series_ticker"), query.listed("tickers")
    nested = query.flag("with_nested_markets")

    def keep(group: EventGroup) -> bool:
        markets = _listed(venue, group)
        return (
            bool(markets)
            and (series is None or group.series_ticker == series)
            and (tickers is None or group.ticker in tickers)
            and any(wanted is None or market.status in wanted for market in markets)
        )

    page = page_of(query, default=200, most=200)
    groups, cursor = page.oldest_first(tuple(venue.exchange.event_groups.values()), keep)
    bodies = [_event(venue, group, nested=nested) for group in groups]
    return reply({"events": bodies, "cursor": cursor})


def events_one(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /events/{ticker}`, with its markets inside or beside the event."""
    group = venue.exchange.event_groups.get(ticker)
    if group is None or not _listed(venue, group):
        raise refused(404, "not_found")
    if request.query.flag("with_nested_markets"):
        return reply({"event": _event(venue, group, nested=True)})
    markets = [_market(venue, market) for market in _listed(venue, group)]
    return reply({"event": _event(venue, group, nested=False), "markets": markets})


def _listed(venue: Venue, group: EventGroup) -> list[Market]:
    """Return the event's markets that exist by now; a world may know of later ones."""
    known = venue.exchange.markets
    return [known[ticker] for ticker in group.markets if ticker in known]


def _event(venue: Venue, group: EventGroup, *, nested: bool) -> EventBody:
    markets = _listed(venue, group)
    series = venue.exchange.series.get(group.series_ticker)
    return event_body(
        group,
        series.category if series else "",
        markets[0].shard,
        [_market(venue, market) for market in markets] if nested else msgspec.UNSET,
    )


# ----------------------------------------------------------------------- markets and trades


def markets_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets`."""
    query = request.query
    keep = _market_filter(venue, query)
    page = page_of(query)
    markets, cursor = page.oldest_first(tuple(venue.exchange.markets.values()), keep)
    return reply({"markets": [_market(venue, market) for market in markets], "cursor": cursor})


def _market_filter(venue: Venue, query: Query) -> Callable[[Market], bool]:
    wanted = _status_filter(query)
    tickers, events = query.listed("tickers"), query.listed("event_ticker")
    series = query.text("series_ticker")
    earliest, latest = query.seconds("min_close_ts"), query.seconds("max_close_ts")
    combos_only = query.text("mve_filter") == "only"

    def keep(market: Market) -> bool:
        return (
            not combos_only
            and (wanted is None or market.status in wanted)
            and (tickers is None or market.ticker in tickers)
            and (events is None or market.event_ticker in events)
            and (series is None or _series_of(venue, market) == series)
            and (earliest is None or (market.close_us or 0) >= earliest)
            and (latest is None or (market.close_us or 0) <= latest)
        )

    return keep


def _series_of(venue: Venue, market: Market) -> Ticker | None:
    group = venue.exchange.event_groups.get(market.event_ticker)
    return group.series_ticker if group else market.series_ticker


def _status_filter(query: Query) -> frozenset[MarketStatus] | None:
    name = query.text("status")
    if name is None:
        return None
    wanted = statuses_listed_as(name)
    if wanted is None:
        raise refused(400, "bad_request", details="invalid status filter")
    return wanted


def markets_one(venue: Venue, _request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}`."""
    return reply({"market": _market(venue, _known(venue, ticker))})


def orderbook(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}/orderbook`; a depth of 0 is all of it."""
    depth = request.query.number("depth", 0, most=100)
    _known(venue, ticker)
    return reply({"orderbook_fp": book_body(venue.exchange.book(ticker), depth or None)})


def _known(venue: Venue, ticker: Ticker) -> Market:
    market = venue.exchange.markets.get(ticker)
    if market is None:
        raise refused(404, "not_found")
    return market


def _market(venue: Venue, market: Market) -> MarketBody:
    book = venue.exchange.book(market.ticker)
    return market_body(market, book, venue.settled_us.get(market.ticker))


def trades(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets/trades`, newest first."""
    query = request.query
    ticker, blocks = query.text("ticker"), query.flag("is_block_trade")
    earliest, latest = query.seconds("min_ts"), query.seconds("max_ts")

    def keep(trade: TradePrinted) -> bool:
        at_us = trade.exchange_us or trade.at_us
        return (
            not blocks
            and (ticker is None or trade.ticker == ticker)
            and (earliest is None or at_us >= earliest)
            and (latest is None or at_us <= latest)
        )

    found, cursor = page_of(query).newest_first(venue.trades, keep)
    return reply({"trades": [trade_body(trade) for trade in found], "cursor": cursor})
