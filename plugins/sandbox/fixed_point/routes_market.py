"""The public reads: exchange, series, events, markets, books and trades."""

from collections.abc import Callable
from typing import Final

import msgspec

from framework.model.market import EventGroup, Market, Series
from framework.model.units import Ticker
from plugins.sandbox import selecting
from plugins.sandbox.core.rows import Pause
from plugins.sandbox.fixed_point.routes_fees import event_override, series_terms
from plugins.sandbox.fixed_point.wire_market import (
    EventBody,
    MarketBody,
    SeriesBody,
    book_body,
    event_body,
    market_body,
    series_body,
    trade_body,
)
from plugins.sandbox.rates import CANCEL_COST, DEFAULT_COST, LOOKUP_COST, SHARDS
from plugins.sandbox.request import Reply, Request, reply
from plugins.sandbox.selecting import markets_of
from plugins.sandbox.venue import Venue
from plugins.sandbox.wire import bad_parameter, iso, refused

_DAYS: Final = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_MOST_BOOKS: Final = 100
_ALL_DAY: Final = [{"open_time": "00:00", "close_time": "00:00"}]


def status(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/status`: what rests just now."""
    pause = venue.exchange.pause
    flags = {
        "exchange_active": pause is not Pause.EVERYTHING,
        "trading_active": pause is Pause.NOTHING,
        "intra_exchange_transfers_active": pause is not Pause.EVERYTHING,
    }
    shards = [{"exchange_index": shard, "description": "", **flags} for shard in SHARDS]
    now_us = venue.exchange.now_us
    planned = (plan for plan in venue.exchange.pauses if plan.from_us <= now_us < plan.until_us)
    resume = next((iso(plan.until_us) for plan in planned), None)
    return reply(
        {**flags, "exchange_estimated_resume_time": resume, "exchange_index_statuses": shards}
    )


def schedule(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/schedule`: open round the clock but for the planned pauses."""
    hours = {
        "start_time": "2020-01-01T00:00:00Z",
        "end_time": "2200-12-01T00:00:00Z",
        **dict.fromkeys(_DAYS, _ALL_DAY),
    }
    windows = [
        {"start_datetime": iso(pause.from_us), "end_datetime": iso(pause.until_us)}
        for pause in venue.exchange.pauses
    ]
    return reply({"schedule": {"standard_hours": [hours], "maintenance_windows": windows}})


def user_data_timestamp(venue: Venue, _request: Request) -> Reply:
    """Answer `GET /exchange/user_data_timestamp`: how far the account's reads are."""
    return reply({"as_of_time": iso(venue.account.now_us)})


def endpoint_costs(_venue: Venue, _request: Request) -> Reply:
    """Answer `GET /account/endpoint_costs`."""
    costs = (
        ("DELETE", "/portfolio/events/orders/{order_id}", CANCEL_COST),
        ("DELETE", "/portfolio/events/orders", CANCEL_COST),
        ("DELETE", "/portfolio/events/orders/batched", CANCEL_COST),
        ("GET", "/portfolio/orders/{order_id}", LOOKUP_COST),
    )
    rows = [{"method": method, "path": path, "cost": cost} for method, path, cost in costs]
    return reply({"default_cost": DEFAULT_COST, "endpoint_costs": rows})


# ------------------------------------------------------------------------- series and events


def series_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /series`, which has no paging."""
    show = _series_shown(venue, volume=request.query.flag("include_volume"))
    return reply({"series": [show(series) for series in selecting.series(venue, request.query)]})


def series_one(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /series/{ticker}`."""
    series = venue.exchange.series.get(ticker)
    if series is None:
        raise refused(404, "not_found")
    show = _series_shown(venue, volume=request.query.flag("include_volume"))
    return reply({"series": show(series)})


def _series_shown(venue: Venue, *, volume: bool) -> Callable[[Series], SeriesBody]:
    """Return a way to show a series as its markets are now."""
    terms = series_terms(venue)
    shards: dict[Ticker | None, int] = {}
    volumes: dict[Ticker | None, int] = {}
    for market in venue.exchange.markets.values():
        series = selecting.series_of(venue, market)
        shards[series] = market.shard
        volumes[series] = volumes.get(series, 0) + (market.volume_e2 or 0)

    def shown(series: Series) -> SeriesBody:
        name = series.ticker
        traded_e2 = volumes.get(name, 0) if volume else None
        return series_body(series, terms.get(name), shard=shards.get(name, 0), volume_e2=traded_e2)

    return shown


def events_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /events`."""
    nested = request.query.flag("with_nested_markets")
    groups, cursor = selecting.events(venue, request.query)
    bodies = [_event(venue, group, nested=nested) for group in groups]
    more: dict[str, object] = {"milestones": []} if request.query.flag("with_milestones") else {}
    return reply({"events": bodies, "cursor": cursor, **more})


def events_one(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /events/{ticker}`, with its markets inside or beside the event."""
    group = venue.exchange.event_groups.get(ticker)
    if group is None or not markets_of(venue, group):
        raise refused(404, "not_found")
    if request.query.flag("with_nested_markets"):
        return reply({"event": _event(venue, group, nested=True)})
    markets = [market_shown(venue, market) for market in markets_of(venue, group)]
    return reply({"event": _event(venue, group, nested=False), "markets": markets})


def _event(venue: Venue, group: EventGroup, *, nested: bool) -> EventBody:
    markets = markets_of(venue, group)
    series = venue.exchange.series.get(group.series_ticker)
    return event_body(
        group,
        series.category if series else "",
        markets[0].shard,
        [market_shown(venue, market) for market in markets] if nested else msgspec.UNSET,
        event_override(venue, group),
    )


# ----------------------------------------------------------------------- markets and trades


def markets_list(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets`."""
    markets, cursor = selecting.markets(venue, request.query)
    return reply({"markets": [market_shown(venue, market) for market in markets], "cursor": cursor})


def markets_one(venue: Venue, _request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}`."""
    return reply({"market": market_shown(venue, selecting.market(venue, ticker))})


def orderbook(venue: Venue, request: Request, ticker: Ticker) -> Reply:
    """Answer `GET /markets/{ticker}/orderbook`; a depth of 0 is all of it."""
    depth = request.query.number("depth", 0, most=100)
    selecting.market(venue, ticker)
    return reply({"orderbook_fp": book_body(venue.exchange.book(ticker), depth or None)})


def market_shown(venue: Venue, market: Market) -> MarketBody:
    """Return a market as it is now."""
    book = venue.exchange.book(market.ticker)
    return market_body(
        market,
        book,
        venue.settled_us.get(market.ticker),
        created_us=venue.created_us.get(market.ticker),
        updated_us=venue.updated_us.get(market.ticker),
    )


def orderbooks(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets/orderbooks` for up to 100 markets; unknown ones are left out."""
    tickers = request.query.several("tickers")
    if not tickers or len(tickers) > _MOST_BOOKS:
        raise bad_parameter("Invalid value for parameter tickers: 1 to 100")
    known = [ticker for ticker in tickers if ticker in venue.exchange.markets]
    books = [
        {"ticker": ticker, "orderbook_fp": book_body(venue.exchange.book(ticker), None)}
        for ticker in known
    ]
    return reply({"orderbooks": books})


def trades(venue: Venue, request: Request) -> Reply:
    """Answer `GET /markets/trades`, newest first."""
    found, cursor = selecting.trades(venue, request.query)
    return reply({"trades": [trade_body(trade) for trade in found], "cursor": cursor})
