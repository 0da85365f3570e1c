"""The public reads of the cents dialect; markets with finer grids do not exist in it."""

import msgspec

from framework.model.market import EventGroup, Market
from framework.model.units import Ticker
from plugins.sandbox import selecting
from plugins.sandbox.cents.counter import CentsCounter
from plugins.sandbox.cents.numbers import is_served
from plugins.sandbox.cents.wire_market import (
    EventBody,
    MarketBody,
    book_body,
    event_body,
    market_body,
    series_body,
    trade_body,
)
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.fixed_point import routes_market as today
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.wire import refused


def status(counter: CentsCounter, _request: Request) -> Reply:
    """Answer `GET /exchange/status`: what rests just now."""
    pause = counter.exchange.pause
    return reply(
        {
            "exchange_active": pause is not Pause.EVERYTHING,
            "exchange_estimated_resume_time": None,
            "trading_active": pause is Pause.NOTHING,
        }
    )


def schedule(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /exchange/schedule`, which names no price."""
    return today.schedule(counter.venue, request)


def user_data_timestamp(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /exchange/user_data_timestamp`."""
    return today.user_data_timestamp(counter.venue, request)


def series_list(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /series`, which has no paging."""
    found = selecting.series(counter.venue, request.query)
    return reply({"series": [series_body(series) for series in found]})


def series_one(counter: CentsCounter, _request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /series/{ticker}`."""
    series = counter.exchange.series.get(ticker)
    if series is None:
        raise refused(404, "not_found")
    return reply({"series": series_body(series)})


def events_list(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /events`: those with a market of this dialect."""
    nested = request.query.flag("with_nested_markets")
    groups, cursor = selecting.events(counter.venue, request.query, is_served)
    bodies = [_event(counter, group, nested=nested) for group in groups]
    return reply({"events": bodies, "cursor": cursor, "milestones": []})


def events_one(counter: CentsCounter, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /events/{ticker}`, with its markets inside or beside the event."""
    group = counter.exchange.event_groups.get(ticker)
    markets = [] if group is None else selecting.markets_of(counter.venue, group, is_served)
    if group is None or not markets:
        raise refused(404, "not_found")
    if request.query.flag("with_nested_markets"):
        return reply({"event": _event(counter, group, nested=True)})
    bodies = [_market(counter, market) for market in markets]
    return reply({"event": _event(counter, group, nested=False), "markets": bodies})


def _event(counter: CentsCounter, group: EventGroup, *, nested: bool) -> EventBody:
    series = counter.exchange.series.get(group.series_ticker)
    markets = selecting.markets_of(counter.venue, group, is_served) if nested else []
    return event_body(
        group,
        series.category if series else "",
        [_market(counter, market) for market in markets] if nested else msgspec.UNSET,
    )


def markets_list(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /markets`."""
    markets, cursor = selecting.markets(counter.venue, request.query, is_served)
    return reply({"markets": [_market(counter, market) for market in markets], "cursor": cursor})


def markets_one(counter: CentsCounter, _request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}`."""
    market = selecting.market(counter.venue, ticker, is_served)
    return reply({"market": _market(counter, market)})


def _market(counter: CentsCounter, market: Market) -> MarketBody:
    series = selecting.series_of(counter.venue, market)
    venue, ticker = counter.venue, market.ticker
    return market_body(
        market,
        series,
        venue.exchange.book(ticker),
        venue.created_us.get(ticker),
        venue.settled_us.get(ticker),
    )


def orderbook(counter: CentsCounter, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}/orderbook`; a depth of 0 is all of it."""
    depth = request.query.number("depth", 0, most=100)
    selecting.market(counter.venue, ticker, is_served)
    return reply({"orderbook": book_body(counter.exchange.book(ticker), depth or None)})


def trades(counter: CentsCounter, request: Request) -> Reply:
    """Answer `GET /markets/trades`, newest first."""
    found, cursor = selecting.trades(counter.venue, request.query, is_served)
    return reply({"trades": [trade_body(trade) for trade in found], "cursor": cursor})
